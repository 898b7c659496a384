"""Integrations: the struct that the store holds, and its JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.webhooks.model import Webhook, webhook_view

INTEGRATION_TYPES = frozenset(
    {
        "android", "apple", "custom", "instagram", "ios", "line", "mailgun", "messagebird", "messenger",
        "telegram", "twilio", "twitter", "unity", "viber", "web", "whatsapp",
    }
)  # fmt: skip


class Integration(msgspec.Struct, frozen=True):
    """An integration. `attributes` holds the common optional properties by their names on the wire (displayName, …).

    The type of a partner's integration is the id of the partner's OAuth client.
    """

    id: str
    app_id: str
    type: str
    attributes: dict[str, Any]

    @property
    def is_partner(self) -> bool:
        """True for the integration of a partner, which OAuth has connected to the app."""
        return OBJECT_ID.fullmatch(self.type) is not None

    @property
    def has_webhooks(self) -> bool:
        """True if the integration may have webhooks."""
        return self.type == "custom" or self.is_partner

    def patched(self, attributes: dict[str, Any]) -> Integration:
        """Return a copy with `attributes` merged into its own. An attribute that is None is removed."""
        merged = {name: value for name, value in (self.attributes | attributes).items() if value is not None}
        return Integration(self.id, self.app_id, self.type, merged)


def integration_view(integration: Integration, webhooks: list[Webhook], sealer: Sealer) -> dict[str, Any]:
    """Return the integration as JSON of the API. Only those that may have webhooks show them."""
    view: dict[str, Any] = {
        "id": integration.id,
        "type": integration.type,
        "status": "active",
        **integration.attributes,
    }
    if integration.has_webhooks:
        view["webhooks"] = [webhook_view(webhook, sealer) for webhook in webhooks]
    return view
