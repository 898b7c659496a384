"""Clients: the channels that reach a user, and the devices of SDK clients."""

from __future__ import annotations

from typing import Any

import msgspec


class Client(msgspec.Struct, frozen=True):
    """A client. `link` holds what the request that links a channel has named; empty for other clients."""

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
