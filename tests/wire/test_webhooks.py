"""The five operations on webhooks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.wire import WEBHOOK, Tenant, Wire

from sunshine_keys.webhooks.model import TRIGGERS

UNKNOWN = f"each of the triggers should be one of {', '.join(TRIGGERS)}"


@pytest.mark.parametrize("of", ["account", "app_key", "key"])
def test_the_life_of_a_webhook(wire: Wire, tenant: Tenant, of: str) -> None:
    auth = getattr(tenant, of).bearer()
    created = wire.post(tenant.webhooks, auth, {"target": "http://localhost:1/x", "triggers": []})
    assert created.status == 201
    webhook = created.json["webhook"]
    assert re.fullmatch("[0-9a-f]{24}", webhook["id"])
    assert re.fullmatch("[0-9a-f]{32}", webhook["secret"])
    assert (webhook["version"], webhook["includeFullUser"], webhook["includeFullSource"]) == ("v2", False, False)

    path = f"{tenant.webhooks}/{webhook['id']}"
    assert wire.get(path, auth).json == {"webhook": webhook}
    assert wire.get(tenant.webhooks, auth).json["webhooks"][1:] == [webhook]
    updated = wire.patch(path, auth, {"triggers": ["client:add"], "includeFullSource": True})
    assert updated.status == 200
    assert updated.json["webhook"] == webhook | {"triggers": ["client:add"], "includeFullSource": True}
    assert wire.patch(path, auth, {}).json == updated.json == wire.get(path, auth).json

    deleted = wire.delete(path, auth)
    assert (deleted.status, deleted.json) == (200, {})
    assert wire.get(path, auth).errors == [("not_found", "Resource not found")]
    assert wire.patch(path, auth, {}).errors == [("not_found", "Resource not found")]
    assert wire.delete(path, auth).errors == [("not_found", "Resource not found")]


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        ({}, ["should have required property 'target'", "should have required property 'triggers'"]),
        (WEBHOOK | {"target": 1}, ["target should be string"]),
        (WEBHOOK | {"target": ""}, ["target should NOT be shorter than 1 characters"]),
        (WEBHOOK | {"target": "ftp://example.com"}, ["target should be an http or https URL"]),
        (WEBHOOK | {"target": "https://"}, ["target should be an http or https URL"]),
        (WEBHOOK | {"target": "http://a\nb/"}, ["target should be an http or https URL"]),
        (WEBHOOK | {"target": "http://a:99999/"}, ["target should be an http or https URL"]),
        (WEBHOOK | {"target": "http://[::1"}, ["target should be an http or https URL"]),
        (WEBHOOK | {"triggers": "conversation:message"}, ["triggers should be array"]),
        (WEBHOOK | {"triggers": [1]}, ["triggers[0] should be string"]),
        (WEBHOOK | {"triggers": ["participant:join"]}, [UNKNOWN]),
        (WEBHOOK | {"triggers": ["conversation:message", "Conversation:Message"]}, [UNKNOWN]),
        (WEBHOOK | {"triggers": ["*"]}, [UNKNOWN]),
        (WEBHOOK | {"triggers": ["x"] * 101}, ["triggers should NOT have more than 100 items"]),
        (WEBHOOK | {"includeFullUser": "true"}, ["includeFullUser should be boolean"]),
        (WEBHOOK | {"includeFullSource": None}, ["includeFullSource should be boolean"]),
    ],
)
def test_a_bad_body_is_refused(wire: Wire, tenant: Tenant, body: Any, titles: list[str]) -> None:
    answer = wire.post(tenant.webhooks, tenant.key, body)

    assert answer.status == 400
    assert answer.errors == [("bad_request", title) for title in titles]
    assert len(wire.get(tenant.webhooks, tenant.key).json["webhooks"]) == 1


def test_many_faults_are_reported_in_part(wire: Wire, tenant: Tenant) -> None:
    answer = wire.post(tenant.webhooks, tenant.key, WEBHOOK | {"triggers": [1] * 100})
    assert len(answer.errors) == 20


def test_only_custom_integrations_have_webhooks(wire: Wire, tenant: Tenant) -> None:
    path = f"{tenant.app}/integrations/{tenant.web_id}/webhooks"
    for method, leaf, body in (("GET", "", None), ("POST", "", WEBHOOK), ("DELETE", "/x", None), ("PATCH", "/x", {})):
        answer = wire.send(method, path + leaf, tenant.app_key, body=body)
        assert answer.errors == [("bad_request", "Webhooks are available only for custom integrations")]


def test_a_webhook_is_found_only_under_its_own_integration(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    (webhook,) = wire.get(other.webhooks, other.key).json["webhooks"]
    path = f"{tenant.webhooks}/{webhook['id']}"
    for method, body in (("GET", None), ("PATCH", {"triggers": []}), ("DELETE", None)):
        assert wire.send(method, path, tenant.account, body=body).status == 404
    assert wire.get(other.webhooks, other.key).json["webhooks"] == [webhook]


def test_every_trigger_is_accepted_and_an_unknown_one_changes_nothing(wire: Wire, tenant: Tenant) -> None:
    created = wire.post(tenant.webhooks, tenant.key, WEBHOOK | {"triggers": list(TRIGGERS)})
    webhook = created.json["webhook"]
    assert (created.status, webhook["triggers"]) == (201, list(TRIGGERS))
    path = f"{tenant.webhooks}/{webhook['id']}"
    assert wire.patch(path, tenant.key, {"triggers": ["user:typing"]}).errors == [("bad_request", UNKNOWN)]
    assert wire.get(path, tenant.key).json == {"webhook": webhook}
    body = {"type": "custom", "webhooks": [WEBHOOK | {"triggers": ["user:typing"]}]}
    assert wire.post(f"{tenant.app}/integrations", tenant.app_key, body).errors == [("bad_request", UNKNOWN)]
    document = wire.get("/openapi.json").json
    described = document["paths"]["/v2/apps/{appId}/integrations/{integrationId}/webhooks"]["post"]["requestBody"]
    triggers = described["content"]["application/json"]["schema"]["properties"]["triggers"]
    assert triggers["items"]["enum"] == list(TRIGGERS)


def test_me_is_the_integration_of_the_key(wire: Wire, tenant: Tenant) -> None:
    mine = f"{tenant.app}/integrations/me/webhooks"
    for auth in (tenant.key, tenant.key.bearer()):
        assert wire.get(mine, auth).json == wire.get(tenant.webhooks, tenant.app_key).json
    webhook = wire.post(mine, tenant.key, WEBHOOK).json["webhook"]
    path = f"{mine}/{webhook['id']}"
    assert wire.get(path, tenant.key).json == {"webhook": webhook}
    changed = wire.patch(path, tenant.key, {"includeFullUser": True}).json["webhook"]
    assert changed == webhook | {"includeFullUser": True}
    assert wire.delete(path, tenant.key).json == {}
    assert wire.get(path, tenant.key).errors == [("not_found", "Resource not found")]


def test_me_is_no_integration_for_other_keys(wire: Wire, tenant: Tenant) -> None:
    for auth in (tenant.app_key, tenant.account):
        answer = wire.get(f"{tenant.app}/integrations/me/webhooks", auth)
        assert answer.errors == [("integration_not_found", "Integration not found")]
    assert wire.get(f"{tenant.app}/integrations/me", tenant.key).errors == [("forbidden", "Forbidden")]
