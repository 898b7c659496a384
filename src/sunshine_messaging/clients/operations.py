"""The operations on clients and devices."""

from __future__ import annotations

import re
from typing import Any

from sunshine_keys.errors import BadRequest, DeviceNotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.table import require_integration
from sunshine_keys.wire import paging
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import INVALID_PAGE, Handlers, Plane
from sunshine_messaging.clients.changes import LinkClient, RemoveClient
from sunshine_messaging.clients.model import Client, client_view, device_view
from sunshine_messaging.clients.table import CLIENTS, DEVICES, SCRIPTS, clients_page, devices_of, find_device
from sunshine_messaging.messages import content
from sunshine_messaging.users.operations import NAME, brand, user_in_path

_PHONE = re.compile(r"\+[0-9]{4,15}", re.ASCII)


async def list_clients(plane: Plane, call: Call) -> Any:
    query = call.request.query()
    page = paging.page(query, INVALID_PAGE)
    user = await user_in_path(plane, call)
    items, more = await plane.store.read(clients_page(user.id, page, INVALID_PAGE))
    neighbours = paging.neighbours(call.request.url(), page, query, [item.id for item in items], more)
    return {"clients": [client_view(item) for item in items], **neighbours}


async def create_client(plane: Plane, call: Call) -> Any:
    criteria = dict(call.body["matchCriteria"])
    confirmation = call.body["confirmation"]
    type, integration_id = criteria.pop("type"), criteria.pop("integrationId")
    primary = criteria.pop("primary", True)
    if "phoneNumber" in criteria:
        criteria["phoneNumber"] = _phone_number(criteria["phoneNumber"])
    if "message" in confirmation:
        _check_message(confirmation["message"])
    await plane.require_app(call)
    integration = await plane.engine.store.read(require_integration(call.ids["appId"], integration_id))
    if integration.type != type:
        raise BadRequest(f"matchCriteria.integrationId should be an integration of type {type}")
    conversation_id = call.body["target"]["conversationId"]
    linking = {"conversationId": conversation_id, "confirmation": confirmation["type"], "primary": primary}
    change = LinkClient(
        call.ids["appId"],
        call.ids[NAME],
        brand(call),
        conversation_id,
        Client(new_object_id(), "", type, "pending", integration_id, link=criteria, linking=linking),
        at_once=confirmation["type"] == "immediate",
    )
    return await plane.create(call, change)


def _phone_number(written: str) -> str:
    """Return a phone number without blanks and hyphens. Raises BadRequest."""
    number = re.sub(r"[ \-]", "", written)
    if not _PHONE.fullmatch(number):
        raise BadRequest("matchCriteria.phoneNumber should be a plus sign and digits")
    return number


def _check_message(message: Values) -> None:
    """Raise BadRequest unless a message can ask for a confirmation."""
    if message["content"]["type"] not in ("text", "image"):
        raise BadRequest("confirmation.message.content should be of type text or image")
    if any(action["type"] != "link" for action in message["content"].get("actions", [])):
        raise BadRequest("confirmation.message.content.actions should be of type link")
    content.normalised(message, by_business=True)


async def remove_client(plane: Plane, call: Call) -> Any:
    change = RemoveClient(call.ids["appId"], call.ids[NAME], brand(call), call.ids["clientId"])
    await plane.change(call, change)
    return {}


async def list_devices(plane: Plane, call: Call) -> Any:
    user = await user_in_path(plane, call)
    return {"devices": [device_view(device) for device in await plane.store.read(devices_of(user.id))]}


async def get_device(plane: Plane, call: Call) -> Any:
    user = await user_in_path(plane, call)
    device = await plane.store.read(find_device(user.id, call.ids["deviceId"]))
    if device is None:
        raise DeviceNotFound
    return {"device": device_view(device)}


TABLES = (CLIENTS, DEVICES, SCRIPTS)

HANDLERS: Handlers = {
    "ListClients": list_clients,
    "CreateClient": create_client,
    "RemoveClient": remove_client,
    "ListDevices": list_devices,
    "GetDevice": get_device,
}
