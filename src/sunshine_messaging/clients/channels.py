"""Channels: what becomes of a message on its way to a person's client. There are no real ones, so it arrives unless something says otherwise."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.ids import new_object_id
from sunshine_keys.store.statements import Statements
from sunshine_messaging.clients.model import Client
from sunshine_messaging.clients.table import CLIENTS, SDK, take_script
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.events.audience import Audience
from sunshine_messaging.events.model import Event
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import USERS

REPORTING = frozenset({"messagebird", "messenger", "twilio", "viber", "whatsapp"})
"""The channels that report that a message has reached the person (twilio: observed, the others assumed)."""

_UNCATEGORIZED = "uncategorized_error"
_DELIVERY = "conversation:message:delivery"

_decode = msgspec.json.Decoder(list[dict[str, str]]).decode


def carry(
    audience: Audience,
    conversation: Conversation,
    user_id: str,
    associations: str,
    destination: Client | None,
    messages: list[dict[str, Any]],
) -> Statements[None]:
    """Raise the events of messages that a channel carries to a participant.

    They go to `destination`, or else to the first of the participant's client `associations` (JSON). SDK clients raise none.
    """
    client = destination
    if client is None:
        client = yield from _first(associations)
    if client is None or client.type == SDK:
        return
    user = yield from USERS.get(user_id)
    assert user is not None
    for message in messages:
        error = yield from _error(client, message["content"])
        outcomes = ["failure"] if error else ["channel", "user"] if client.type in REPORTING else ["channel"]
        external_id = new_object_id()
        for outcome in outcomes:
            yield from audience.raise_event(
                _event(outcome, conversation, user, client, message["id"], external_id, error)
            )


def _first(associations: str) -> Statements[Client | None]:
    """Return the client of the first association, None if that is an SDK client or there is none."""
    for association in _decode(associations)[:1] if associations != "[]" else ():
        if association["type"] != SDK:
            return (yield from CLIENTS.get(association["clientId"]))
    return None


def _error(client: Client, content: dict[str, Any]) -> Statements[dict[str, Any] | None]:
    """Return why the channel refuses a message, or None. An error that the simulator has set counts for one message."""
    scripted = yield from take_script(client.id)
    if scripted is not None:
        return scripted
    if client.status != "active":
        return {"code": _UNCATEGORIZED, "message": f"The client is {client.status}"}
    if content["type"] == "form" and "text" not in content:
        return {"code": _UNCATEGORIZED, "message": "Unsupported message type `form`"}
    return None


def _event(
    outcome: str,
    conversation: Conversation,
    user: User,
    client: Client,
    message_id: str,
    external_id: str,
    error: dict[str, Any] | None,
) -> Event:
    delivered: dict[str, Any] = {
        "destination": {"type": client.type, "integrationId": client.integration_id},
        "message": {"id": message_id},
        "isFinalEvent": True,
    }
    delivered |= {"externalMessages": [{"id": external_id}]} if error is None else {"error": error}
    return Event(
        f"{_DELIVERY}:{outcome}", conversation.id, lambda form: {"user": form.user(user)} | delivered, conversation
    )
