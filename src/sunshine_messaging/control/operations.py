"""The operations on control."""

from __future__ import annotations

from typing import Any

from sunshine_keys.errors import SwitchboardInvalidAction, SwitchboardInvalidTarget
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.control.changes import ChangeControl
from sunshine_messaging.control.history import CONTROL_RECORDS, control_records, record_view
from sunshine_messaging.control.states import Action
from sunshine_messaging.metadata import require_small
from sunshine_messaging.users.model import without_nulls

_ERRORS = {kind.code: kind for kind in (SwitchboardInvalidAction, SwitchboardInvalidTarget)}


async def _act(plane: Plane, call: Call, action: Action) -> Any:
    metadata = call.body.get("metadata")
    require_small(metadata, "Switchboard")
    change = ChangeControl(
        call.ids["appId"],
        call.ids["conversationId"],
        action,
        call.actor.integration_id,
        call.body.get("switchboardIntegration", ""),
        None if metadata is None else without_nulls(metadata),
    )
    failure = await plane.change(call, change)
    if failure is not None:
        raise _ERRORS[failure.code](failure.message)
    return {}


async def pass_control(plane: Plane, call: Call) -> Any:
    return await _act(plane, call, Action.PASS)


async def offer_control(plane: Plane, call: Call) -> Any:
    return await _act(plane, call, Action.OFFER)


async def accept_control(plane: Plane, call: Call) -> Any:
    return await _act(plane, call, Action.ACCEPT)


async def release_control(plane: Plane, call: Call) -> Any:
    return await _act(plane, call, Action.RELEASE)


async def list_control_records(plane: Plane, call: Call) -> Any:
    conversation = await plane.conversation(call)
    records = await plane.store.read(control_records(conversation.id))
    return {"controlRecords": [record_view(record) for record in records]}


TABLES = (CONTROL_RECORDS,)

HANDLERS: Handlers = {
    "PassControl": pass_control,
    "OfferControl": offer_control,
    "AcceptControl": accept_control,
    "ReleaseControl": release_control,
    "ListControlRecords": list_control_records,
}
