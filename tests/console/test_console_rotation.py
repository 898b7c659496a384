"""Rotation in the console: a successor with its secret, the end of the old key, and who still uses that."""

from __future__ import annotations

from typing import Any

import pytest
from support.rotations import rotation_path
from support.visitor import Page, Visitor
from support.waiting import wait_until
from support.wire import Key, Tenant, Wire


def key_path(tenant: Tenant, key: Key) -> str:
    owner = f"/console/apps/{tenant.app_id}"
    return (
        f"{owner}/integrations/{tenant.integration_id}/keys/{key.id}" if key == tenant.key else f"{owner}/keys/{key.id}"
    )


@pytest.fixture(params=["integration", "app"])
def key(request: pytest.FixtureRequest, tenant: Tenant) -> Key:
    return tenant.key if request.param == "integration" else tenant.app_key


def rotation(wire: Wire, tenant: Tenant, key: Key) -> dict[str, Any]:
    answer = wire.get(rotation_path(tenant, key), tenant.account)
    assert answer.status == 200, answer
    state: dict[str, Any] = answer.json["rotation"]
    return state


def rotate(owner: Visitor, tenant: Tenant, key: Key, grace: str = "604800", quiet: str = "") -> Page:
    return owner.submit(owner.get(f"{key_path(tenant, key)}/rotate"), "/rotate", grace=grace, quiet=quiet)


def test_rotation_shows_the_secret_of_the_successor_once(owner: Visitor, wire: Wire, tenant: Tenant, key: Key) -> None:
    assert "Rotate key…" in owner.get(key_path(tenant, key)).text
    rotated = rotate(owner, tenant, key, "86400", "3600")
    state = rotation(wire, tenant, key)
    assert state["whenQuietSeconds"] == 3600
    assert rotated.headers["location"].endswith(f"/keys/{state['successorId']}")
    shown = owner.follow(rotated)
    successor = Key(state["successorId"], shown.of("secret"))
    path = tenant.integration if key == tenant.app_key else tenant.webhooks
    for works in (key, successor):
        assert wire.get(path, works).status == 200
    assert "Key rotated" in shown.text and "Replaces" in shown.text
    assert successor.secret not in owner.get(rotated.headers["location"]).html
    old = owner.get(key_path(tenant, key))
    assert "being replaced" in old.text and state["successorId"] in old.text
    assert "This key ends in 23 hours, or once nobody has used it for 1 hour." in old.text


def test_rotation_that_is_sent_twice_has_one_successor(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    page = owner.get(f"{key_path(tenant, tenant.key)}/rotate")
    first, second = (owner.submit(page, "/rotate", grace="3600", quiet="") for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert "Key rotated" in owner.follow(second).text
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 2


def test_page_of_the_old_key_shows_who_uses_it(owner: Visitor, wire: Wire, tenant: Tenant, key: Key) -> None:
    rotate(owner, tenant, key)
    path = tenant.integration if key == tenant.app_key else tenant.webhooks
    assert "Nobody has used the old key" in owner.get(key_path(tenant, key)).text
    for _ in range(3):
        assert wire.get(path, key, headers={"User-Agent": "backup <script>/1.0"}).status == 200
    wait_until(lambda: "backup <script>/1.0" in owner.get(key_path(tenant, key)).text)
    page = owner.get(key_path(tenant, key))
    assert "backup <script>" not in page.html
    row = next(part for part in page.html.split("<tr>") if "backup" in part)
    assert "127.0.0.1" in row and ">3.0<" in row and "<time" in row


def test_old_key_is_ended_now(owner: Visitor, wire: Wire, tenant: Tenant, key: Key) -> None:
    shown = owner.follow(rotate(owner, tenant, key))
    successor = Key(rotation(wire, tenant, key)["successorId"], shown.of("secret"))
    page = owner.get(f"{key_path(tenant, key)}/end")
    assert "You cannot undo this." in page.text
    path = tenant.integration if key == tenant.app_key else tenant.webhooks
    assert wire.get(path, key).status == 200  # the page has changed nothing
    ended = owner.submit(page, "/end")
    assert (wire.get(path, key).status, wire.get(path, successor).status) == (401, 200)
    shown = owner.follow(ended)
    assert "Key ended." in shown.text and "expired" in shown.text and "End now" not in shown.text


def test_end_of_a_rotation_is_changed(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    assert (
        wire.send("PUT", rotation_path(tenant, tenant.key), tenant.account, body={"graceSeconds": 7200}).status == 200
    )
    before = rotation(wire, tenant, tenant.key)
    page = owner.get(f"{key_path(tenant, tenant.key)}/rotate")
    assert '<option value="7200" selected>as it is now</option>' in page.html
    owner.submit(page, "/rotate", grace="2592000", quiet="86400")
    after = rotation(wire, tenant, tenant.key)
    assert (after["successorId"], after["whenQuietSeconds"]) == (before["successorId"], 86400)
    assert after["endsAt"] > before["endsAt"]


@pytest.mark.parametrize(("grace", "quiet", "field"), [("12", "", "grace"), ("", "", "grace"), ("3600", "x", "quiet")])
def test_wrong_rotation_is_shown_at_its_field(
    owner: Visitor, wire: Wire, tenant: Tenant, grace: str, quiet: str, field: str
) -> None:
    refused = rotate(owner, tenant, tenant.key, grace, quiet)
    assert refused.status == 422
    assert "This is not a choice" in refused.html.partition(f'id="{field}-fault"')[2][:100]
    assert wire.get(rotation_path(tenant, tenant.key), tenant.account).status == 404


def test_expired_key_is_not_rotated(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    page = owner.get(f"{key_path(tenant, tenant.key)}/rotate")
    assert wire.send("PUT", rotation_path(tenant, tenant.key), tenant.account, body={"graceSeconds": 0}).status == 200
    successor = rotation(wire, tenant, tenant.key)["successorId"]
    assert wire.delete(f"{tenant.keys}/{successor}", tenant.app_key).status == 200
    refused = owner.submit(page, "/rotate", grace="3600", quiet="")
    assert refused.status == 422 and "The key has ended; create a new one." in refused.text
    assert "Rotate key…" not in owner.get(key_path(tenant, tenant.key)).text


def test_end_of_an_old_key_that_has_ended_is_not_changed(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    rotate(owner, tenant, tenant.key)
    page = owner.get(f"{key_path(tenant, tenant.key)}/rotate")
    assert wire.send("PUT", rotation_path(tenant, tenant.key), tenant.account, body={"graceSeconds": 0}).status == 200
    before = rotation(wire, tenant, tenant.key)
    late = owner.submit(page, "/rotate", grace="3600", quiet="")
    assert (late.status, "The key has ended" in late.text) == (422, True)
    assert rotation(wire, tenant, tenant.key) == before


def test_key_of_an_app_cannot_rotate_the_keys_of_the_app(member: Visitor, tenant: Tenant) -> None:
    assert member.get(f"{key_path(tenant, tenant.app_key)}/rotate").status == 403
    assert member.get(f"{key_path(tenant, tenant.key)}/rotate").status == 200


def test_deleted_successor_gives_the_old_key_its_end_back(owner: Visitor, wire: Wire, tenant: Tenant) -> None:
    rotate(owner, tenant, tenant.key)
    successor = rotation(wire, tenant, tenant.key)["successorId"]
    path = f"{key_path(tenant, tenant.key).rpartition('/')[0]}/{successor}"
    owner.submit(owner.get(f"{path}/delete"), "/delete", name="A key")
    assert "being replaced" not in owner.get(key_path(tenant, tenant.key)).text
    assert "expiresAt" not in wire.get(f"{tenant.keys}/{tenant.key.id}", tenant.app_key).json["key"]


def test_key_without_a_successor_is_not_ended(owner: Visitor, tenant: Tenant) -> None:
    page = owner.get(f"{key_path(tenant, tenant.key)}/end")
    assert page.status == 404 and "The key is not being replaced; delete it instead" in page.text
