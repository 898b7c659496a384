"""Clients: the channels that reach a user, and the devices of SDK clients."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec


class Client(msgspec.Struct, frozen=True):
    """A client. `link` holds what the request that links a channel has named; empty for other clients.

    `linking` is the rest of that request: `conversationId`, `confirmation` and `primary`. `address` is the `address_of` the
    person on the channel.
    """

    id: str
    user_id: str
    type: str
    status: str
    integration_id: str | None = None
    external_id: str | None = None
    last_seen: str | None = None
    linked_at: str | None = None
    display_name: str | None = None
    avatar_url: str | None = None
    info: dict[str, Any] | None = None
    raw: dict[str, Any] | None = None
    link: dict[str, Any] | None = None
    linking: dict[str, Any] | None = None
    address: str | None = None


class Script(msgspec.Struct, frozen=True):
    """What the simulator has set for later.

    For the id of a client, `outcome` is the error of its next message. For the id of an integration, it is what becomes of the
    next link to it.
    """

    id: str
    app_id: str
    outcome: dict[str, Any]


class Device(msgspec.Struct, frozen=True):
    """A device of an SDK client. Only SDKs make devices."""

    id: str
    user_id: str
    client_id: str
    type: str
    guid: str
    status: str
    integration_id: str
    last_seen: str
    push_notification_token: str | None = None
    info: dict[str, Any] | None = None
    app_version: str | None = None


_CLIENT = {
    "integrationId": "integration_id",
    "externalId": "external_id",
    "lastSeen": "last_seen",
    "linkedAt": "linked_at",
    "displayName": "display_name",
    "avatarUrl": "avatar_url",
    "info": "info",
    "raw": "raw",
}
_DEVICE = {
    "id": "id",
    "type": "type",
    "guid": "guid",
    "clientId": "client_id",
    "status": "status",
    "integrationId": "integration_id",
    "lastSeen": "last_seen",
    "pushNotificationToken": "push_notification_token",
    "info": "info",
    "appVersion": "app_version",
}


def address_of(integration_id: str, external_id: str) -> str:
    """Return the address of a person on a channel: a hash, because an index of PostgreSQL cannot hold a long text."""
    return hashlib.blake2b(msgspec.json.encode([integration_id, external_id]), digest_size=16).hexdigest()


def client_view(client: Client) -> dict[str, Any]:
    """Return the client as JSON of the API. Unset fields are left out."""
    view: dict[str, Any] = {"id": client.id, "type": client.type, "status": client.status}
    return view | _set_fields(client, _CLIENT)


def device_view(device: Device) -> dict[str, Any]:
    """Return the device as JSON of the API. Unset fields are left out."""
    return _set_fields(device, _DEVICE)


def _set_fields(item: msgspec.Struct, names: dict[str, str]) -> dict[str, Any]:
    values = ((name, getattr(item, field)) for name, field in names.items())
    return {name: value for name, value in values if value is not None}
