"""No credential of an app reads or changes anything of another app, whatever the operation."""

from __future__ import annotations

from typing import Any

import pytest
from support import messaging
from support.wire import WEBHOOK, Service, Tenant, Wire, make_tenant

from sunshine_keys.compose import OPERATIONS
from sunshine_keys.wire.operation import Operation

IN_APPS = [operation for operation in OPERATIONS if "appId" in operation.placeholders]
ON_OBJECTS = [operation for operation in IN_APPS if len(operation.placeholders) > 1]


class Apps:
    """Two apps with all kinds of objects. No test changes anything in them, or it fails."""

    def __init__(self, wire: Wire, service: Service) -> None:
        self.tenant, self.other = make_tenant(wire, service.account), make_tenant(wire, service.account)
        webhook = wire.get(self.other.webhooks, self.other.app_key).json["webhooks"][0]["id"]
        self._ids = messaging.placeholders(wire, service, self.other) | {
            "appId": self.other.app_id,
            "integrationId": self.other.integration_id,
            "webhookId": webhook,
        }

    def ids_of_other(self, operation: Operation) -> dict[str, str]:
        """Return the ids of the other app's objects by the names of path parameters."""
        of_integration = "integrationId" in operation.placeholders
        return self._ids | {"keyId": (self.other.key if of_integration else self.other.app_key).id}


@pytest.fixture(scope="module")
def apps(wire: Wire, service: Service) -> Apps:
    return Apps(wire, service)


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
    answers = [wire.get(path, tenant.account) for path in [*paths, *messaging.reads(tenant, ids)]]
    assert {answer.status for answer in answers} == {200}
    return [answer.json for answer in answers]


@pytest.mark.parametrize("operation", IN_APPS, ids=lambda operation: operation.name)
def test_key_of_another_app_is_forbidden(wire: Wire, apps: Apps, operation: Operation) -> None:
    ids = apps.ids_of_other(operation)
    before = content(wire, apps.other, ids)
    app_key, key = apps.tenant.app_key, apps.tenant.key
    for auth in (app_key, key, app_key.bearer(), key.bearer()):
        body = messaging.filled(messaging.BODIES.get(operation.name), ids)
        answer = wire.send(operation.method, target(operation, ids), auth, **sent(operation, body))
        assert answer.errors == [("forbidden", "Forbidden")]
    assert content(wire, apps.other, ids) == before


@pytest.mark.parametrize("operation", ON_OBJECTS, ids=lambda operation: operation.name)
def test_objects_of_another_app_are_not_there(wire: Wire, apps: Apps, operation: Operation) -> None:
    ids = apps.ids_of_other(operation)
    before = content(wire, apps.other, ids)
    mixed = ids | {"appId": apps.tenant.app_id}
    body = messaging.filled(messaging.BODIES.get(operation.name, {"displayName": "x", **WEBHOOK}), ids)
    for key in (apps.tenant.account, apps.tenant.app_key, apps.tenant.key):
        answer = wire.send(operation.method, target(operation, mixed), key, body=body)
        assert answer.status in (403, 404), answer
    assert content(wire, apps.other, ids) == before
