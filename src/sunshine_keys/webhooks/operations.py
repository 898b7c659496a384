"""Operations on the webhooks of custom integrations."""

from __future__ import annotations

import msgspec

from sunshine_keys.engine import Engine
from sunshine_keys.errors import NotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.keys.secrets import new_webhook_secret
from sunshine_keys.store import Origin
from sunshine_keys.store.changes import CreateWebhook, DeleteWebhook, UpdateWebhook
from sunshine_keys.store.rules import require_webhooks_allowed
from sunshine_keys.webhooks.model import Webhook, WebhookPatch, WebhookView, webhook_view


class WebhookSpec(msgspec.Struct, frozen=True):
    """What a caller says of a webhook; its id and secret are the service's to make."""

    target: str
    triggers: list[str]
    include_full_user: bool = False
    include_full_source: bool = False


def new_webhook(engine: Engine, integration_id: str, spec: WebhookSpec) -> Webhook:
    webhook_id = new_object_id()
    return Webhook(
        webhook_id,
        integration_id,
        spec.target,
        spec.triggers,
        spec.include_full_user,
        spec.include_full_source,
        engine.sealer.seal(new_webhook_secret(), webhook_id),
    )


async def create(
    engine: Engine, origin: Origin, app_id: str, integration_id: str, spec: WebhookSpec
) -> WebhookView | msgspec.Raw:
    def make() -> tuple[CreateWebhook, WebhookView]:
        webhook = new_webhook(engine, integration_id, spec)
        return CreateWebhook(app_id, webhook), webhook_view(webhook, engine.sealer)

    return await engine.create(origin, make)


async def get(engine: Engine, app_id: str, integration_id: str, webhook_id: str) -> WebhookView:
    await _require_allowed(engine, app_id, integration_id)
    webhook = await engine.store.webhook(integration_id, webhook_id)
    if webhook is None:
        raise NotFound
    return webhook_view(webhook, engine.sealer)


async def list_all(engine: Engine, app_id: str, integration_id: str) -> list[WebhookView]:
    await _require_allowed(engine, app_id, integration_id)
    return [webhook_view(webhook, engine.sealer) for webhook in await engine.store.webhooks([integration_id])]


async def update(
    engine: Engine, origin: Origin, app_id: str, integration_id: str, webhook_id: str, patch: WebhookPatch
) -> WebhookView:
    change = UpdateWebhook(app_id, integration_id, webhook_id, patch)
    return webhook_view(await engine.store.transact(origin, change), engine.sealer)


async def delete(engine: Engine, origin: Origin, app_id: str, integration_id: str, webhook_id: str) -> None:
    await engine.store.transact(origin, DeleteWebhook(app_id, integration_id, webhook_id))


async def _require_allowed(engine: Engine, app_id: str, integration_id: str) -> None:
    require_webhooks_allowed(await engine.require_integration(app_id, integration_id))
