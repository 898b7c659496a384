"""The five operations on integrations."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.wire import WEBHOOK, Tenant, Wire


def test_a_custom_integration_is_created_with_its_webhook(wire: Wire, tenant: Tenant) -> None:
    body = {"type": "custom", "displayName": "Mine", "webhooks": [WEBHOOK | {"includeFullUser": True}]}
    answer = wire.post(f"{tenant.app}/integrations", tenant.app_key, body)

    assert answer.status == 201
    integration = answer.json["integration"]
    assert re.fullmatch("[0-9a-f]{24}", integration["id"])
    (webhook,) = integration.pop("webhooks")
    assert integration == {"id": integration["id"], "type": "custom", "status": "active", "displayName": "Mine"}
    assert re.fullmatch("[0-9a-f]{32}", webhook.pop("secret"))
    assert (
        webhook == {"id": webhook["id"], "version": "v2", "includeFullUser": True, "includeFullSource": False} | WEBHOOK
    )
    assert wire.get(f"{tenant.app}/integrations/{integration['id']}", tenant.app_key).json == answer.json


@pytest.mark.parametrize(
    "kind",
    ["android", "apple", "instagram", "ios", "line", "mailgun", "messagebird", "messenger", "telegram", "twilio",
     "twitter", "unity", "viber", "web", "whatsapp"],
)  # fmt: skip
def test_other_types_have_the_common_fields(wire: Wire, tenant: Tenant, kind: str) -> None:
    shared = {"displayName": "Mine", "defaultResponderId": "6b0000000000000000000000", "showAIDisclaimer": False}
    answer = wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": kind, "token": "t0p-secret"} | shared)

    assert answer.status == 201
    assert (
        answer.json["integration"]
        == {"id": answer.json["integration"]["id"], "type": kind, "status": "active"} | shared
    )


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        ({}, ["should have required property 'type'"]),
        ({"type": "carrier-pigeon"}, ["Invalid integration type"]),
        ({"type": 7}, ["type should be string"]),
        ({"type": "custom"}, ["should have required property 'webhooks'"]),
        ({"type": "custom", "webhooks": []}, ["webhooks should NOT have fewer than 1 items"]),
        ({"type": "custom", "webhooks": [WEBHOOK, WEBHOOK]}, ["webhooks should NOT have more than 1 items"]),
        ({"type": "custom", "webhooks": WEBHOOK}, ["webhooks should be array"]),
        (
            {"type": "custom", "webhooks": [{}]},
            [
                "webhooks[0] should have required property 'target'",
                "webhooks[0] should have required property 'triggers'",
            ],
        ),
        ({"type": "custom", "webhooks": [None]}, ["webhooks[0] should be object"]),
        ({"type": "web", "displayName": "x" * 101}, ["displayName should NOT be longer than 100 characters"]),
        ({"type": "web", "showAIDisclaimer": "yes"}, ["showAIDisclaimer should be boolean"]),
        ([], ["body should be object"]),
    ],
)
def test_a_bad_body_is_refused(wire: Wire, tenant: Tenant, body: Any, titles: list[str]) -> None:
    answer = wire.post(f"{tenant.app}/integrations", tenant.app_key, body)

    assert answer.status == 400
    assert answer.errors == [("bad_request", title) for title in titles]


def test_update_names_and_clears(wire: Wire, tenant: Tenant) -> None:
    renamed = wire.patch(tenant.integration, tenant.app_key, {"displayName": "New", "type": "ignored"})
    assert renamed.status == 200
    assert renamed.json["integration"]["displayName"] == "New"
    assert renamed.json["integration"]["type"] == "custom"

    cleared = wire.patch(tenant.integration, tenant.app_key, {"displayName": None}).json["integration"]
    assert "displayName" not in cleared
    assert wire.patch(tenant.integration, tenant.app_key, {"displayName": ""}).status == 400
    assert wire.get(tenant.integration, tenant.app_key).json["integration"] == cleared


def test_delete_takes_keys_and_webhooks_with_it(wire: Wire, tenant: Tenant) -> None:
    answer = wire.delete(tenant.integration, tenant.app_key)

    assert (answer.status, answer.json) == (200, {})
    assert wire.get(tenant.webhooks, tenant.key).status == 401
    assert wire.get(tenant.webhooks, tenant.key.bearer()).status == 401
    for path in (tenant.integration, tenant.keys, tenant.webhooks, f"{tenant.keys}/{tenant.key.id}"):
        assert wire.get(path, tenant.app_key).errors == [("integration_not_found", "Integration not found")]
    assert wire.delete(tenant.integration, tenant.app_key).status == 404


def test_a_missing_app_or_integration_is_named(wire: Wire, tenant: Tenant) -> None:
    missing = "6b0000000000000000000000"
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        gone = wire.send(method, f"{tenant.app}/integrations/{missing}", tenant.app_key, body=body)
        assert gone.errors == [("integration_not_found", "Integration not found")]
        gone = wire.send(method, f"/v2/apps/{missing}/integrations/{missing}", tenant.account, body=body)
        assert gone.errors == [("app_not_found", "App not found")]
    for method, body in (("GET", None), ("POST", {"type": "web"})):
        gone = wire.send(method, f"/v2/apps/{missing}/integrations", tenant.account, body=body)
        assert gone.errors == [("app_not_found", "App not found")]
