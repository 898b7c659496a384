"""Rows to structs and back."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.models import App, Integration, Key, Scope, Webhook

APP = "SELECT id, display_name, settings, metadata FROM apps "
INTEGRATION = "SELECT id, app_id, type, attributes FROM integrations "
WEBHOOK = (
    "SELECT id, integration_id, target, triggers, include_full_user, include_full_source, sealed_secret FROM webhooks "
)
KEY = "SELECT id, scope, app_id, integration_id, display_name, sealed_secret FROM keys "

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_SCOPES = {scope.value: scope for scope in Scope}


def app(row: tuple[Any, ...]) -> App:
    return App(row[0], row[1], _decode(row[2]), None if row[3] is None else _decode(row[3]))


def integration(row: tuple[Any, ...]) -> Integration:
    return Integration(row[0], row[1], row[2], _decode(row[3]))


def webhook(row: tuple[Any, ...]) -> Webhook:
    return Webhook(row[0], row[1], row[2], _decode(row[3]), bool(row[4]), bool(row[5]), row[6])


def key(row: tuple[Any, ...]) -> Key:
    return Key(row[0], _SCOPES[row[1]], row[2], row[3], row[4], row[5])


def app_values(app: App) -> tuple[Any, ...]:
    metadata = None if app.metadata is None else _encode(app.metadata).decode()
    return (app.id, app.display_name, _encode(app.settings).decode(), metadata)


def integration_values(integration: Integration) -> tuple[Any, ...]:
    return (integration.id, integration.app_id, integration.type, _encode(integration.attributes).decode())


def webhook_values(webhook: Webhook) -> tuple[Any, ...]:
    return (
        webhook.id,
        webhook.integration_id,
        webhook.target,
        _encode(webhook.triggers).decode(),
        webhook.include_full_user,
        webhook.include_full_source,
        webhook.sealed_secret,
    )


def key_values(key: Key) -> tuple[Any, ...]:
    return (key.id, key.scope.value, key.app_id, key.integration_id, key.display_name, key.sealed_secret)
