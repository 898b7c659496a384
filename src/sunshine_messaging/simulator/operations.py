"""The operations of simulated people, which only a service with the simulator has."""

from __future__ import annotations

from typing import Any

from sunshine_keys.apps.table import APPS
from sunshine_keys.errors import NotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.table import first_integration
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.conversations.model import PERSONAL, Conversation
from sunshine_messaging.messages import content
from sunshine_messaging.moments import text
from sunshine_messaging.participants.changes import Member
from sunshine_messaging.simulator.changes import AnswerForm, Do, Say, StartConversation, Tap
from sunshine_messaging.users.model import User, without_nulls

OFF = "The simulator is off: start the service with --simulator"


def _require_on(plane: Plane) -> None:
    """Raise NotFound if the service has no simulator."""
    if not plane.has_simulator:
        raise NotFound(OFF)


async def _source(plane: Plane, call: Call) -> tuple[dict[str, Any], str | None]:
    """Return the source of what a person does, and the entry of the switchboard that answers there by default, or None.

    The source is the web messenger, with the app's integration of type web if it has one.
    """
    web = await plane.engine.store.read(first_integration(call.ids["appId"], "web"))
    if web is None:
        return {"type": "web"}, None
    return {"type": "web", "integrationId": web.id}, web.attributes.get("defaultResponderId")


def _member(call: Call) -> Member | None:
    user_id, external_id = call.body.get("userId"), call.body.get("userExternalId")
    return None if user_id is None and external_id is None else Member(user_id, external_id)


async def start_conversation(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    now, app_id = text(plane.now()), call.ids["appId"]
    profile = without_nulls(call.body.get("profile") or {})
    user = _member(call) or User(
        new_object_id(),
        app_id,
        None,
        None,
        None,
        now,
        False,
        None,
        profile,
        {},
        [],
    )
    conversation = Conversation(new_object_id(), app_id, PERSONAL, False, None, None, None, None, now, now)
    return await plane.create(call, StartConversation(user, conversation, *await _source(plane, call)))


async def say(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    (normal,) = content.normalised(call.body, by_business=False)
    return await plane.create(call, Say(*await _person(plane, call), normal))


async def _person(plane: Plane, call: Call) -> tuple[str, str, Member | None, dict[str, Any], str | None, int]:
    """Return what all changes by a person begin with."""
    ids = call.ids
    return ids["appId"], ids["conversationId"], _member(call), *await _source(plane, call), plane.now()


async def tap(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    app = await plane.engine.store.get(APPS, call.ids["appId"])
    echoes = app is not None and bool(app.settings.get("echoPostback"))
    body = call.body
    return await plane.create(call, Tap(*await _person(plane, call), body.get("messageId"), body["action"], echoes))


async def answer_form(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    body = call.body
    return await plane.create(call, AnswerForm(*await _person(plane, call), body.get("messageId"), body["fields"]))


async def do(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    return await plane.create(call, Do(*await _person(plane, call), call.body["type"]))


async def advance_clock(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    plane.advance(call.body["seconds"])
    await plane.deliverer.tick()
    return {"now": text(plane.now())}


TABLES = ()

HANDLERS: Handlers = {
    "SimulateConversation": start_conversation,
    "SimulateMessage": say,
    "SimulateTap": tap,
    "SimulateFormResponse": answer_form,
    "SimulateActivity": do,
    "AdvanceClock": advance_clock,
}
