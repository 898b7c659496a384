"""The first objects of an empty store: an account key and, on request, the objects that the published samples name."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.model import DEFAULT_SETTINGS, App, app_view
from sunshine_keys.apps.table import APPS
from sunshine_keys.engine import Engine
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.model import Integration, integration_view
from sunshine_keys.integrations.table import INTEGRATIONS
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store import OPERATOR, sealing
from sunshine_keys.store.change import Change
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.statements import Statements
from sunshine_keys.webhooks import operations as webhooks
from sunshine_keys.webhooks.model import TRIGGERS, Webhook
from sunshine_keys.webhooks.table import WEBHOOKS

SAMPLE_APP_ID = "5d8cff3cd55b040010928b5b"
SAMPLE_INTEGRATION_ID = "029c31f25a21b47effd7be90"
SAMPLE_OTHER_INTEGRATION_ID = "029c31f25a21b47effd7be91"
SAMPLE_KEY_ID = "int_5d8cff3cd55b040010928b5b"


class Initialise(Change[bool], frozen=True):
    """Write the first rows of an empty store in one transaction, and record the current sealing key.

    Return False and change nothing if the store is not empty.
    """

    action = "store.initialise"
    adds_keys = True
    sealing_key_id: str
    apps: list[App]
    integrations: list[Integration]
    webhooks: list[Webhook]
    keys: list[Key]

    def apply(self) -> Statements[bool]:
        if (yield from sealing.read()) is not None:
            return False
        yield from sealing.record(Sealing(self.sealing_key_id))
        for app in self.apps:
            yield from APPS.insert(app)
        for integration in self.integrations:
            yield from INTEGRATIONS.insert(integration)
        for webhook in self.webhooks:
            yield from WEBHOOKS.insert(webhook)
        for key in self.keys:
            yield from KEYS.insert(key)
        return True


async def another_account_key(engine: Engine) -> dict[str, Any]:
    """Create another account key, for an operator who lost the first. In an empty store, create the first one."""
    if first := await initialise(engine):
        return first
    view = await engine.create(OPERATOR, lambda sealer: keys.creation(sealer, Scope.ACCOUNT, None, None, "Account key"))
    return {"account_key": msgspec.to_builtins(view)}


class _Bot(msgspec.Struct, frozen=True):
    """An app, an integration of it that has a webhook, and the names of a key of each. `key_id` is the integration's key's."""

    app: App
    integration: Integration
    webhook: webhooks.WebhookSpec
    app_key_name: str
    key_name: str
    key_id: str | None = None
    others: tuple[Integration, ...] = ()


async def initialise(engine: Engine, *, sample: bool = False) -> dict[str, Any] | None:
    """Create the account key of an empty store and, with `sample`, the published samples' objects, in one transaction.

    Return them with their secrets, which are not shown again. If the store is not empty, return None and change nothing.
    """
    if not sample:
        return await _initialise(engine, None)
    app = App(SAMPLE_APP_ID, "Sample app", DEFAULT_SETTINGS)
    integration = Integration(SAMPLE_INTEGRATION_ID, app.id, "custom", {"displayName": "Sample custom integration"})
    spec = webhooks.WebhookSpec("http://localhost:5000/webhook", ["conversation:message"])
    other = Integration(SAMPLE_OTHER_INTEGRATION_ID, app.id, "web", {"displayName": "Sample web integration"})
    bot = _Bot(app, integration, spec, "Sample app key", "Sample key", SAMPLE_KEY_ID, (other,))
    created = await _initialise(engine, bot)
    return created and created | {"other_integration": integration_view(other, [], engine.sealer)}


async def initialise_for_bot(engine: Engine, target: str) -> dict[str, Any] | None:
    """Create the account key of an empty store, and an app with a bot: its webhook at `target` hears every event.

    Return what `initialise` returns.
    """
    app = App(new_object_id(), "Development", DEFAULT_SETTINGS)
    integration = Integration(new_object_id(), app.id, "custom", {"displayName": "Bot"})
    spec = webhooks.WebhookSpec(target, list(TRIGGERS))
    return await _initialise(engine, _Bot(app, integration, spec, "Development", "Bot"))


async def _initialise(engine: Engine, bot: _Bot | None) -> dict[str, Any] | None:
    if await engine.store.sealing() is not None:
        return None  # otherwise each start would add an entry to the audit trail
    sealer = engine.sealer
    account_key, account_view = keys.issue(sealer, Scope.ACCOUNT, None, None, "Account key")
    created: dict[str, Any] = {"account_key": account_view}
    change = Initialise(sealer.key_id, [], [], [], [account_key])
    if bot is not None:
        app, integration = bot.app, bot.integration
        app_key, app_key_view = keys.issue(sealer, Scope.APP, app.id, None, bot.app_key_name)
        webhook = webhooks.new_webhook(sealer, integration.id, bot.webhook)
        key, key_view = keys.issue(sealer, Scope.INTEGRATION, app.id, integration.id, bot.key_name, key_id=bot.key_id)
        created |= {
            "app": app_view(app),
            "app_key": app_key_view,
            "integration": integration_view(integration, [webhook], sealer),
            "key": key_view,
        }
        change = Initialise(sealer.key_id, [app], [integration, *bot.others], [webhook], [account_key, app_key, key])
    was_empty = await engine.store.transact(OPERATOR, change)
    return msgspec.to_builtins(created) if was_empty else None
