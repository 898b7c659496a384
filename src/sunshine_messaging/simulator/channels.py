"""The channels on which people act: the integrations of an app, and the sources of events that follow from them."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, IntegrationNotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.store.statements import Statements
from sunshine_messaging.clients.model import Client
from sunshine_messaging.clients.table import SDK, last_device
from sunshine_messaging.events.model import Source
from sunshine_messaging.moments import Milliseconds, text

WEB = "web"
SDK_TYPES = frozenset({"android", "ios", "unity", WEB})
"""The types of integrations that share the SDK client of a person."""


class Channel(msgspec.Struct, frozen=True):
    """An integration. `responder_id` is the entry of the switchboard that answers there by default."""

    id: str
    type: str
    responder_id: str | None


class Channels(msgspec.Struct, frozen=True):
    """The integrations of an app, oldest first."""

    all: tuple[Channel, ...]

    def find(self, integration_id: str | None) -> Channel | None:
        """Return the integration, or None. Without an id, it is the first web messenger."""
        if integration_id is None:
            return next((channel for channel in self.all if channel.type == WEB), None)
        return next((channel for channel in self.all if channel.id == integration_id), None)

    def require(self, integration_id: str) -> Channel:
        """Return an integration that people can use. Raises IntegrationNotFound, and BadRequest for a custom one."""
        channel = self.find(integration_id)
        if channel is None:
            raise IntegrationNotFound
        if channel.type == "custom":
            raise BadRequest("integrationId should be an integration of a channel, not of type custom")
        return channel


def source_of(
    channels: Channels, client: Client | None, integration_id: str | None = None
) -> Statements[tuple[Source, str | None]]:
    """Return the source of what a person does through a client, and the default responder there.

    An SDK client belongs to no integration: its source is `integration_id`, or else the web messenger.
    """
    if client is not None and client.type != SDK:
        integration_id = client.integration_id
    channel = channels.find(integration_id)
    if channel is None and integration_id is None:
        channel = Channel("", WEB, None)
    view = {"type": WEB if client is None else client.type}
    if channel is not None:
        view = {"type": channel.type} | ({"integrationId": channel.id} if channel.id else {})
    device = None
    if client is not None and client.type == SDK:
        device = yield from last_device(client.id, client.user_id)
    return Source(view, client, device), None if channel is None else channel.responder_id


def original_of(client: Client | None, now: Milliseconds) -> dict[str, Any] | None:
    """Return the fields of a message's source that only other channels than SDKs have."""
    if client is None or client.type == SDK:
        return None
    return {"originalMessageId": new_object_id(), "originalMessageTimestamp": text(now // 1000 * 1000)}
