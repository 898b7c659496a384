"""Operations on integrations."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.engine import Engine
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.model import Integration, integration_view
from sunshine_keys.store import Origin
from sunshine_keys.store.changes import CreateIntegration, DeleteIntegration, UpdateIntegration
from sunshine_keys.store.page import Page
from sunshine_keys.webhooks import operations as webhooks
from sunshine_keys.webhooks.model import Webhook


async def create(
    engine: Engine,
    origin: Origin,
    app_id: str,
    type: str,
    attributes: dict[str, Any],
    specs: list[webhooks.WebhookSpec],
) -> dict[str, Any] | msgspec.Raw:
    """`specs` are the webhooks of a custom integration, made with it in one transaction."""
    integration = Integration(new_object_id(), app_id, type, {}).patched(attributes)

    def make() -> tuple[CreateIntegration, dict[str, Any]]:
        made = [webhooks.new_webhook(engine, integration.id, spec) for spec in specs]
        return CreateIntegration(integration, made), integration_view(integration, made, engine.sealer)

    return await engine.create(origin, make)


async def get(engine: Engine, app_id: str, integration_id: str) -> dict[str, Any]:
    integration = await engine.require_integration(app_id, integration_id)
    return await _view(engine, integration)


async def page(
    engine: Engine, app_id: str, page: Page, types: frozenset[str] | None
) -> tuple[list[dict[str, Any]], bool]:
    integrations, more = await engine.store.integrations(app_id, page, types)
    if not integrations:
        await engine.require_app(app_id)
    by_integration: dict[str, list[Webhook]] = {each.id: [] for each in integrations if each.type == "custom"}
    for webhook in await engine.store.webhooks(list(by_integration)):
        by_integration[webhook.integration_id].append(webhook)
    return [integration_view(each, by_integration.get(each.id, []), engine.sealer) for each in integrations], more


async def update(
    engine: Engine, origin: Origin, app_id: str, integration_id: str, attributes: dict[str, Any]
) -> dict[str, Any]:
    change = UpdateIntegration(app_id, integration_id, attributes)
    return await _view(engine, await engine.store.transact(origin, change))


async def delete(engine: Engine, origin: Origin, app_id: str, integration_id: str) -> None:
    await engine.store.transact(origin, DeleteIntegration(app_id, integration_id))


async def _view(engine: Engine, integration: Integration) -> dict[str, Any]:
    hooks = await engine.store.webhooks([integration.id]) if integration.type == "custom" else []
    return integration_view(integration, hooks, engine.sealer)
