"""The operations on the webhooks of custom integrations."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.table import require_webhooks_allowed
from sunshine_keys.keys.secrets import new_webhook_secret
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.webhooks.changes import CreateWebhook, DeleteWebhook, UpdateWebhook
from sunshine_keys.webhooks.model import Webhook, WebhookPatch, WebhookView, webhook_view
from sunshine_keys.webhooks.table import WEBHOOKS, require_webhook, webhooks_of
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import Call, operation


class WebhookSpec(msgspec.Struct, frozen=True):
    """The properties of a webhook that a caller chooses. The service chooses the id and the secret."""

    target: str
    triggers: list[str]
    include_full_user: bool = False
    include_full_source: bool = False

    @classmethod
    def of(cls, values: Values) -> WebhookSpec:
        """Return the properties in a checked body."""
        return cls(
            values["target"],
            values["triggers"],
            values.get("includeFullUser", False),
            values.get("includeFullSource", False),
        )


def new_webhook(sealer: Sealer, integration_id: str, spec: WebhookSpec) -> Webhook:
    """Return a new webhook with a new id and a new secret, sealed."""
    webhook_id = new_object_id()
    return Webhook(
        webhook_id,
        integration_id,
        spec.target,
        spec.triggers,
        spec.include_full_user,
        spec.include_full_source,
        sealer.seal(new_webhook_secret(), webhook_id),
    )


def http_url(name: str, value: str) -> list[str]:
    """Check that a text is an http or https URL with a host, and without spaces or control characters."""
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_usable = is_usable and not any(character <= " " or character == "\x7f" for character in value)
    except ValueError:
        is_usable = False
    return [] if is_usable else [f"{name} should be an http or https URL"]


async def create_webhook(call: Call) -> Any:
    spec = WebhookSpec.of(call.body)

    def build(sealer: Sealer) -> tuple[CreateWebhook, WebhookView]:
        webhook = new_webhook(sealer, call.ids["integrationId"], spec)
        return CreateWebhook(call.ids["appId"], webhook), webhook_view(webhook, sealer)

    created = await call.engine.create(call.origin, build)
    if isinstance(created, WebhookView):  # else it is the answer of an earlier request
        call.engine.new_target(created.id, created.target)
    return {"webhook": created}


async def list_webhooks(call: Call) -> Any:
    app_id, integration_id, store = call.ids["appId"], call.ids["integrationId"], call.engine.store
    await store.read(require_webhooks_allowed(app_id, integration_id))
    webhooks = await store.read(webhooks_of([integration_id]))
    return {"webhooks": [webhook_view(webhook, call.engine.sealer) for webhook in webhooks]}


async def get_webhook(call: Call) -> Any:
    ids = call.ids
    webhook = await call.engine.store.read(require_webhook(ids["appId"], ids["integrationId"], ids["webhookId"]))
    return {"webhook": webhook_view(webhook, call.engine.sealer)}


async def update_webhook(call: Call) -> Any:
    body = call.body
    patch = WebhookPatch(
        target=body.get("target", msgspec.UNSET),
        triggers=body.get("triggers", msgspec.UNSET),
        include_full_user=body.get("includeFullUser", msgspec.UNSET),
        include_full_source=body.get("includeFullSource", msgspec.UNSET),
    )
    change = UpdateWebhook(call.ids["appId"], call.ids["integrationId"], call.ids["webhookId"], patch)
    webhook = await call.engine.store.transact(call.origin, change)
    if "target" in body:
        call.engine.new_target(webhook.id, webhook.target)
    return {"webhook": webhook_view(webhook, call.engine.sealer)}


async def delete_webhook(call: Call) -> Any:
    change = DeleteWebhook(call.ids["appId"], call.ids["integrationId"], call.ids["webhookId"])
    await call.engine.store.transact(call.origin, change)
    return {}


_RULES = {"target": http_url}

TABLES = (WEBHOOKS,)

OPERATIONS = [
    operation("ListWebhooks", list_webhooks),
    operation("CreateWebhook", create_webhook, rules=_RULES),
    operation("GetWebhook", get_webhook),
    operation("UpdateWebhook", update_webhook, rules=_RULES),
    operation("DeleteWebhook", delete_webhook),
]
