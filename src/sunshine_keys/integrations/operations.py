"""The operations on integrations."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.apps.table import require_app
from sunshine_keys.engine import Engine
from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.changes import CreateIntegration, DeleteIntegration, UpdateIntegration
from sunshine_keys.integrations.model import Integration, integration_view
from sunshine_keys.integrations.table import INTEGRATIONS, integrations_page, require_integration
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.store import Origin
from sunshine_keys.webhooks.model import Webhook
from sunshine_keys.webhooks.operations import WebhookSpec, http_url, new_webhook
from sunshine_keys.webhooks.table import webhooks_of
from sunshine_keys.wire import paging
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import FACTS, Call, operation

_TYPES = frozenset(FACTS["schemas"]["Integration"]["properties"]["type"]["enum"])


async def create(
    engine: Engine, origin: Origin, app_id: str, type: str, attributes: Values, specs: list[WebhookSpec]
) -> Values | msgspec.Raw:
    """Create an integration and, in the same transaction, the webhooks of a custom one."""
    integration = Integration(new_object_id(), app_id, type, {}).patched(attributes)

    def build(sealer: Sealer) -> tuple[CreateIntegration, Values]:
        webhooks = [new_webhook(sealer, integration.id, spec) for spec in specs]
        return CreateIntegration(integration, webhooks), integration_view(integration, webhooks, sealer)

    created = await engine.create(origin, build)
    if not isinstance(created, msgspec.Raw):  # else it is the answer of an earlier request
        for webhook in created.get("webhooks", []):
            engine.new_target(webhook.id, webhook.target)
    return created


async def create_integration(call: Call) -> Any:
    attributes = dict(call.body)
    type = attributes.pop("type")
    specs = [WebhookSpec.of(values) for values in attributes.pop("webhooks", [])]
    created = await create(call.engine, call.origin, call.ids["appId"], type, attributes, specs)
    return {"integration": created}


async def list_integrations(call: Call) -> Any:
    engine, app_id = call.engine, call.ids["appId"]
    query = call.request.query()
    page = paging.page(query, "Invalid query parameters")
    listed = paging.nested(query, "filter").get("types")
    types = None if listed is None else frozenset(listed.split(","))
    if types is not None and not types <= _TYPES:
        raise BadRequest("Invalid query parameters")
    integrations, more = await engine.store.read(integrations_page(app_id, page, types, with_partners=False))
    if not integrations:
        await engine.store.read(require_app(app_id))
    webhooks: dict[str, list[Webhook]] = {custom.id: [] for custom in integrations if custom.type == "custom"}
    for webhook in await engine.store.read(webhooks_of(list(webhooks))):
        webhooks[webhook.integration_id].append(webhook)
    views = [integration_view(shown, webhooks.get(shown.id, []), engine.sealer) for shown in integrations]
    neighbours = paging.neighbours(call.request.url(), page, query, [shown.id for shown in integrations], more)
    return {"integrations": views, **neighbours}


async def get_integration(call: Call) -> Any:
    return await _answer(
        call, await call.engine.store.read(require_integration(call.ids["appId"], call.ids["integrationId"]))
    )


async def update_integration(call: Call) -> Any:
    change = UpdateIntegration(call.ids["appId"], call.ids["integrationId"], call.body)
    return await _answer(call, await call.engine.store.transact(call.origin, change))


async def delete_integration(call: Call) -> Any:
    change = DeleteIntegration(call.ids["appId"], call.ids["integrationId"])
    await call.engine.store.transact(call.origin, change)
    return {}


async def _answer(call: Call, integration: Integration) -> Any:
    webhooks = await call.engine.store.read(webhooks_of([integration.id])) if integration.has_webhooks else []
    return {"integration": integration_view(integration, webhooks, call.engine.sealer)}


TABLES = (INTEGRATIONS,)

OPERATIONS = [
    operation("ListIntegrations", list_integrations),
    operation("CreateIntegration", create_integration, rules={"webhooks[].target": http_url}),
    operation("GetIntegration", get_integration),
    operation("UpdateIntegration", update_integration),
    operation("DeleteIntegration", delete_integration),
]
