"""The writes a store can do, as data. The type parameter is what `Store.transact` returns for it.

Each says of itself what the audit trail is to tell: an action, and the resource by its path below /v2.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from sunshine_keys.apps.model import App, AppPatch
from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import Key
from sunshine_keys.store.sealing import Kind, Resealed
from sunshine_keys.webhooks.model import Webhook, WebhookPatch

R = TypeVar("R")


class Change(msgspec.Struct, Generic[R], frozen=True):
    """Base of all changes. `note` is what else its entry in the audit trail should say."""

    action: ClassVar[str]
    audited: ClassVar[bool] = True
    revokes: ClassVar[bool] = False
    """Whether it can take keys away."""

    @property
    def resource(self) -> str:
        """Empty where it is the store itself."""
        return ""

    @property
    def note(self) -> str:
        return ""

    @property
    def seals(self) -> list[bytes]:
        """What it writes that is sealed: all of it must be sealed under the store's current sealing key."""
        return []


class CreateApp(Change[App], frozen=True):
    action = "app.create"
    app: App

    @property
    def resource(self) -> str:
        return f"apps/{self.app.id}"


class UpdateApp(Change[App], frozen=True):
    """Raises AppNotFound."""

    action = "app.update"
    app_id: str
    patch: AppPatch

    @property
    def resource(self) -> str:
        return f"apps/{self.app_id}"


class DeleteApp(Change[None], frozen=True):
    """Takes the app's keys, integrations, their keys and webhooks with it. Raises AppNotFound."""

    action = "app.delete"
    revokes = True
    app_id: str

    @property
    def resource(self) -> str:
        return f"apps/{self.app_id}"


class CreateIntegration(Change[Integration], frozen=True):
    """Raises AppNotFound."""

    action = "integration.create"
    integration: Integration
    webhooks: list[Webhook]

    @property
    def resource(self) -> str:
        return f"apps/{self.integration.app_id}/integrations/{self.integration.id}"

    @property
    def seals(self) -> list[bytes]:
        return [webhook.sealed_secret for webhook in self.webhooks]


class UpdateIntegration(Change[Integration], frozen=True):
    """Merges `attributes` (None removes one). Raises AppNotFound, IntegrationNotFound."""

    action = "integration.update"
    app_id: str
    integration_id: str
    attributes: dict[str, Any]

    @property
    def resource(self) -> str:
        return f"apps/{self.app_id}/integrations/{self.integration_id}"


class DeleteIntegration(Change[None], frozen=True):
    """Takes the integration's keys and webhooks with it. Raises AppNotFound, IntegrationNotFound."""

    action = "integration.delete"
    revokes = True
    app_id: str
    integration_id: str

    @property
    def resource(self) -> str:
        return f"apps/{self.app_id}/integrations/{self.integration_id}"


class CreateKey(Change[Key], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration, or ten keys already)."""

    action = "key.create"
    key: Key

    @property
    def resource(self) -> str:
        return _owner(self.key.app_id, self.key.integration_id) + f"keys/{self.key.id}"

    @property
    def seals(self) -> list[bytes]:
        return [self.key.sealed_secret]


class DeleteKey(Change[None], frozen=True):
    """Deletes an app's key (`integration_id` None) or an integration's.

    Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound.
    """

    action = "key.delete"
    revokes = True
    app_id: str
    integration_id: str | None
    key_id: str

    @property
    def resource(self) -> str:
        return _owner(self.app_id, self.integration_id) + f"keys/{self.key_id}"


class CreateWebhook(Change[Webhook], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration)."""

    action = "webhook.create"
    app_id: str
    webhook: Webhook

    @property
    def resource(self) -> str:
        return _owner(self.app_id, self.webhook.integration_id) + f"webhooks/{self.webhook.id}"

    @property
    def seals(self) -> list[bytes]:
        return [self.webhook.sealed_secret]


class UpdateWebhook(Change[Webhook], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound."""

    action = "webhook.update"
    app_id: str
    integration_id: str
    webhook_id: str
    patch: WebhookPatch

    @property
    def resource(self) -> str:
        return _owner(self.app_id, self.integration_id) + f"webhooks/{self.webhook_id}"


class DeleteWebhook(Change[None], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound."""

    action = "webhook.delete"
    app_id: str
    integration_id: str
    webhook_id: str

    @property
    def resource(self) -> str:
        return _owner(self.app_id, self.integration_id) + f"webhooks/{self.webhook_id}"


class ShowKey(Change[None], frozen=True):
    """Changes nothing: the entry of a secret that was shown again."""

    action = "key.show"
    key: Key

    @property
    def resource(self) -> str:
        return _owner(self.key.app_id, self.key.integration_id) + f"keys/{self.key.id}"


class OpenSession(Change[None], frozen=True):
    """Sign in to the console; `app_id` is the key's. Sessions last seen before `idle_since` are forgotten, some at once."""

    action = "console.sign_in"
    session: ConsoleSession
    app_id: str | None
    idle_since: int

    @property
    def resource(self) -> str:
        return _owner(self.app_id, None) + f"keys/{self.session.key_id}"


class TouchSession(Change[None], frozen=True):
    """A session was seen at `last_seen`. It is nothing that the audit trail should tell of."""

    action = "console.seen"
    audited = False
    id: bytes
    last_seen: int

    @property
    def resource(self) -> str:
        return "console"


class CloseSession(Change[bool], frozen=True):
    """Sign out of the console. Returns False where there was no such session any more."""

    action = "console.sign_out"
    session: ConsoleSession
    app_id: str | None

    @property
    def resource(self) -> str:
        return _owner(self.app_id, None) + f"keys/{self.session.key_id}"


class Initialise(Change[bool], frozen=True):
    """Write the first rows of an empty store, all or nothing. Returns False, changing nothing, where there are any.

    Sealing is recorded under `sealing_key_id`.
    """

    action = "store.initialise"
    sealing_key_id: str
    apps: list[App]
    integrations: list[Integration]
    webhooks: list[Webhook]
    keys: list[Key]


class Restored(Change[None], frozen=True):
    """Changes nothing: the entry of a restore, which happens in the same transaction."""

    action = "store.restore"
    told: str

    @property
    def note(self) -> str:
        return self.told


class RotateSealing(Change[None], frozen=True):
    """Make `key_id` the current sealing key; `previous` becomes an older one. Resealing begins.

    Raises SealingKeyChanged where `previous` is not the current one.
    """

    action = "sealing.rotate"
    key_id: str
    previous: str

    @property
    def resource(self) -> str:
        return f"sealing-keys/{self.key_id}"

    @property
    def note(self) -> str:
        return f"after {self.previous}"


class Reseal(Change[int], frozen=True):
    """Put each row's new seal in the place of the old one, where that is still there. Returns how many were.

    What is kept stays what it was, so the audit trail tells nothing of it.
    """

    action = "sealing.reseal"
    audited = False
    kind: Kind
    rows: list[Resealed]

    @property
    def resource(self) -> str:
        return self.kind.value

    @property
    def seals(self) -> list[bytes]:
        return [row.anew for row in self.rows]


class FinishResealing(Change[None], frozen=True):
    """Record that everything is sealed under `key_id`. Raises SealingKeyChanged where that is not the current one."""

    action = "sealing.resealed"
    key_id: str
    told: str

    @property
    def resource(self) -> str:
        return f"sealing-keys/{self.key_id}"

    @property
    def note(self) -> str:
        return self.told


class RetireSealingKey(Change[None], frozen=True):
    """Forget an older sealing key, which nothing is sealed under. Raises SealingKeyChanged where `current` is not."""

    action = "sealing.retire"
    key_id: str
    current: str

    @property
    def resource(self) -> str:
        return f"sealing-keys/{self.key_id}"


class Refused(Change[None], frozen=True):
    """Changes nothing: an entry in the audit trail of what was refused before it could be a change."""

    action = "request"
    resource_path: str
    code: str
    detail: str = ""

    @property
    def resource(self) -> str:
        return self.resource_path

    @property
    def note(self) -> str:
        return self.detail


def _owner(app_id: str | None, integration_id: str | None) -> str:
    return "".join(
        f"{kind}/{owner}/" for kind, owner in (("apps", app_id), ("integrations", integration_id)) if owner is not None
    )
