"""What each change does to the tables, inside the transaction that its store has open.

A change looks before it writes, and every statement that writes returns what it has written: a change that fails
before it has written anything leaves its transaction as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.model import App
from sunshine_keys.errors import AppNotFound, IntegrationNotFound, NotFound
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import Key
from sunshine_keys.store import changes, rules
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sql import rows, sealing
from sunshine_keys.store.statements import Steps, run
from sunshine_keys.webhooks.model import Webhook

_FORGOTTEN_AT_ONCE = 100


def apply(change: changes.Change[Any]) -> Steps[Any]:
    return _APPLY[type(change)](change)


def _app(app_id: str) -> Steps[App]:
    found = yield from run(rows.APP + "WHERE id = $1", app_id)
    if not found:
        raise AppNotFound
    return rows.app(found[0])


def _integration(app_id: str, integration_id: str) -> Steps[Integration]:
    found = yield from run(rows.INTEGRATION + "WHERE id = $1 AND app_id = $2", integration_id, app_id)
    if not found:
        yield from _app(app_id)
        raise IntegrationNotFound
    return rows.integration(found[0])


def _insert_app(app: App) -> Steps[Any]:
    return run(
        "INSERT INTO apps (id, display_name, settings, metadata) VALUES ($1, $2, $3, $4) RETURNING id",
        *rows.app_values(app),
    )


def _insert_integration(integration: Integration) -> Steps[Any]:
    return run(
        "INSERT INTO integrations (id, app_id, type, attributes) VALUES ($1, $2, $3, $4) RETURNING id",
        *rows.integration_values(integration),
    )


def _insert_webhook(webhook: Webhook) -> Steps[Any]:
    return run(
        "INSERT INTO webhooks (id, integration_id, target, triggers, include_full_user, include_full_source,"
        " sealed_secret) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        *rows.webhook_values(webhook),
    )


def _insert_key(key: Key) -> Steps[Any]:
    return run(
        "INSERT INTO keys (id, scope, app_id, integration_id, display_name, sealed_secret)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        *rows.key_values(key),
    )


def _create_app(change: changes.CreateApp) -> Steps[App]:
    yield from _insert_app(change.app)
    return change.app


def _update_app(change: changes.UpdateApp) -> Steps[App]:
    app = change.patch.apply((yield from _app(change.app_id)))
    yield from run(
        "UPDATE apps SET display_name = $2, settings = $3, metadata = $4 WHERE id = $1 RETURNING id",
        *rows.app_values(app),
    )
    return app


def _delete_app(change: changes.DeleteApp) -> Steps[None]:
    if not (yield from run("DELETE FROM apps WHERE id = $1 RETURNING id", change.app_id)):
        raise AppNotFound


def _create_integration(change: changes.CreateIntegration) -> Steps[Integration]:
    yield from _app(change.integration.app_id)
    yield from _insert_integration(change.integration)
    for webhook in change.webhooks:
        yield from _insert_webhook(webhook)
    return change.integration


def _update_integration(change: changes.UpdateIntegration) -> Steps[Integration]:
    integration = (yield from _integration(change.app_id, change.integration_id)).patched(change.attributes)
    id, _, _, attributes = rows.integration_values(integration)
    yield from run("UPDATE integrations SET attributes = $2 WHERE id = $1 RETURNING id", id, attributes)
    return integration


def _delete_integration(change: changes.DeleteIntegration) -> Steps[None]:
    deleted = yield from run(
        "DELETE FROM integrations WHERE id = $1 AND app_id = $2 RETURNING id", change.integration_id, change.app_id
    )
    if not deleted:
        yield from _app(change.app_id)
        raise IntegrationNotFound


def _create_key(change: changes.CreateKey) -> Steps[Key]:
    key = change.key
    present: list[Any] = [(0,)]
    if key.scope is Scope.INTEGRATION and key.app_id and key.integration_id:
        rules.require_keys_allowed((yield from _integration(key.app_id, key.integration_id)))
        present = yield from run("SELECT count(*) FROM keys WHERE integration_id = $1", key.integration_id)
    elif key.scope is Scope.APP and key.app_id:
        yield from _app(key.app_id)
        present = yield from run("SELECT count(*) FROM keys WHERE app_id = $1 AND scope = 'app'", key.app_id)
    rules.require_room_for_key(key.scope, present[0][0])
    yield from _insert_key(key)
    return key


def _delete_key(change: changes.DeleteKey) -> Steps[None]:
    """The key that is there belongs to an integration that may have keys; only where it is not is the reason sought."""
    if change.integration_id is None:
        deleted = yield from run(
            "DELETE FROM keys WHERE id = $1 AND app_id = $2 AND scope = 'app' RETURNING id",
            change.key_id,
            change.app_id,
        )
        if not deleted:
            yield from _app(change.app_id)
            raise NotFound
    else:
        deleted = yield from run(
            "DELETE FROM keys WHERE id = $1 AND app_id = $2 AND integration_id = $3 RETURNING id",
            change.key_id,
            change.app_id,
            change.integration_id,
        )
        if not deleted:
            rules.require_keys_allowed((yield from _integration(change.app_id, change.integration_id)))
            raise NotFound


def _create_webhook(change: changes.CreateWebhook) -> Steps[Webhook]:
    rules.require_webhooks_allowed((yield from _integration(change.app_id, change.webhook.integration_id)))
    yield from _insert_webhook(change.webhook)
    return change.webhook


def _update_webhook(change: changes.UpdateWebhook) -> Steps[Webhook]:
    rules.require_webhooks_allowed((yield from _integration(change.app_id, change.integration_id)))
    found = yield from run(
        rows.WEBHOOK + "WHERE id = $1 AND integration_id = $2", change.webhook_id, change.integration_id
    )
    if not found:
        raise NotFound
    webhook = change.patch.apply(rows.webhook(found[0]))
    yield from run(
        "UPDATE webhooks SET target = $3, triggers = $4, include_full_user = $5, include_full_source = $6"
        " WHERE id = $1 AND integration_id = $2 RETURNING id",
        *rows.webhook_values(webhook)[:-1],
    )
    return webhook


def _delete_webhook(change: changes.DeleteWebhook) -> Steps[None]:
    rules.require_webhooks_allowed((yield from _integration(change.app_id, change.integration_id)))
    deleted = yield from run(
        "DELETE FROM webhooks WHERE id = $1 AND integration_id = $2 RETURNING id",
        change.webhook_id,
        change.integration_id,
    )
    if not deleted:
        raise NotFound


def _open_session(change: changes.OpenSession) -> Steps[None]:
    yield from run(rows.OPEN_SESSION, *rows.session_values(change.session))
    yield from run(rows.FORGET_SESSIONS, change.idle_since, _FORGOTTEN_AT_ONCE)


def _touch_session(change: changes.TouchSession) -> Steps[None]:
    yield from run(rows.TOUCH_SESSION, change.id, change.last_seen)


def _close_session(change: changes.CloseSession) -> Steps[bool]:
    return bool((yield from run(rows.CLOSE_SESSION, change.session.id)))


def _initialise(change: changes.Initialise) -> Steps[bool]:
    if (yield from sealing.read()) is not None:
        return False
    yield from sealing.record(Sealing(change.sealing_key_id))
    for app in change.apps:
        yield from _insert_app(app)
    for integration in change.integrations:
        yield from _insert_integration(integration)
    for webhook in change.webhooks:
        yield from _insert_webhook(webhook)
    for key in change.keys:
        yield from _insert_key(key)
    return True


def _nothing(change: changes.Restored | changes.Refused | changes.ShowKey) -> Steps[None]:
    """Its entry in the audit trail is all there is to it."""
    yield from ()


_APPLY: dict[type[changes.Change[Any]], Callable[[Any], Steps[Any]]] = {
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
    changes.ShowKey: _nothing,
    changes.OpenSession: _open_session,
    changes.TouchSession: _touch_session,
    changes.CloseSession: _close_session,
    changes.Initialise: _initialise,
    changes.Restored: _nothing,
    changes.RotateSealing: sealing.rotate,
    changes.Reseal: sealing.reseal,
    changes.FinishResealing: sealing.finish,
    changes.RetireSealingKey: sealing.retire,
    changes.Refused: _nothing,
}
