"""The operations on switchboards and their entries."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, IntegrationNotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.table import require_integration
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.switchboards.changes import (
    CreateEntry,
    CreateSwitchboard,
    DeleteEntry,
    DeleteSwitchboard,
    UpdateEntry,
    UpdateSwitchboard,
)
from sunshine_messaging.switchboards.model import (
    BUILT_IN,
    Entry,
    EntryPatch,
    SwitchboardPatch,
    SwitchboardRow,
    built_in_integration,
    entry_view,
    switchboard_view,
)
from sunshine_messaging.switchboards.table import (
    ENTRIES,
    SWITCHBOARDS,
    entries_of,
    require_switchboard,
    switchboards_of,
)


async def list_switchboards(plane: Plane, call: Call) -> Any:
    await plane.require_app(call)
    rows = await plane.store.read(switchboards_of(call.ids["appId"]))
    return {"switchboards": [switchboard_view(row) for row in rows]}


async def create_switchboard(plane: Plane, call: Call) -> Any:
    return await plane.create(call, CreateSwitchboard(SwitchboardRow(new_object_id(), call.ids["appId"])))


async def update_switchboard(plane: Plane, call: Call) -> Any:
    patch = SwitchboardPatch(
        call.body.get("enabled", msgspec.UNSET), call.body.get("defaultSwitchboardIntegrationId", msgspec.UNSET)
    )
    change = UpdateSwitchboard(call.ids["appId"], call.ids["switchboardId"], patch)
    return {"switchboard": switchboard_view(await plane.change(call, change))}


async def delete_switchboard(plane: Plane, call: Call) -> Any:
    await plane.change(call, DeleteSwitchboard(call.ids["appId"], call.ids["switchboardId"]))
    return {}


async def list_entries(plane: Plane, call: Call) -> Any:
    switchboard = await _switchboard(plane, call)
    entries = await plane.store.read(entries_of(switchboard.id))
    return {"switchboardIntegrations": [entry_view(entry) for entry in entries]}


async def create_entry(plane: Plane, call: Call) -> Any:
    body = call.body
    if ("integrationId" in body) == ("integrationType" in body):
        raise BadRequest("body should have exactly one of integrationId and integrationType")
    switchboard = await _switchboard(plane, call)
    integration_id, integration_type = await _integration(plane, call)
    entry = Entry(
        new_object_id(),
        switchboard.id,
        body["name"],
        integration_id,
        integration_type,
        body.get("deliverStandbyEvents", True),
        body.get("nextSwitchboardIntegrationId"),
        body.get("messageHistoryCount"),
    )
    return await plane.create(call, CreateEntry(call.ids["appId"], entry))


async def update_entry(plane: Plane, call: Call) -> Any:
    body = call.body
    if "integrationId" in body and "integrationType" in body:
        raise BadRequest("body should NOT have both integrationId and integrationType")
    patch = EntryPatch(
        name=body.get("name", msgspec.UNSET),
        deliver_standby_events=body.get("deliverStandbyEvents", msgspec.UNSET),
        next_entry_id=body.get("nextSwitchboardIntegrationId", msgspec.UNSET),
        message_history_count=body.get("messageHistoryCount", msgspec.UNSET),
    )
    switchboard = await _switchboard(plane, call)
    if "integrationId" in body or "integrationType" in body:
        integration_id, integration_type = await _integration(plane, call)
        patch = msgspec.structs.replace(patch, integration_id=integration_id, integration_type=integration_type)
    change = UpdateEntry(call.ids["appId"], switchboard.id, call.ids["switchboardIntegrationId"], patch)
    return {"switchboardIntegration": entry_view(await plane.change(call, change))}


async def delete_entry(plane: Plane, call: Call) -> Any:
    change = DeleteEntry(call.ids["appId"], call.ids["switchboardId"], call.ids["switchboardIntegrationId"])
    await plane.change(call, change)
    return {}


async def _switchboard(plane: Plane, call: Call) -> SwitchboardRow:
    """Return the switchboard in the path. Raises AppNotFound, SwitchboardNotFound."""
    await plane.require_app(call)
    return await plane.store.read(require_switchboard(call.ids["appId"], call.ids["switchboardId"]))


async def _integration(plane: Plane, call: Call) -> tuple[str, str]:
    """Return id and type of the integration that a body names. Raises IntegrationNotFound, BadRequest."""
    app_id = call.ids["appId"]
    if (type := call.body.get("integrationType")) is not None:
        if type not in BUILT_IN:
            raise IntegrationNotFound
        return built_in_integration(app_id, type), type
    integration = await plane.engine.store.read(require_integration(app_id, call.body["integrationId"]))
    if not integration.has_webhooks:
        raise BadRequest("integrationId should be an integration of type custom")
    return integration.id, integration.type


TABLES = (SWITCHBOARDS, ENTRIES)

HANDLERS: Handlers = {
    "ListSwitchboards": list_switchboards,
    "CreateSwitchboard": create_switchboard,
    "UpdateSwitchboard": update_switchboard,
    "DeleteSwitchboard": delete_switchboard,
    "ListSwitchboardIntegrations": list_entries,
    "CreateSwitchboardIntegration": create_entry,
    "UpdateSwitchboardIntegration": update_entry,
    "DeleteSwitchboardIntegration": delete_entry,
}
