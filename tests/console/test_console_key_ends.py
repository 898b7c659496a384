"""The ends of keys in the console: the form of a new key, the status of each in lists, filters, sessions, rotation."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from support.rotations import rotation_path
from support.visitor import Page, Visitor
from support.wire import Key, Service, Tenant, Wire

DAY = 86400


def moment(seconds: float) -> str:
    """Return a time from now as the API has it."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def listed(wire: Wire, tenant: Tenant, path: str, name: str) -> dict[str, Any]:
    (key,) = [key for key in wire.get(path, tenant.account).json["keys"] if key["displayName"] == name]
    assert isinstance(key, dict)
    return key


def page_of(tenant: Tenant, *, of_app: bool) -> str:
    path = f"/console/apps/{tenant.app_id}"
    return path if of_app else f"{path}/integrations/{tenant.integration_id}"


def row(page: Page, name: str) -> str:
    """Return the HTML of a key's row."""
    (matching,) = [part for part in page.html.split("<tr>")[1:] if f">{name}</a>" in part]
    return matching.partition("</tr>")[0]


def ending(wire: Wire, tenant: Tenant, seconds: float, name: str) -> Key:
    body = {"displayName": name, "expiresAt": moment(seconds)}
    return Key.of(wire.post(tenant.keys, tenant.app_key, body).json["key"])


def end(wire: Wire, tenant: Tenant, key: Key) -> None:
    """Let a key of the tenant end at once."""
    answer = wire.send("PUT", rotation_path(tenant, key), tenant.account, body={"graceSeconds": 0})
    assert answer.status == 200, answer


@pytest.mark.parametrize("of_app", [False, True], ids=["integration", "app"])
@pytest.mark.parametrize(("choice", "days"), [("", None), ("1", 1), ("7", 7), ("30", 30), ("90", 90), ("365", 365)])
def test_key_gets_the_chosen_end(
    owner: Visitor, wire: Wire, tenant: Tenant, of_app: bool, choice: str, days: int | None
) -> None:
    page = owner.get(page_of(tenant, of_app=of_app))
    before = time.time()
    created = owner.submit(page, "/keys", name="New", end=choice)
    assert created.status == 303
    key = listed(wire, tenant, f"{tenant.app}/keys" if of_app else tenant.keys, "New")
    if days is None:
        assert "expiresAt" not in key
    else:
        left = datetime.fromisoformat(key["expiresAt"]).timestamp() - days * DAY
        assert before - 0.001 <= left <= time.time()


def test_key_ends_at_a_date_and_time_in_utc(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    page = owner.get(page_of(tenant, of_app=False))
    created = owner.submit(page, "/keys", name="New", end="own", **{"end-at": "2099-12-31T18:05"})
    assert listed(wire, tenant, tenant.keys, "New")["expiresAt"] == "2099-12-31T18:05:00.000Z"
    shown = owner.follow(created)
    assert "2099-12-31T18:05:00Z" in shown.text
    assert "live" in row(owner.get(page_of(tenant, of_app=False)), "New")


@pytest.mark.parametrize("of_app", [False, True], ids=["integration", "app"])
@pytest.mark.parametrize(
    ("choice", "typed", "fault"),
    [
        ("own", "", "The date is empty"),
        ("own", "tomorrow", "This is not a date and time"),
        ("own", "2099-02-30T10:00", "This is not a date and time"),
        ("own", "2020-01-01T10:00", "This time has passed"),
        ("own", "9999-01-01T10:00", "before the year 9999"),
        ("3", "", "This is not a choice"),
    ],
)
def test_wrong_end_is_shown_at_its_field_and_nothing_is_lost(
    owner: Visitor, wire: Wire, tenant: Tenant, of_app: bool, choice: str, typed: str, fault: str
) -> None:
    path = page_of(tenant, of_app=of_app)
    refused = owner.submit(owner.get(path), "/keys", name="A new one", end=choice, **{"end-at": typed})
    assert refused.status == 422
    field = "end-at" if choice == "own" else "end"
    assert fault in refused.html.partition(f'id="{field}-fault"')[2][:200]
    form = refused.form("/keys")
    assert (form.fields["name"], form.fields["end-at"]) == ("A new one", typed)
    assert choice != "own" or '<option value="own" selected>' in refused.html
    keys = wire.get(f"{tenant.app}/keys" if of_app else tenant.keys, tenant.account).json["keys"]
    assert "A new one" not in [key["displayName"] for key in keys]


def test_form_that_is_sent_twice_creates_one_key_with_an_end(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    page = owner.get(page_of(tenant, of_app=False))
    answers = [owner.submit(page, "/keys", name="New", end="7") for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert listed(wire, tenant, tenant.keys, "New")["id"] in answers[0].headers["location"]


def test_list_shows_the_status_of_each_key(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    ending(wire, tenant, 6 * DAY + 3600, "Soon")
    ending(wire, tenant, 200 * DAY + 3600, "Later")
    key = Key.of(wire.post(tenant.keys, tenant.app_key, {"displayName": "Replaced"}).json["key"])
    answer = wire.send("PUT", rotation_path(tenant, key), tenant.account, body={})
    successor = answer.json["rotation"]["successorId"]
    page = owner.get(page_of(tenant, of_app=False))
    assert "expires in 6 days" in row(page, "Soon") and "in 200 days" in row(page, "Later")
    assert ">live<" in row(page, "Later") and ">live<" in row(page, "A key")
    replaced = next(part for part in page.html.split("<tr>") if f'/keys/{key.id}"' in part and "being replaced" in part)
    assert f'/keys/{successor}"' in replaced
    end(wire, tenant, key)
    page = owner.get(page_of(tenant, of_app=False))
    assert page.html.count(">expired<") == 1
    assert "This key has expired" in owner.get(f"{page_of(tenant, of_app=False)}/keys/{key.id}").text


def test_expired_keys_take_no_place_of_the_ten(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    for number in range(9):
        wire.post(tenant.keys, tenant.app_key, {"displayName": f"{number}"})
    path = page_of(tenant, of_app=False)
    assert "10 of 10 keys, 0 free" in owner.get(path).text
    end(wire, tenant, tenant.key)  # its successor takes its place
    page = owner.get(path)
    assert "10 of 10 keys" in page.text and page.html.count(">expired<") == 1
    assert "All 10 are used" in page.text
    successor = listed(wire, tenant, tenant.keys, "8")["id"]
    wire.delete(f"{tenant.keys}/{successor}", tenant.app_key)
    page = owner.get(path)
    assert "9 of 10 keys, 1 free" in page.text
    assert owner.submit(page, "/keys", name="In its place").status == 303


@pytest.mark.parametrize("of_account", [False, True], ids=["integration", "account"])
def test_filters_show_the_keys_that_need_a_look(
    owner: Visitor, wire: Wire, service: Service, tenant: Tenant, of_account: bool
) -> None:
    path = "/console/account-keys" if of_account else page_of(tenant, of_app=False)
    if not of_account:
        ending(wire, tenant, 29 * DAY, "Soon")
        ending(wire, tenant, 31 * DAY, "Later")
    page = owner.get(path)
    assert "Unused for 90 days (0)" in page.text
    assert "Every key was created or used within 90 days." in owner.get(f"{path}?keys=unused").text
    shown = owner.get(f"{path}?keys=expiring")
    if of_account:
        assert "No key expires within 30 days." in shown.text
    else:
        assert "Expiring within 30 days, or expired (1)" in shown.text
        assert ">Soon<" in shown.html and ">Later<" not in shown.html and ">A key<" not in shown.html
    assert owner.get(f"{path}?keys=lost").status == 400


def test_key_that_nobody_has_used_for_90_days_is_in_the_filter() -> None:
    """The times of creation are in the ids, so the rows are made without a service."""
    from sunshine_keys.access.scopes import Scope
    from sunshine_keys.console.key_lists import row_of
    from sunshine_keys.keys import model
    from sunshine_keys.keys.usage import Usage

    now = time.time()

    def is_unused(created_days: float, used_days: float | None) -> bool:
        id = f"int_{int(now - created_days * DAY):08x}{'0' * 16}"
        key = model.Key(id, Scope.INTEGRATION, "a", "i", "x", b"")
        use = None if used_days is None else Usage(now - used_days * DAY, "", {})
        return row_of(key, use, None, now).is_unused(now)

    assert [is_unused(91, None), is_unused(200, 91)] == [True, True]
    assert [is_unused(89, None), is_unused(200, 89), is_unused(10, None)] == [False, False, False]


def test_account_keys_have_the_same_columns(owner: Visitor) -> None:
    page = owner.get("/console/account-keys")
    for column in ("Status", "Created", "Last used", "Requests, 7 days"):
        assert f">{column}</th>" in page.html
    assert ">live<" in page.html


def test_session_ends_with_the_end_of_its_key(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    path = f"/console/apps/{tenant.app_id}"
    assert member.get(path).status == 200
    end(wire, tenant, tenant.app_key)
    answer = member.get(path)
    assert answer.status == 303 and "/console/sign-in" in answer.headers["location"]
    refused = member.sign_in(tenant.app_key)
    assert refused.status != 303
