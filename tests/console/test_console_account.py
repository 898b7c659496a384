"""The account's own keys, on a service of their own: other tests need the account key of the shared one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from support.commands import run
from support.servers import Server
from support.visitor import Visitor
from support.wire import Key, Place, first_run, make_tenant

PATH = "/console/account-keys"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("account"), None)


@pytest.fixture(scope="module")
def own(place: Place) -> Key:
    return Key.of(first_run(place)["account_key"])


@pytest.fixture(scope="module")
def server(place: Place, own: Key) -> Iterator[Server]:
    with Server(place) as server:
        yield server


@pytest.fixture
def person(server: Server, own: Key) -> Visitor:
    return Visitor(server.wire.url).signed_in(own)


@pytest.fixture
def second(place: Place, own: Key) -> Key:
    """Another account key, named Former colleague."""
    result = run("account-keys", "create", "Former colleague", *place.options)
    return Key(*re.findall(r"(?:id|secret)  +(\S+)", result.stdout))


def test_another_account_key_is_deleted_and_refused_at_once(person: Visitor, server: Server, second: Key) -> None:
    colleague = Visitor(server.wire.url).signed_in(second)
    listed = person.get(PATH)
    assert "Former colleague" in listed.text and second.id in listed.text
    page = person.get(f"{PATH}/{second.id}/delete")
    assert "Delete the key “Former colleague”?" in page.text
    wrong = person.submit(page, "/delete", name="Another")
    assert wrong.status == 422
    assert server.wire.get("/v2/apps", second).status == 200
    left = person.follow(person.submit(page, "/delete", name="Former colleague"))
    assert "Every node refuses it from now on." in left.text and second.id not in left.html
    assert server.wire.get("/v2/apps", second).status == 401
    assert colleague.get(PATH).headers["location"].startswith("/console/sign-in")
    trail = person.get("/console/audit").text
    assert f"key.delete {second.id}" in trail


def test_the_list_shows_the_dates_and_marks_the_own_key(person: Visitor, own: Key, second: Key) -> None:
    page = person.get(PATH)
    assert page.status == 200
    assert page.text.count("your key") == 1 and "Created Last used Requests, 7 days" in page.text
    created = datetime.fromtimestamp(int(second.id[4:12], 16), UTC)
    assert f"Former colleague {second.id} live {created:%Y-%m-%dT%H:%M:%SZ} not seen yet none" in page.text
    assert f'href="{PATH}/{own.id}"' in page.html and f'href="{PATH}/{second.id}"' in page.html
    assert "/delete" not in page.html
    assert own.secret not in page.html and second.secret not in page.html


def test_a_key_of_the_account_has_a_page(person: Visitor, server: Server, own: Key, second: Key) -> None:
    assert server.wire.get("/v2/apps", second).status == 200
    page = person.get(f"{PATH}/{second.id}")
    assert page.status == 200 and "Account\u2019s key" in page.text and "Requests in 7 days" in page.text
    assert f'href="{PATH}/{second.id}/delete"' in page.html
    assert "list_apps()" in page.of("python") and f"{server.wire.url}/v2/apps\n" in page.of("curl")
    mine = person.get(f"{PATH}/{own.id}")
    assert "You signed in with this key, so you cannot delete it here." in mine.text and "/delete" not in mine.html
    assert person.get(f"{PATH}/act_{'0' * 24}").status == 404


def test_the_own_key_cannot_be_deleted(person: Visitor, own: Key, server: Server) -> None:
    refused = person.get(f"{PATH}/{own.id}/delete")
    assert refused.status == 400
    assert "You signed in with this key." in refused.text
    token = person.get("/console/apps").form("/sign-out").fields["form_token"]
    assert person.post(f"{PATH}/{own.id}/delete", {"form_token": token, "name": "Account key"}).status == 400
    assert server.wire.get("/v2/apps", own).status == 200


def test_a_key_of_an_app_is_no_account_key(person: Visitor, own: Key, server: Server) -> None:
    tenant = make_tenant(server.wire, own)
    assert person.get(f"{PATH}/{tenant.app_key.id}/delete").status == 404
    member = Visitor(server.wire.url).signed_in(tenant.app_key)
    assert PATH not in member.get(f"/console/apps/{tenant.app_id}").html
    for path in (PATH, f"{PATH}/{own.id}", f"{PATH}/{own.id}/delete"):
        assert member.get(path).status == 403
    token = member.get(f"/console/apps/{tenant.app_id}").form("/sign-out").fields["form_token"]
    assert member.post(f"{PATH}/{own.id}/delete", {"form_token": token, "name": "Account key"}).status == 403
    assert server.wire.get("/v2/apps", own).status == 200
