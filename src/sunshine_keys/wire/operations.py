"""The 24 operations: for each, who may call it, the body it takes, its status, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import ACCOUNT, APP, INTEGRATION, Scope
from sunshine_keys.apps import operations as apps
from sunshine_keys.apps.model import app_view
from sunshine_keys.engine import Engine
from sunshine_keys.errors import BadRequest, Forbidden
from sunshine_keys.integrations import operations as integrations
from sunshine_keys.integrations.model import INTEGRATION_TYPES
from sunshine_keys.keys import operations as keys
from sunshine_keys.store.origin import Idempotency, Origin
from sunshine_keys.webhooks import operations as webhooks
from sunshine_keys.wire import bodies, paging
from sunshine_keys.wire.bodies import RequestBody, Values
from sunshine_keys.wire.request import Request


class Call(msgspec.Struct, frozen=True):
    """An authenticated and authorised call. Ids that its path does not name are empty."""

    engine: Engine
    actor: Actor
    request: Request
    body: Values
    app_id: str = ""
    integration_id: str = ""
    leaf_id: str = ""

    @property
    def origin(self) -> Origin:
        """Raises BadRequest for an Idempotency-Key of the wrong form."""
        return Origin(self.actor.key_id, self.request.source, self.request.id, self._idempotency())

    def _idempotency(self) -> Idempotency | None:
        given = self.request.idempotency_key() if self.request.method == "POST" else None
        if given is None:
            return None
        asked = msgspec.json.encode([self.request.segments, self.body], order="deterministic")
        return Idempotency.of(self.actor.key_id, given, asked)

    @property
    def key_owner(self) -> str | None:
        """The integration whose keys are meant, or None for the app's own."""
        return self.integration_id or None


Handler = Callable[[Call], Awaitable[Any]]


class Operation(msgspec.Struct, frozen=True):
    """`path` is the template that it was found by; empty in the table, where it is the name."""

    handler: Handler
    scopes: frozenset[Scope]
    status: int = 200
    body: RequestBody | None = None
    path: str = ""


async def create_app(call: Call) -> Any:
    settings = bodies.known_settings(call.body)
    name, metadata = call.body["displayName"], call.body.get("metadata")
    return {"app": await apps.create(call.engine, call.origin, name, settings, metadata)}


async def list_apps(call: Call) -> Any:
    query = call.request.query()
    page = paging.page(query, "Invalid page query parameters")
    if "serviceAccountId" in paging.nested(query, "filter"):
        raise Forbidden("The serviceAccountId provided does not match supplied credentials")
    found, more = await apps.page(call.engine, page)
    url = f"{call.request.base_url()}/v2/apps"
    neighbours = paging.neighbours(url, page, query, [app.id for app in found], more)
    return {"apps": [app_view(app) for app in found], **neighbours}


async def get_app(call: Call) -> Any:
    return {"app": app_view(await call.engine.require_app(call.app_id))}


async def update_app(call: Call) -> Any:
    patch = bodies.app_patch(call.body)
    return {"app": app_view(await apps.update(call.engine, call.origin, call.app_id, patch))}


async def delete_app(call: Call) -> Any:
    await apps.delete(call.engine, call.origin, call.app_id)
    return {}


async def get_token_info(call: Call) -> Any:
    return {"app": app_view(await apps.of_actor(call.engine, call.actor))}


async def create_key(call: Call) -> Any:
    name = call.body["displayName"]
    return {"key": await keys.create(call.engine, call.origin, call.app_id, call.key_owner, name)}


async def list_keys(call: Call) -> Any:
    return {"keys": await keys.list_all(call.engine, call.app_id, call.key_owner)}


async def get_key(call: Call) -> Any:
    return {"key": await keys.get(call.engine, call.app_id, call.key_owner, call.leaf_id)}


async def delete_key(call: Call) -> Any:
    await keys.delete(call.engine, call.origin, call.app_id, call.key_owner, call.leaf_id)
    return {}


async def create_integration(call: Call) -> Any:
    attributes = dict(call.body)
    kind = attributes.pop("type")
    specs = [bodies.webhook_spec(each) for each in attributes.pop("webhooks", [])]
    return {"integration": await integrations.create(call.engine, call.origin, call.app_id, kind, attributes, specs)}


async def list_integrations(call: Call) -> Any:
    query = call.request.query()
    page = paging.page(query, "Invalid query parameters")
    named = paging.nested(query, "filter").get("types")
    types = None if named is None else frozenset(named.split(","))
    if types is not None and not types <= INTEGRATION_TYPES:
        raise BadRequest("Invalid query parameters")
    found, more = await integrations.page(call.engine, call.app_id, page, types)
    url = f"{call.request.base_url()}/v2/apps/{call.app_id}/integrations"
    neighbours = paging.neighbours(url, page, query, [each["id"] for each in found], more)
    return {"integrations": found, **neighbours}


async def get_integration(call: Call) -> Any:
    return {"integration": await integrations.get(call.engine, call.app_id, call.integration_id)}


async def update_integration(call: Call) -> Any:
    found = await integrations.update(call.engine, call.origin, call.app_id, call.integration_id, call.body)
    return {"integration": found}


async def delete_integration(call: Call) -> Any:
    await integrations.delete(call.engine, call.origin, call.app_id, call.integration_id)
    return {}


async def create_webhook(call: Call) -> Any:
    spec = bodies.webhook_spec(call.body)
    return {"webhook": await webhooks.create(call.engine, call.origin, call.app_id, call.integration_id, spec)}


async def list_webhooks(call: Call) -> Any:
    return {"webhooks": await webhooks.list_all(call.engine, call.app_id, call.integration_id)}


async def get_webhook(call: Call) -> Any:
    return {"webhook": await webhooks.get(call.engine, call.app_id, call.integration_id, call.leaf_id)}


async def update_webhook(call: Call) -> Any:
    patch = bodies.webhook_patch(call.body)
    updated = await webhooks.update(call.engine, call.origin, call.app_id, call.integration_id, call.leaf_id, patch)
    return {"webhook": updated}


async def delete_webhook(call: Call) -> Any:
    await webhooks.delete(call.engine, call.origin, call.app_id, call.integration_id, call.leaf_id)
    return {}


OPERATIONS: dict[str, dict[str, Operation]] = {
    "/v2/apps": {
        "GET": Operation(list_apps, ACCOUNT),
        "POST": Operation(create_app, ACCOUNT, 201, bodies.APP_CREATE),
    },
    "/v2/apps/{appId}": {
        "GET": Operation(get_app, APP),
        "PATCH": Operation(update_app, APP, body=bodies.APP_UPDATE),
        "DELETE": Operation(delete_app, ACCOUNT),
    },
    "/v2/apps/{appId}/keys": {
        "GET": Operation(list_keys, ACCOUNT),
        "POST": Operation(create_key, ACCOUNT, 201, bodies.KEY),
    },
    "/v2/apps/{appId}/keys/{keyId}": {
        "GET": Operation(get_key, ACCOUNT),
        "DELETE": Operation(delete_key, ACCOUNT),
    },
    "/v2/apps/{appId}/integrations": {
        "GET": Operation(list_integrations, APP),
        "POST": Operation(create_integration, APP, 201, bodies.INTEGRATION_CREATE),
    },
    "/v2/apps/{appId}/integrations/{integrationId}": {
        "GET": Operation(get_integration, APP),
        "PATCH": Operation(update_integration, APP, body=bodies.INTEGRATION_UPDATE),
        "DELETE": Operation(delete_integration, APP),
    },
    "/v2/apps/{appId}/integrations/{integrationId}/keys": {
        "GET": Operation(list_keys, APP),
        "POST": Operation(create_key, APP, 201, bodies.KEY),
    },
    "/v2/apps/{appId}/integrations/{integrationId}/keys/{keyId}": {
        "GET": Operation(get_key, APP),
        "DELETE": Operation(delete_key, APP),
    },
    "/v2/apps/{appId}/integrations/{integrationId}/webhooks": {
        "GET": Operation(list_webhooks, INTEGRATION),
        "POST": Operation(create_webhook, INTEGRATION, 201, bodies.WEBHOOK_CREATE),
    },
    "/v2/apps/{appId}/integrations/{integrationId}/webhooks/{webhookId}": {
        "GET": Operation(get_webhook, INTEGRATION),
        "PATCH": Operation(update_webhook, INTEGRATION, body=bodies.WEBHOOK_UPDATE),
        "DELETE": Operation(delete_webhook, INTEGRATION),
    },
    "/v2/tokenInfo": {"GET": Operation(get_token_info, INTEGRATION)},
}
