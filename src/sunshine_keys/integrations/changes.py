"""Changes of integrations."""

from __future__ import annotations

from typing import Any

from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import IntegrationNotFound
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import INTEGRATIONS, require_integration
from sunshine_keys.store.change import Change, Revokes
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.webhooks.model import Webhook
from sunshine_keys.webhooks.table import WEBHOOKS

_DELETE = "DELETE FROM integrations WHERE id = $1 AND app_id = $2 RETURNING type"
_DELETE_CODES = "DELETE FROM oauth_codes WHERE app_id = $1 AND client_id = $2 RETURNING client_id"


class CreateIntegration(Change[Integration], frozen=True):
    """Create an integration with its webhooks. Raises AppNotFound."""

    action = "integration.create"
    path = "apps/{0.integration.app_id}/integrations/{0.integration.id}"
    integration: Integration
    webhooks: list[Webhook]

    @property
    def seals(self) -> list[bytes]:
        return [webhook.sealed_secret for webhook in self.webhooks]

    def apply(self) -> Statements[Integration]:
        yield from require_app(self.integration.app_id)
        yield from INTEGRATIONS.insert(self.integration)
        for webhook in self.webhooks:
            yield from WEBHOOKS.insert(webhook)
        return self.integration


class UpdateIntegration(Change[Integration], frozen=True):
    """Merge `attributes` into those of the integration; None removes one. Raises AppNotFound, IntegrationNotFound."""

    action = "integration.update"
    path = "apps/{0.app_id}/integrations/{0.integration_id}"
    app_id: str
    integration_id: str
    attributes: dict[str, Any]

    def apply(self) -> Statements[Integration]:
        integration = (yield from require_integration(self.app_id, self.integration_id)).patched(self.attributes)
        yield from INTEGRATIONS.update(integration, "attributes")
        return integration


class DeleteIntegration(Change[None], frozen=True):
    """Delete the integration with its keys, access tokens and webhooks. Raises AppNotFound, IntegrationNotFound."""

    action = "integration.delete"
    path = "apps/{0.app_id}/integrations/{0.integration_id}"
    revokes = Revokes.KEYS_OF_INTEGRATION
    app_id: str
    integration_id: str

    def apply(self) -> Statements[None]:
        rows = yield from execute(_DELETE, self.integration_id, self.app_id)
        if not rows:
            yield from require_app(self.app_id)
            raise IntegrationNotFound
        if OBJECT_ID.fullmatch(rows[0][0]):  # a partner's: a code that is still open must not connect it once more
            yield from execute(_DELETE_CODES, self.app_id, rows[0][0])
