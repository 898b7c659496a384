"""The statements that a store on SQL reads and writes by, and from rows to structs and back."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.model import App
from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import Key
from sunshine_keys.store.audit import Entry, Head
from sunshine_keys.webhooks.model import Webhook

KEY_COUNTS = "SELECT scope, count(*) FROM keys GROUP BY scope"
COUNTS = (
    "SELECT (SELECT count(*) FROM apps), (SELECT count(*) FROM integrations), (SELECT count(*) FROM webhooks),"
    " (SELECT count(*) FROM keys)"
)
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
        int(webhook.include_full_user),
        int(webhook.include_full_source),
        webhook.sealed_secret,
    )


def key_values(key: Key) -> tuple[Any, ...]:
    return (key.id, key.scope.value, key.app_id, key.integration_id, key.display_name, key.sealed_secret)


KEY_USES = "SELECT key_id, used, source FROM key_uses WHERE key_id IN ({})"
KEY_HOURS = "SELECT key_id, hour, requests FROM key_hours WHERE key_id IN ({}) AND hour >= {} ORDER BY key_id, hour"
PRUNED_HOURS = 1000
"""How many hours a batch removes at most: more than it can add, so that they do not pile up."""

HEAD = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1"
ENTRY = "SELECT sequence, time, actor, source, request_id, action, resource, outcome, note, hash FROM audit "

INSERT_ENTRIES = (
    "INSERT INTO audit (sequence, time, actor, source, request_id, action, resource, outcome, note, hash)"
    " VALUES {} RETURNING sequence"
)

KEPT_ANSWER = "SELECT fingerprint, sealed_answer FROM idempotency WHERE id = $1 AND created > $2"
KEEP_ANSWER = (
    "INSERT INTO idempotency (id, fingerprint, sealed_answer, created) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO"
    " UPDATE SET fingerprint = excluded.fingerprint, sealed_answer = excluded.sealed_answer, created = excluded.created"
    " RETURNING created"
)
PRUNE_ANSWERS = (
    "DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency WHERE created <= $1 ORDER BY created LIMIT $2)"
    " RETURNING created"
)


SESSION = "SELECT id, key_id, created, last_seen FROM console_sessions "
OPEN_SESSION = "INSERT INTO console_sessions (id, key_id, created, last_seen) VALUES ($1, $2, $3, $4) RETURNING created"
TOUCH_SESSION = "UPDATE console_sessions SET last_seen = $2 WHERE id = $1 AND last_seen < $2 RETURNING last_seen"
CLOSE_SESSION = "DELETE FROM console_sessions WHERE id = $1 RETURNING created"
FORGET_SESSIONS = (
    "DELETE FROM console_sessions WHERE id IN"
    " (SELECT id FROM console_sessions WHERE last_seen <= $1 ORDER BY last_seen LIMIT $2) RETURNING created"
)


def session(row: tuple[Any, ...]) -> ConsoleSession:
    return ConsoleSession(*row)


def session_values(session: ConsoleSession) -> tuple[Any, ...]:
    return msgspec.structs.astuple(session)


def head(found: list[tuple[Any, ...]]) -> Head:
    return Head(found[0][0], found[0][1]) if found else Head()


def entry(row: tuple[Any, ...]) -> Entry:
    return Entry(*row)


def insert_entries(entries: list[Entry]) -> tuple[Any, ...]:
    """The statement that adds them, and its values."""
    width = len(Entry.__struct_fields__)
    places = ", ".join(
        "(" + ", ".join(f"${place * width + field + 1}" for field in range(width)) + ")"
        for place in range(len(entries))
    )
    return INSERT_ENTRIES.format(places), *(value for each in entries for value in msgspec.structs.astuple(each))
