"""Changes of webhooks."""

from __future__ import annotations

from sunshine_keys.errors import NotFound
from sunshine_keys.integrations.table import require_webhooks_allowed
from sunshine_keys.store.change import AuditOnly, Change
from sunshine_keys.store.statements import Statements
from sunshine_keys.webhooks.model import Webhook, WebhookPatch
from sunshine_keys.webhooks.table import WEBHOOKS, require_webhook


class CreateWebhook(Change[Webhook], frozen=True):
    """Create a webhook. Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration)."""

    action = "webhook.create"
    path = "apps/{0.app_id}/integrations/{0.webhook.integration_id}/webhooks/{0.webhook.id}"
    app_id: str
    webhook: Webhook

    @property
    def seals(self) -> list[bytes]:
        return [self.webhook.sealed_secret]

    def apply(self) -> Statements[Webhook]:
        yield from require_webhooks_allowed(self.app_id, self.webhook.integration_id)
        yield from WEBHOOKS.insert(self.webhook)
        return self.webhook


class UpdateWebhook(Change[Webhook], frozen=True):
    """Write the properties in the patch.

    Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound.
    """

    action = "webhook.update"
    path = "apps/{0.app_id}/integrations/{0.integration_id}/webhooks/{0.webhook_id}"
    app_id: str
    integration_id: str
    webhook_id: str
    patch: WebhookPatch

    def apply(self) -> Statements[Webhook]:
        webhook = self.patch.apply((yield from require_webhook(self.app_id, self.integration_id, self.webhook_id)))
        yield from WEBHOOKS.update(webhook, "target", "triggers", "include_full_user", "include_full_source")
        return webhook


class DeleteWebhook(Change[None], frozen=True):
    """Delete a webhook. Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound."""

    action = "webhook.delete"
    path = "apps/{0.app_id}/integrations/{0.integration_id}/webhooks/{0.webhook_id}"
    app_id: str
    integration_id: str
    webhook_id: str

    def apply(self) -> Statements[None]:
        yield from require_webhooks_allowed(self.app_id, self.integration_id)
        if not (yield from WEBHOOKS.delete("id = $1 AND integration_id = $2", self.webhook_id, self.integration_id)):
            raise NotFound


class ShowWebhook(AuditOnly, frozen=True):
    """The console has shown a secret again."""

    action = "webhook.show"
    path = "apps/{0.app_id}/integrations/{0.webhook.integration_id}/webhooks/{0.webhook.id}"
    app_id: str
    webhook: Webhook
