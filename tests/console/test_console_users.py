"""The pages about the users of an app."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.messaging import TEXT, chat, create_switchboard, create_user, post
from support.stores import STORES
from support.visitor import Page, Visitor
from support.wire import Service, Tenant, Wire, make_tenant

EVIL = "<script>alert(1)</script>\u202egpj"

pytestmark = pytest.mark.parametrize("service", STORES, indirect=True, scope="session")


@pytest.fixture
def jane(wire: Wire, tenant: Tenant) -> dict[str, Any]:
    profile = {"givenName": "Jane", "surname": "Doe", "email": "jane@example.com", "locale": "fr"}
    return create_user(wire, tenant, externalId="jane/1", profile=profile, metadata={"tier": "gold", "visits": 3})


def list_of(tenant: Tenant) -> str:
    return f"/console/apps/{tenant.app_id}/users"


def page_of(tenant: Tenant, user: dict[str, Any]) -> str:
    return f"{list_of(tenant)}/{user['id']}"


def listed(page: Page) -> list[str]:
    """Return the ids of the users on a page of the list."""
    return re.findall(r'<th scope="row"><a href="[^"]*/users/([0-9a-f]{24})">', page.html)


def get_user(wire: Wire, tenant: Tenant, user: dict[str, Any]) -> dict[str, Any]:
    return dict(wire.get(f"{tenant.users}/{user['id']}", tenant.app_key).json["user"])


def log_in(wire: Wire, tenant: Tenant, user: dict[str, Any], email: str) -> None:
    """Let a person log in with an e-mail identity."""
    path = f"/simulator/v1/apps/{tenant.app_id}/users/{user['id']}/login"
    assert wire.post(path, tenant.app_key, {"externalId": user["externalId"], "email": email}).status == 201


def test_users_are_listed_newest_first_in_pages(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    assert "There are no users yet." in member.get(list_of(tenant)).text
    ids = sorted((create_user(wire, tenant)["id"] for _ in range(110)), reverse=True)
    pages = [member.get(list_of(tenant))]
    while older := re.search(r'href="([^"]*)" rel="next"', pages[-1].html):
        pages.append(member.get(older[1]))
    assert [len(listed(page)) for page in pages] == [50, 50, 10]
    assert [id for page in pages for id in listed(page)] == ids
    for before, after in zip(pages[1::-1], pages[:0:-1], strict=True):
        newer = re.search(r'href="([^"]*)" rel="prev"', after.html)
        assert newer and listed(member.get(newer[1])) == listed(before)
    assert 'rel="prev"' not in pages[0].html
    for query in ("before=x", f"before={ids[0]}&after={ids[0]}"):
        assert member.get(f"{list_of(tenant)}?{query}").status == 400


def test_search_finds_ids_external_ids_and_email_identities(
    member: Visitor, wire: Wire, tenant: Tenant, jane: dict[str, Any]
) -> None:
    other = create_user(wire, tenant, externalId="other@example.com", profile={"email": "jane@example.com"})
    log_in(wire, tenant, other, "shared@example.com")
    log_in(wire, tenant, jane, "shared@example.com")
    named = create_user(wire, tenant, externalId="shared@example.com")
    for text, users in (
        (jane["id"], [jane]),
        ("jane%2F1", [jane]),
        ("%20jane%2F1%20", [jane]),
        ("other%40example.com", [other]),
        ("SHARED%40example.com", [jane, other]),
        ("shared%40example.com", [named, jane, other]),
        ("jane%40example.com", []),
        ("Jane", []),
        ("%00", []),
        ("..", []),
    ):
        page = member.get(f"{list_of(tenant)}?search={text}")
        assert page.status == 200 and sorted(listed(page)) == sorted(user["id"] for user in users), text
        assert ("No user has this id" in page.text) is not bool(users)
    fault = member.get(f"{list_of(tenant)}?search={'x' * 1025}")
    assert fault.status == 422 and "1025 characters" in fault.of("search-fault")


def test_user_page_shows_profile_identities_metadata_clients_and_conversations(
    member: Visitor, wire: Wire, tenant: Tenant, jane: dict[str, Any]
) -> None:
    create_switchboard(wire, tenant)
    log_in(wire, tenant, jane, "jane@example.org")
    started = wire.post(
        f"/simulator/v1/apps/{tenant.app_id}/conversations", tenant.app_key, {"userId": jane["id"]}
    ).json["conversation"]["id"]
    group = chat(wire, tenant, jane, create_user(wire, tenant))
    page = member.get(page_of(tenant, jane))
    for text in (
        "Jane Doe", "External id jane/1", "Given name Jane", "E-mail jane@example.com", "Locale fr", "email jane@example.org",
        "tier gold", "visits 3", "active", "sdkGroup", "personal default",
    ):  # fmt: skip
        assert text in page.text, text
    for conversation in (started, group):
        assert f'href="/console/apps/{tenant.app_id}/chat/{conversation}"' in page.html
        assert f'href="/console/apps/{tenant.app_id}/switchboard/{conversation}"' in page.html
    assert re.search(r"sdk [0-9a-f]{24}", page.text)


def test_conversations_of_a_user_have_pages(member: Visitor, wire: Wire, tenant: Tenant, jane: dict[str, Any]) -> None:
    ids = {chat(wire, tenant, jane) for _ in range(30)}
    first = member.get(page_of(tenant, jane))
    following = re.search(r'href="([^"]*)" rel="next"', first.html)
    assert following
    second = member.get(following[1])
    shown = [re.findall(r"/chat/([0-9a-f]{24})", page.html) for page in (first, second)]
    assert [len(part) for part in shown] == [25, 5] and {*shown[0], *shown[1]} == ids
    assert member.get(f"{page_of(tenant, jane)}?after=x").status == 400


def test_texts_of_people_are_escaped_and_cannot_turn_around(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    profile = {"givenName": EVIL, "surname": "x" * 128, "email": "jane@example.com"}
    user = create_user(wire, tenant, externalId=EVIL, profile=profile, metadata={EVIL: EVIL})
    post(wire, tenant, chat(wire, tenant, user), TEXT)
    for path in ("", f"/{user['id']}", f"/{user['id']}/profile", f"/{user['id']}/delete"):
        page = member.get(f"{list_of(tenant)}{path}")
        assert page.status == 200 and "<script>alert" not in page.html
        if not path.endswith("profile"):  # a field has the text itself
            assert "\u202e" not in page.html
    blank = create_user(wire, tenant, profile={"givenName": "\u2800 "})
    assert blank["id"] in member.get(page_of(tenant, blank)).text


def test_profile_is_edited_and_empty_fields_are_removed(
    member: Visitor, wire: Wire, tenant: Tenant, jane: dict[str, Any]
) -> None:
    page = member.get(f"{page_of(tenant, jane)}/profile")
    assert page.form("/profile").fields["given-name"] == "Jane"
    fields = {"given-name": "Janet", "surname": "", "email": "janet@example.com"}
    shown = member.follow(member.submit(page, "/profile", **fields))
    assert "Profile changed." in shown.text and "Given name Janet" in shown.text
    changed = get_user(wire, tenant, jane)
    assert changed["profile"] | {"localeOrigin": ""} == {
        "givenName": "Janet", "email": "janet@example.com", "locale": "fr", "localeOrigin": "",
    }  # fmt: skip
    assert changed["metadata"] == {"tier": "gold", "visits": 3}


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("given-name", "x" * 129, "The text has 129 characters. Use at most 128."),
        ("locale", "x" * 65, "The text has 65 characters. Use at most 64."),
        ("email", "jane", "This is not an e-mail address. Enter one such as jane@example.com."),
        ("email", "jane@@example.com", "This is not an e-mail address. Enter one such as jane@example.com."),
        ("surname", "a\0b", "The text has control characters. Remove them."),
    ],
)
def test_fault_of_a_profile_is_explained_beside_its_field(
    member: Visitor, wire: Wire, tenant: Tenant, jane: dict[str, Any], field: str, value: str, fault: str
) -> None:
    page = member.submit(member.get(f"{page_of(tenant, jane)}/profile"), "/profile", **{field: value})
    assert page.status == 422 and page.of(f"{field}-fault") == fault
    assert page.form("/profile").fields[field] == value
    assert get_user(wire, tenant, jane) == jane


def test_personal_information_is_deleted_after_a_confirmation(
    member: Visitor, wire: Wire, tenant: Tenant, jane: dict[str, Any]
) -> None:
    conversation = chat(wire, tenant, jane)
    page = member.get(f"{page_of(tenant, jane)}/personal-information")
    assert "Delete the personal information of the user “Jane Doe”?" in page.text
    refused = member.submit(page, "/personal-information", name="Jane")
    assert refused.status == 422 and "Nothing was deleted" in refused.text
    assert get_user(wire, tenant, jane) == jane
    shown = member.follow(member.submit(page, "/personal-information", name=" Jane  Doe"))
    assert "Personal information deleted." in shown.text and "The profile is empty." in shown.text
    cleared = get_user(wire, tenant, jane)
    assert (cleared["profile"], cleared["metadata"], cleared["externalId"]) == ({}, {}, "jane/1")
    assert conversation in shown.text


def test_user_is_deleted_after_a_confirmation(
    member: Visitor, wire: Wire, tenant: Tenant, jane: dict[str, Any]
) -> None:
    page = member.get(f"{page_of(tenant, jane)}/delete")
    assert "Nothing was deleted" in member.submit(page, "/delete", name="").text
    shown = member.follow(member.submit(page, "/delete", name="Jane Doe"))
    assert "User deleted" in shown.text and listed(shown) == []
    assert wire.get(f"{tenant.users}/{jane['id']}", tenant.app_key).status == 404
    for path in ("", "/profile", "/delete", "/personal-information"):
        gone = member.get(f"{page_of(tenant, jane)}{path}")
        assert gone.status == 404 and "There is no such user" in gone.text
    assert member.submit(page, "/delete", name="Jane Doe").status == 404


def test_users_of_other_apps_are_out_of_reach(
    member: Visitor, owner: Visitor, wire: Wire, service: Service, tenant: Tenant, jane: dict[str, Any]
) -> None:
    other = make_tenant(wire, service.account)
    assert member.get(list_of(other)).status == 403
    assert owner.get(page_of(other, jane)).status == 404
    assert listed(owner.get(f"{list_of(other)}?search={jane['id']}")) == []
    fields = owner.get(f"{page_of(tenant, jane)}/delete").form("/delete").fields | {"name": "Jane Doe"}
    for step in ("delete", "personal-information", "profile"):
        assert owner.post(f"{page_of(other, jane)}/{step}", fields).status == 404
        assert member.post(f"{page_of(other, jane)}/{step}", fields).status == 403
    assert get_user(wire, tenant, jane) == jane
    for path in (f"/console/apps/{'0' * 24}/users", f"/console/apps/{'0' * 24}/users?search=x"):
        assert owner.get(path).status == 404
