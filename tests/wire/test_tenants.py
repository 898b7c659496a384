"""No credential of an app reads or changes anything of another app, whatever the operation."""

from __future__ import annotations

from typing import Any

import pytest
from support import messaging
from support.wire import WEBHOOK, Key, Service, Tenant, Wire

from sunshine_keys.compose import OPERATIONS
from sunshine_keys.wire.operation import Operation

IN_APPS = [operation for operation in OPERATIONS if "appId" in operation.placeholders]
ON_OBJECTS = [operation for operation in IN_APPS if len(operation.placeholders) > 1]


def ids_of(wire: Wire, service: Service, tenant: Tenant, operation: Operation) -> dict[str, str]:
    """Return the ids of a tenant's objects by the names of path parameters."""
    webhook = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["id"]
    of_integration = "integrationId" in operation.placeholders
    ids = messaging.placeholders(wire, service, tenant) if operation.is_messaging else {}
    return ids | {
        "appId": tenant.app_id,
        "integrationId": tenant.integration_id,
        "keyId": (tenant.key if of_integration else tenant.app_key).id,
        "webhookId": webhook,
    }


def target(operation: Operation, ids: dict[str, str]) -> str:
    query = operation.example_query.replace("$USER_ID", ids.get("userId", ""))
    path = operation.path
    for name in operation.placeholders:
        path = path.replace(f"{{{name}}}", ids[name])
    return f"{path}?{query}" if query else path


def sent(operation: Operation, body: Any) -> dict[str, Any]:
    """Return the arguments of `Wire.send` for a body of an operation: an upload is a form."""
    return {"content": messaging.FORM, "headers": messaging.FORM_HEADERS} if operation.upload_bytes else {"body": body}


def content(wire: Wire, tenant: Tenant, ids: dict[str, str]) -> Any:
    """Return all of the tenant's objects that a request could have changed."""
    paths = [tenant.app, f"{tenant.app}/integrations", tenant.webhooks, tenant.keys, f"{tenant.app}/keys"]
    if "userId" in ids:
        paths += messaging.reads(tenant, ids)
    return [wire.get(path, tenant.account).json for path in paths]


@pytest.mark.parametrize("operation", IN_APPS, ids=lambda operation: operation.name)
def test_key_of_another_app_is_forbidden(
    wire: Wire, service: Service, tenant: Tenant, other: Tenant, operation: Operation
) -> None:
    ids = ids_of(wire, service, other, operation)
    before = content(wire, other, ids)
    keys: list[Key | str] = [tenant.app_key, tenant.key, tenant.app_key.bearer(), tenant.key.bearer()]
    for key in keys:
        body = messaging.filled(messaging.BODIES.get(operation.name), ids)
        answer = wire.send(operation.method, target(operation, ids), key, **sent(operation, body))
        assert answer.errors == [("forbidden", "Forbidden")]
    assert content(wire, other, ids) == before


@pytest.mark.parametrize("operation", ON_OBJECTS, ids=lambda operation: operation.name)
def test_objects_of_another_app_are_not_there(
    wire: Wire, service: Service, tenant: Tenant, other: Tenant, operation: Operation
) -> None:
    ids = ids_of(wire, service, other, operation)
    before = content(wire, other, ids)
    mixed = ids | {"appId": tenant.app_id}
    body = messaging.filled(messaging.BODIES.get(operation.name, {"displayName": "x", **WEBHOOK}), ids)
    for key in (tenant.account, tenant.app_key, tenant.key):
        answer = wire.send(operation.method, target(operation, mixed), key, body=body)
        assert answer.status in (403, 404), answer
    assert content(wire, other, ids) == before
