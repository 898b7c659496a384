"""The operations of simulated people, which only a service with the simulator has."""

from __future__ import annotations

from typing import Any

from sunshine_keys.apps.table import APPS
from sunshine_keys.errors import NotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.table import integrations_of_app
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.clients.changes import FailNextMessage, ScriptNextLink, TurnClient
from sunshine_messaging.clients.linking import Outcome, Turn
from sunshine_messaging.conversations.model import PERSONAL, Conversation
from sunshine_messaging.messages import content
from sunshine_messaging.messages.changes import PostMessage
from sunshine_messaging.metadata import require_small
from sunshine_messaging.moments import Milliseconds, text
from sunshine_messaging.participants.changes import Member
from sunshine_messaging.simulator.agents import AGENT_WORKSPACE, EndTicket, workspace_author, workspace_source
from sunshine_messaging.simulator.changes import (
    ENDED_BY_USER,
    AnswerForm,
    Do,
    EndSession,
    PassThrough,
    Refer,
    Say,
    Tap,
)
from sunshine_messaging.simulator.channels import Channel, Channels
from sunshine_messaging.simulator.starting import Arrival, LogIn, StartConversation
from sunshine_messaging.users.model import User, without_nulls
from sunshine_messaging.users.operations import NAME, brand

OFF = "The simulator is off: start the service with --simulator"


def _require_on(plane: Plane) -> None:
    """Raise NotFound if the service has no simulator."""
    if not plane.has_simulator:
        raise NotFound(OFF)


async def _channels(plane: Plane, call: Call) -> Channels:
    """Return the channels on which the app's people act."""
    integrations = await plane.engine.store.read(integrations_of_app(call.ids["appId"]))
    return Channels(
        tuple(Channel(item.id, item.type, item.attributes.get("defaultResponderId")) for item in integrations)
    )


def _member(call: Call) -> Member | None:
    user_id, external_id = call.body.get("userId"), call.body.get("userExternalId")
    return None if user_id is None and external_id is None else Member(user_id, external_id)


async def start_conversation(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    body, app_id, moment = call.body, call.ids["appId"], plane.now()
    now = text(moment)
    profile = without_nulls(body.get("profile") or {})
    user = User(new_object_id(), app_id, None, None, None, now, False, None, profile, {}, [])
    conversation = Conversation(new_object_id(), app_id, PERSONAL, False, None, None, None, None, now, now)
    channels = await _channels(plane, call)
    written = body.get("content")
    integration_id = body.get("integrationId")
    arrival = Arrival(
        None if integration_id is None else channels.require(integration_id),
        body.get("creationReason", "startConversation" if written is None else "message"),
        body.get("address"),
        body.get("displayName"),
        None if written is None else content.normalised({"content": written}, by_business=False)[0],
        body.get("referral"),
        body.get("campaignId"),
        body.get("locale"),
    )
    change = StartConversation(user, _member(call), conversation, channels, arrival, moment)
    return await plane.create(call, change)


async def say(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    (normal,) = content.normalised(call.body, by_business=False)
    return await plane.create(call, Say(*await _person(plane, call), normal))


async def _person(plane: Plane, call: Call) -> tuple[str, str, Member | None, str | None, Channels, Milliseconds]:
    """Return what all changes by a person begin with."""
    ids, client_id = call.ids, call.body.get("clientId")
    return ids["appId"], ids["conversationId"], _member(call), client_id, await _channels(plane, call), plane.now()


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
    type: str = call.body["type"]
    person = await _person(plane, call)
    return await plane.create(call, EndSession(*person) if type == ENDED_BY_USER else Do(*person, type))


async def refer(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    referral: dict[str, Any] = {name: call.body[name] for name in ("code", "details") if name in call.body}
    return await plane.create(call, Refer(*await _person(plane, call), referral))


async def pass_through(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    return await plane.create(call, PassThrough(call.ids["appId"], call.ids["conversationId"], call.body["payload"]))


async def say_as_agent(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    body, app_id = call.body, call.ids["appId"]
    metadata = body.get("metadata")
    require_small(metadata, "Message")
    type: str = body.get("integrationType", AGENT_WORKSPACE)
    change = PostMessage(
        app_id,
        call.ids["conversationId"],
        workspace_author(type, body.get("displayName"), body.get("avatarUrl")),
        content.normalised(body, by_business=True),
        without_nulls(metadata) if metadata else None,
        None,
        plane.now(),
        source=workspace_source(app_id, type),
    )
    return await plane.create(call, change)


async def end_ticket(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    change = EndTicket(call.ids["appId"], call.ids["conversationId"], call.body["type"], plane.now())
    return await plane.create(call, change)


async def log_in(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    change = LogIn(
        call.ids["appId"],
        call.ids[NAME],
        call.body["externalId"],
        call.body.get("email"),
        await _channels(plane, call),
        plane.now(),
    )
    return await plane.create(call, change)


async def turn_client(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    change = TurnClient(call.ids["appId"], call.ids[NAME], brand(call), call.ids["clientId"], _outcome(call.body))
    return await plane.create(call, change)


async def fail_next_message(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    ids = call.ids
    return await plane.create(
        call, FailNextMessage(ids["appId"], ids[NAME], brand(call), ids["clientId"], _error(call.body))
    )


async def script_next_link(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    channel = (await _channels(plane, call)).require(call.body["integrationId"])
    return await plane.create(call, ScriptNextLink(call.ids["appId"], channel.id, _outcome(call.body)))


def _outcome(body: Values) -> Outcome:
    return Outcome(
        Turn(body["outcome"]),
        body.get("externalId"),
        body.get("displayName"),
        body.get("info"),
        body.get("raw"),
        _error(body["error"]) if "error" in body else None,
    )


def _error(values: Values) -> dict[str, Any]:
    return {name: values[name] for name in ("code", "message", "underlyingError") if name in values}


async def advance_clock(plane: Plane, call: Call) -> Any:
    _require_on(plane)
    plane.advance(call.body["seconds"])
    await plane.do_due_work()
    return {"now": text(plane.now())}


TABLES = ()

HANDLERS: Handlers = {
    "SimulateConversation": start_conversation,
    "SimulateMessage": say,
    "SimulateTap": tap,
    "SimulateFormResponse": answer_form,
    "SimulateActivity": do,
    "SimulateReferral": refer,
    "SimulatePassthrough": pass_through,
    "SimulateAgentMessage": say_as_agent,
    "SimulateTicket": end_ticket,
    "SimulateLogin": log_in,
    "SimulateClientOutcome": turn_client,
    "SimulateClientError": fail_next_message,
    "SimulateLinkOutcome": script_next_link,
    "AdvanceClock": advance_clock,
}
