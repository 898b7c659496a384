"""The writes a store can do, as data. The type parameter is what `Store.transact` returns for it.

Each says of itself what the audit trail is to tell: an action, and the resource by its path below /v2.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from sunshine_keys.models import App, AppPatch, Integration, Key, Webhook, WebhookPatch

R = TypeVar("R")


class Change(msgspec.Struct, Generic[R], frozen=True):
    """Base of all changes. `note` is what else its entry in the audit trail should say."""

    action: ClassVar[str]

    @property
    def resource(self) -> str:
        raise NotImplementedError

    @property
    def note(self) -> str:
        return ""

    @property
    def revokes(self) -> bool:
        """Whether it can take keys away."""
        return False


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
    app_id: str

    @property
    def resource(self) -> str:
        return f"apps/{self.app_id}"

    @property
    def revokes(self) -> bool:
        return True


class CreateIntegration(Change[Integration], frozen=True):
    """Raises AppNotFound."""

    action = "integration.create"
    integration: Integration
    webhooks: list[Webhook]

    @property
    def resource(self) -> str:
        return f"apps/{self.integration.app_id}/integrations/{self.integration.id}"


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
    app_id: str
    integration_id: str

    @property
    def resource(self) -> str:
        return f"apps/{self.app_id}/integrations/{self.integration_id}"

    @property
    def revokes(self) -> bool:
        return True


class CreateKey(Change[Key], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration, or ten keys already)."""

    action = "key.create"
    key: Key

    @property
    def resource(self) -> str:
        return _owner(self.key.app_id, self.key.integration_id) + f"keys/{self.key.id}"


class DeleteKey(Change[None], frozen=True):
    """Deletes an app's key (`integration_id` None) or an integration's.

    Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound.
    """

    action = "key.delete"
    app_id: str
    integration_id: str | None
    key_id: str

    @property
    def resource(self) -> str:
        return _owner(self.app_id, self.integration_id) + f"keys/{self.key_id}"

    @property
    def revokes(self) -> bool:
        return True


class CreateWebhook(Change[Webhook], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration)."""

    action = "webhook.create"
    app_id: str
    webhook: Webhook

    @property
    def resource(self) -> str:
        return _owner(self.app_id, self.webhook.integration_id) + f"webhooks/{self.webhook.id}"


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

    @property
    def resource(self) -> str:
        return ""


class Restored(Change[None], frozen=True):
    """Changes nothing: the entry of a restore, which happens in the same transaction."""

    action = "store.restore"
    told: str

    @property
    def resource(self) -> str:
        return ""

    @property
    def note(self) -> str:
        return self.told


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
