"""Webhooks: the struct that the store holds, a patch of it, and its JSON."""

from __future__ import annotations

import msgspec

from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.views import SecretView

TRIGGERS = (
    "client:add",
    "client:remove",
    "client:update",
    "conversation:create",
    "conversation:join",
    "conversation:leave",
    "conversation:message",
    "conversation:message:delivery:channel",
    "conversation:message:delivery:failure",
    "conversation:message:delivery:user",
    "conversation:postback",
    "conversation:read",
    "conversation:referral",
    "conversation:remove",
    "conversation:typing",
    "passthrough:messaging",
    "switchboard:acceptControl",
    "switchboard:acceptControl:failure",
    "switchboard:offerControl",
    "switchboard:offerControl:failure",
    "switchboard:passControl",
    "switchboard:passControl:failure",
    "switchboard:releaseControl",
    "user:merge",
    "user:remove",
    "user:update",
)
"""The types of events that a webhook can hear (documented)."""


SECRET_HEADER = "X-API-Key"  # noqa: S105 - the name of a header
"""The header with the webhook's secret (documented)."""

REQUEST_HEADERS = {"User-Agent": "sunshine-keys", "Accept": "*/*", "Content-Type": "application/json"}
"""The other headers of an event's request, beside those that HTTP needs."""


class Webhook(msgspec.Struct, frozen=True):
    id: str
    integration_id: str
    target: str
    triggers: list[str]
    include_full_user: bool
    include_full_source: bool
    sealed_secret: bytes


class WebhookPatch(msgspec.Struct, frozen=True):
    """The properties that a PATCH names; UNSET leaves a field as it is."""

    target: str | msgspec.UnsetType = msgspec.UNSET
    triggers: list[str] | msgspec.UnsetType = msgspec.UNSET
    include_full_user: bool | msgspec.UnsetType = msgspec.UNSET
    include_full_source: bool | msgspec.UnsetType = msgspec.UNSET

    def apply(self, webhook: Webhook) -> Webhook:
        named = {name: getattr(self, name) for name in self.__struct_fields__}
        return msgspec.structs.replace(
            webhook, **{name: value for name, value in named.items() if value is not msgspec.UNSET}
        )


class WebhookView(SecretView, frozen=True):
    version: str
    target: str
    triggers: list[str]
    secret: str
    include_full_user: bool
    include_full_source: bool


def webhook_view(webhook: Webhook, sealer: Sealer) -> WebhookView:
    """Return the webhook as JSON of the API, with its secret."""
    return WebhookView(
        id=webhook.id,
        version="v2",
        target=webhook.target,
        triggers=webhook.triggers,
        secret=sealer.open(webhook.sealed_secret, webhook.id),
        include_full_user=webhook.include_full_user,
        include_full_source=webhook.include_full_source,
    )
