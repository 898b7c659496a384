"""Rotation of keys, on the wire."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.wire import Key, Service, Tenant, Wire


def path(tenant: Tenant, key_id: str | None = None) -> str:
    return f"{tenant.keys.replace('/v2/', '/sunshine/v1/')}/{key_id or tenant.key.id}/rotation"


def rotate(wire: Wire, tenant: Tenant, key_id: str | None = None, **body: Any) -> dict[str, Any]:
    answer = wire.send("PUT", path(tenant, key_id), tenant.app_key, body=body)
    assert answer.status == 200, answer.json
    rotation: dict[str, Any] = answer.json
    return rotation


def test_both_keys_work_until_the_grace_period_ends(wire: Wire, tenant: Tenant) -> None:
    rotated = rotate(wire, tenant, graceSeconds=8)
    successor = Key.of(rotated["key"])
    assert rotated["key"]["displayName"] == "A key"
    assert rotated["rotation"]["keyId"] == tenant.key.id
    assert rotated["rotation"]["successorId"] == successor.id
    assert rotated["rotation"]["hasEnded"] is False
    assert [wire.get(tenant.webhooks, key).status for key in (tenant.key, successor)] == [200, 200]
    deadline = time.monotonic() + 30
    while wire.get(tenant.webhooks, tenant.key).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert wire.get(tenant.webhooks, tenant.key).status == 401
    assert wire.get(tenant.webhooks, tenant.key.bearer()).status == 401
    assert wire.get(tenant.webhooks, successor.bearer()).status == 200
    assert wire.get(path(tenant), tenant.app_key).json["rotation"]["hasEnded"] is True


def test_a_repetition_answers_with_the_same_successor(wire: Wire, tenant: Tenant) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: rotate(wire, tenant, graceSeconds=3600), range(6)))
    assert all(answer == answers[0] for answer in answers)
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 2


def test_what_a_body_leaves_out_stays_as_it_is(wire: Wire, tenant: Tenant) -> None:
    first = rotate(wire, tenant, graceSeconds=3600)["rotation"]
    second = rotate(wire, tenant, whenQuietSeconds=600)["rotation"]
    assert second == first | {"whenQuietSeconds": 600}
    assert rotate(wire, tenant)["rotation"] == second
    assert rotate(wire, tenant, whenQuietSeconds=None)["rotation"] == first


def test_a_grace_period_of_zero_ends_the_key_at_once(wire: Wire, tenant: Tenant) -> None:
    assert wire.get(tenant.webhooks, tenant.key).status == 200
    rotated = rotate(wire, tenant, graceSeconds=0)
    assert wire.get(tenant.webhooks, tenant.key).status == 401
    assert wire.get(tenant.webhooks, Key.of(rotated["key"])).status == 200


def test_the_key_that_ends_is_listed_beside_its_successor(wire: Wire, tenant: Tenant) -> None:
    rotated = rotate(wire, tenant)
    first, second = wire.get(tenant.keys, tenant.app_key).json["keys"]
    assert first["expiresAt"] == rotated["rotation"]["endsAt"]
    assert second == rotated["key"]


def test_the_successor_may_be_an_eleventh_key(wire: Wire, tenant: Tenant) -> None:
    for _ in range(9):
        assert wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).status == 201
    rotated = rotate(wire, tenant)
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 11
    refused = wire.send("PUT", path(tenant, rotated["key"]["id"]), tenant.app_key, body={})
    assert (refused.status, refused.errors[0][0]) == (400, "bad_request")
    assert "and the successor of one of them" in refused.errors[0][1]
    assert wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).status == 400
    wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key)
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 10


def test_deleting_the_successor_gives_up_the_rotation(wire: Wire, tenant: Tenant) -> None:
    rotated = rotate(wire, tenant, graceSeconds=3600)
    successor = Key.of(rotated["key"])
    assert wire.delete(f"{tenant.keys}/{successor.id}", tenant.app_key).status == 200
    assert wire.get(tenant.webhooks, successor).status == 401
    (left,) = wire.get(tenant.keys, tenant.app_key).json["keys"]
    assert left == {"id": tenant.key.id, "displayName": "A key", "secret": tenant.key.secret}
    assert wire.get(path(tenant), tenant.app_key).errors == [("not_found", "The key is not being rotated")]
    assert rotate(wire, tenant)["key"]["id"] != successor.id


@pytest.mark.parametrize("grace", [0, 3600])
def test_deleting_a_successor_that_is_replaced_itself_leaves_the_end_of_the_first_key(
    wire: Wire, tenant: Tenant, grace: int
) -> None:
    rotated = rotate(wire, tenant, graceSeconds=7200)
    last = rotate(wire, tenant, rotated["key"]["id"], graceSeconds=grace)["key"]
    assert wire.delete(f"{tenant.keys}/{rotated['key']['id']}", tenant.app_key).status == 200
    first, second = wire.get(tenant.keys, tenant.app_key).json["keys"]
    assert (first["id"], first["expiresAt"]) == (tenant.key.id, rotated["rotation"]["endsAt"])
    assert second == last


def test_status_shows_who_still_uses_the_key(wire: Wire, tenant: Tenant) -> None:
    rotated = rotate(wire, tenant, graceSeconds=3600, whenQuietSeconds=86400)
    for _ in range(3):
        wire.get(tenant.webhooks, tenant.key, headers={"User-Agent": "old-bot/1.2"})
    wire.get(tenant.webhooks, tenant.key, headers={"User-Agent": "bot\x80 " + "x" * 300})
    wire.get(tenant.webhooks, Key.of(rotated["key"]), headers={"User-Agent": "new-bot/2"})
    deadline = time.monotonic() + 30
    while len((rotation := wire.get(path(tenant), tenant.app_key).json["rotation"])["sources"]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    by_agent = {source["userAgent"]: source for source in rotation["sources"]}
    assert by_agent["old-bot/1.2"]["requests"] == 3
    assert by_agent["old-bot/1.2"]["address"] == "127.0.0.1"
    assert 0 < by_agent["old-bot/1.2"]["requestsPerHour"] <= 3
    assert ("bot? " + "x" * 300)[:200] in by_agent
    assert rotation["whenQuietSeconds"] == 86400
    assert rotation["lastUsedAt"] >= rotation["beganAt"]
    assert rotation["successorLastUsedAt"] >= rotation["beganAt"]


def test_the_key_of_an_app_is_rotated_by_an_account_key(wire: Wire, service: Service, tenant: Tenant) -> None:
    own = f"/sunshine/v1/apps/{tenant.app_id}/keys/{tenant.app_key.id}/rotation"
    assert wire.send("PUT", own, tenant.app_key, body={}).status == 403
    successor = Key.of(wire.send("PUT", own, service.account, body={}).json["key"])
    assert successor.id.startswith("app_")
    assert wire.get(f"/v2/apps/{tenant.app_id}", successor).status == 200
    assert wire.get(own, service.account).json["rotation"]["successorId"] == successor.id


@pytest.mark.parametrize(
    "body",
    [
        {"graceSeconds": -1}, {"graceSeconds": 31536001}, {"graceSeconds": 1.5}, {"graceSeconds": "7d"}, {"graceSeconds": None},
        {"whenQuietSeconds": 59}, {"whenQuietSeconds": True}, {"whenQuietSeconds": 10**30}, [], "x",
    ],
)  # fmt: skip
def test_a_wrong_body_rotates_nothing(wire: Wire, tenant: Tenant, body: Any) -> None:
    assert wire.send("PUT", path(tenant), tenant.app_key, body=body).status == 400
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1


def test_a_body_may_be_missing(wire: Wire, tenant: Tenant) -> None:
    assert wire.send("PUT", path(tenant), tenant.app_key).status == 200


def test_a_foreign_or_missing_key_is_not_rotated(wire: Wire, service: Service, tenant: Tenant) -> None:
    from support.wire import make_tenant

    other = make_tenant(wire, service.account)
    assert wire.send("PUT", path(other), tenant.app_key, body={}).status == 403
    mixed = path(tenant).replace(tenant.key.id, other.key.id)
    for method in ("PUT", "GET"):
        assert wire.send(method, mixed, tenant.app_key, body={}).status == 404
        assert wire.send(method, path(tenant), tenant.key, body={}).status == 403
        web = path(tenant).replace(tenant.integration_id, tenant.web_id)
        assert wire.send(method, web, tenant.app_key, body={}).status == 400
    assert len(wire.get(other.keys, other.app_key).json["keys"]) == 1
