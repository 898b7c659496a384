"""What the operations return, by the API's own names. Those with a `secret` keep it out of their repr."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.models import App, Integration, Key, Webhook
from sunshine_keys.sealing.sealer import Sealer

Wire = dict[str, Any]


class _Secretive(msgspec.Struct, frozen=True, rename="camel"):
    id: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, …)"


class KeyView(_Secretive, frozen=True):
    display_name: str
    secret: str


class WebhookView(_Secretive, frozen=True):
    version: str
    target: str
    triggers: list[str]
    secret: str
    include_full_user: bool
    include_full_source: bool


def key_view(key: Key, sealer: Sealer) -> KeyView:
    return KeyView(key.id, key.display_name, sealer.open(key.sealed_secret, key.id))


def webhook_view(webhook: Webhook, sealer: Sealer) -> WebhookView:
    return WebhookView(
        id=webhook.id,
        version="v2",
        target=webhook.target,
        triggers=webhook.triggers,
        secret=sealer.open(webhook.sealed_secret, webhook.id),
        include_full_user=webhook.include_full_user,
        include_full_source=webhook.include_full_source,
    )


def app_view(app: App) -> Wire:
    view: Wire = {"id": app.id, "displayName": app.display_name, "settings": app.settings}
    if app.metadata is not None:
        view["metadata"] = app.metadata
    return view


def integration_view(integration: Integration, webhooks: list[Webhook], sealer: Sealer) -> Wire:
    """Only custom integrations show webhooks."""
    view: Wire = {"id": integration.id, "type": integration.type, "status": "active", **integration.attributes}
    if integration.type == "custom":
        view["webhooks"] = [webhook_view(webhook, sealer) for webhook in webhooks]
    return view
