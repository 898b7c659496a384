"""The four operations on the keys of an app."""

from __future__ import annotations

import re

from support.wire import Key, Tenant, Wire


def test_the_life_of_an_app_key(wire: Wire, tenant: Tenant) -> None:
    created = wire.post(f"{tenant.app}/keys", tenant.account, {"displayName": "Second"})
    assert created.status == 201
    key = created.json["key"]
    assert re.fullmatch("app_[0-9a-f]{24}", key["id"])
    assert re.fullmatch("[A-Za-z0-9_-]{86}", key["secret"])

    path = f"{tenant.app}/keys/{key['id']}"
    assert wire.get(path, tenant.account).json == {"key": key}
    listed = wire.get(f"{tenant.app}/keys", tenant.account).json["keys"]
    assert [view["id"] for view in listed] == [tenant.app_key.id, key["id"]]
    assert wire.get(tenant.app, Key.of(key)).status == 200

    deleted = wire.delete(path, tenant.account)
    assert (deleted.status, deleted.json) == (200, {})
    assert wire.get(tenant.app, Key.of(key)).status == 401
    assert wire.get(path, tenant.account).errors == [("not_found", "Resource not found")]


def test_an_app_has_at_most_ten_keys(wire: Wire, tenant: Tenant) -> None:
    for _ in range(9):
        assert wire.post(f"{tenant.app}/keys", tenant.account, {"displayName": "x"}).status == 201

    eleventh = wire.post(f"{tenant.app}/keys", tenant.account, {"displayName": "x"})

    assert eleventh.errors == [("bad_request", "An app is limited to 10 API keys; delete one first")]


def test_the_keys_of_integrations_are_not_the_apps(wire: Wire, tenant: Tenant) -> None:
    assert wire.get(f"{tenant.app}/keys/{tenant.key.id}", tenant.account).status == 404
    assert wire.delete(f"{tenant.app}/keys/{tenant.key.id}", tenant.account).status == 404
    assert wire.get(tenant.webhooks, tenant.key).status == 200


def test_a_missing_app_is_named(wire: Wire, tenant: Tenant) -> None:
    missing = "/v2/apps/6b0000000000000000000000/keys"
    for answer in (
        wire.get(missing, tenant.account),
        wire.post(missing, tenant.account, {"displayName": "x"}),
        wire.get(f"{missing}/{tenant.app_key.id}", tenant.account),
        wire.delete(f"{missing}/{tenant.app_key.id}", tenant.account),
    ):
        assert answer.errors == [("app_not_found", "App not found")]
