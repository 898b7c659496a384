"""What each change does to the tables, inside the transaction that the writer has open."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from sunshine_keys.errors import AppNotFound, IntegrationNotFound, NotFound, Unauthorized
from sunshine_keys.models import App, Integration, Key, Scope, Webhook
from sunshine_keys.store import changes, rules
from sunshine_keys.store.sqlite import rows

Connection = sqlite3.Connection


def apply(connection: Connection, actor_id: str | None, change: changes.Change[Any]) -> Any:
    """Apply one change on behalf of the key `actor_id`, which must still exist as the change is made."""
    if actor_id is not None and not _exists(connection, "keys", actor_id):
        raise Unauthorized
    return _APPLY[type(change)](connection, change)


def _exists(connection: Connection, table: str, row_id: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (row_id,)).fetchone() is not None  # noqa: S608 - the callers name the table


def _app(connection: Connection, app_id: str) -> App:
    row = connection.execute(rows.APP + "WHERE id = ?", (app_id,)).fetchone()
    if row is None:
        raise AppNotFound
    return rows.app(row)


def _integration(connection: Connection, app_id: str, integration_id: str) -> Integration:
    row = connection.execute(
        rows.INTEGRATION + "WHERE id = ? AND app_id = ?",
        (integration_id, app_id),
    ).fetchone()
    if row is None:
        _app(connection, app_id)
        raise IntegrationNotFound
    return rows.integration(row)


def _insert_app(connection: Connection, app: App) -> None:
    connection.execute(
        "INSERT INTO apps (id, display_name, settings, metadata) VALUES (?, ?, ?, ?)", rows.app_values(app)
    )


def _insert_integration(connection: Connection, integration: Integration) -> None:
    connection.execute(
        "INSERT INTO integrations (id, app_id, type, attributes) VALUES (?, ?, ?, ?)",
        rows.integration_values(integration),
    )


def _insert_webhook(connection: Connection, webhook: Webhook) -> None:
    connection.execute(
        "INSERT INTO webhooks (id, integration_id, target, triggers, include_full_user, include_full_source,"
        " sealed_secret) VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows.webhook_values(webhook),
    )


def _insert_key(connection: Connection, key: Key) -> None:
    connection.execute(
        "INSERT INTO keys (id, scope, app_id, integration_id, display_name, sealed_secret) VALUES (?, ?, ?, ?, ?, ?)",
        rows.key_values(key),
    )


def _create_app(connection: Connection, change: changes.CreateApp) -> App:
    _insert_app(connection, change.app)
    return change.app


def _update_app(connection: Connection, change: changes.UpdateApp) -> App:
    app = change.patch.apply(_app(connection, change.app_id))
    connection.execute(
        "UPDATE apps SET display_name = ?2, settings = ?3, metadata = ?4 WHERE id = ?1", rows.app_values(app)
    )
    return app


def _delete_app(connection: Connection, change: changes.DeleteApp) -> None:
    if connection.execute("DELETE FROM apps WHERE id = ?", (change.app_id,)).rowcount == 0:
        raise AppNotFound


def _create_integration(connection: Connection, change: changes.CreateIntegration) -> Integration:
    _app(connection, change.integration.app_id)
    _insert_integration(connection, change.integration)
    for webhook in change.webhooks:
        _insert_webhook(connection, webhook)
    return change.integration


def _update_integration(connection: Connection, change: changes.UpdateIntegration) -> Integration:
    integration = _integration(connection, change.app_id, change.integration_id).patched(change.attributes)
    connection.execute(
        "UPDATE integrations SET attributes = ?4 WHERE id = ?1 AND app_id = ?2 AND type = ?3",
        rows.integration_values(integration),
    )
    return integration


def _delete_integration(connection: Connection, change: changes.DeleteIntegration) -> None:
    _integration(connection, change.app_id, change.integration_id)
    connection.execute("DELETE FROM integrations WHERE id = ?", (change.integration_id,))


def _create_key(connection: Connection, change: changes.CreateKey) -> Key:
    key = change.key
    present = 0
    if key.scope is Scope.INTEGRATION and key.app_id and key.integration_id:
        rules.require_keys_allowed(_integration(connection, key.app_id, key.integration_id))
        (present,) = connection.execute(
            "SELECT count(*) FROM keys WHERE integration_id = ?", (key.integration_id,)
        ).fetchone()
    elif key.scope is Scope.APP and key.app_id:
        _app(connection, key.app_id)
        (present,) = connection.execute(
            "SELECT count(*) FROM keys WHERE app_id = ? AND scope = 'app'", (key.app_id,)
        ).fetchone()
    rules.require_room_for_key(key.scope, present)
    _insert_key(connection, key)
    return key


def _delete_key(connection: Connection, change: changes.DeleteKey) -> None:
    if change.integration_id is not None:
        rules.require_keys_allowed(_integration(connection, change.app_id, change.integration_id))
    else:
        _app(connection, change.app_id)
    deleted = connection.execute(
        "DELETE FROM keys WHERE id = ? AND app_id = ? AND integration_id IS ?",
        (change.key_id, change.app_id, change.integration_id),
    )
    if deleted.rowcount == 0:
        raise NotFound


def _create_webhook(connection: Connection, change: changes.CreateWebhook) -> Webhook:
    rules.require_webhooks_allowed(_integration(connection, change.app_id, change.webhook.integration_id))
    _insert_webhook(connection, change.webhook)
    return change.webhook


def _update_webhook(connection: Connection, change: changes.UpdateWebhook) -> Webhook:
    rules.require_webhooks_allowed(_integration(connection, change.app_id, change.integration_id))
    row = connection.execute(
        rows.WEBHOOK + "WHERE id = ? AND integration_id = ?", (change.webhook_id, change.integration_id)
    ).fetchone()
    if row is None:
        raise NotFound
    webhook = change.patch.apply(rows.webhook(row))
    connection.execute(
        "UPDATE webhooks SET target = ?3, triggers = ?4, include_full_user = ?5, include_full_source = ?6,"
        " sealed_secret = ?7 WHERE id = ?1 AND integration_id = ?2",
        rows.webhook_values(webhook),
    )
    return webhook


def _delete_webhook(connection: Connection, change: changes.DeleteWebhook) -> None:
    rules.require_webhooks_allowed(_integration(connection, change.app_id, change.integration_id))
    deleted = connection.execute(
        "DELETE FROM webhooks WHERE id = ? AND integration_id = ?", (change.webhook_id, change.integration_id)
    )
    if deleted.rowcount == 0:
        raise NotFound


def _initialise(connection: Connection, change: changes.Initialise) -> bool:
    if connection.execute("SELECT 1 FROM meta WHERE name = 'sealing_key_id'").fetchone():
        return False
    connection.execute("INSERT INTO meta (name, value) VALUES ('sealing_key_id', ?)", (change.sealing_key_id,))
    for app in change.apps:
        _insert_app(connection, app)
    for integration in change.integrations:
        _insert_integration(connection, integration)
    for webhook in change.webhooks:
        _insert_webhook(connection, webhook)
    for key in change.keys:
        _insert_key(connection, key)
    return True


_APPLY: dict[type[changes.Change[Any]], Callable[[Connection, Any], Any]] = {
    changes.CreateApp: _create_app,
    changes.UpdateApp: _update_app,
    changes.DeleteApp: _delete_app,
    changes.CreateIntegration: _create_integration,
    changes.UpdateIntegration: _update_integration,
    changes.DeleteIntegration: _delete_integration,
    changes.CreateKey: _create_key,
    changes.DeleteKey: _delete_key,
    changes.CreateWebhook: _create_webhook,
    changes.UpdateWebhook: _update_webhook,
    changes.DeleteWebhook: _delete_webhook,
    changes.Initialise: _initialise,
}
