"""Links of channels: what becomes of a pending client, and of an active one, with the events of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.store.statements import Statements
from sunshine_messaging.clients.model import Client, address_of, client_view
from sunshine_messaging.clients.table import CLIENTS, clients_at
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import CONVERSATIONS
from sunshine_messaging.events.audience import Audience
from sunshine_messaging.events.model import API_SOURCE, Event, Form, Source
from sunshine_messaging.moments import text
from sunshine_messaging.participants.table import PARTICIPANTS, find_participant, participants_of_user
from sunshine_messaging.users.merging import merge
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import USERS

USER_ACTIVITY = "userActivity"
"""The confirmation by the person's first message on the channel."""


class Turn(StrEnum):
    """What happens to a client. The value is the reason of the event."""

    MATCHED = "matched"
    CONFIRMED = "confirmed"
    LINK_FAILED = "linkFailed"
    LINK_CANCELLED = "linkCancelled"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"


_FROM = {
    Turn.MATCHED: "pending",
    Turn.CONFIRMED: "pending",
    Turn.LINK_FAILED: "pending",
    Turn.LINK_CANCELLED: "pending",
    Turn.BLOCKED: "active",
    Turn.UNBLOCKED: "blocked",
}
_ERRORS = {
    Turn.LINK_FAILED: {"code": "uncategorized_error", "message": "The channel has no such person"},
    Turn.LINK_CANCELLED: {"code": "uncategorized_error", "message": "The person declined"},
}


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """A turn with what the channel reports: who the person is, or the error of a failed link."""

    turn: Turn
    external_id: str | None = None
    display_name: str | None = None
    info: dict[str, Any] | None = None
    raw: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


def turn(audience: Audience, user: User, client: Client, outcome: Outcome) -> Statements[Client | None]:
    """Let `outcome` happen to a user's client. Return the client, None if it has been removed.

    Raises BadRequest if the client is in another state.
    """
    if client.status != _FROM[outcome.turn]:
        possible = [other.value for other, status in _FROM.items() if status == client.status]
        raise BadRequest(f"The client is {client.status}: outcome should be {' or '.join(possible)}")
    conversation = yield from _conversation_of(client)
    match outcome.turn:
        case Turn.MATCHED:
            return (yield from _match(audience, conversation, user, client, outcome))
        case Turn.CONFIRMED:
            if client.address is None or outcome.external_id is not None:
                client = yield from _match(audience, conversation, user, client, outcome)
            return (yield from confirm(audience, user, client))
        case Turn.LINK_FAILED | Turn.LINK_CANCELLED:
            error = outcome.error or _ERRORS[outcome.turn]
            yield from remove(client)
            yield from audience.raise_event(
                removed_event(user, client, outcome.turn.value, conversation=conversation, error=error)
            )
            return None
        case Turn.BLOCKED | Turn.UNBLOCKED:
            status = "blocked" if outcome.turn is Turn.BLOCKED else "active"
            client = msgspec.structs.replace(client, status=status)
            yield from CLIENTS.update(client, "status")
            yield from audience.raise_event(_updated(conversation, user, client, outcome.turn))
            return client


def _conversation_of(client: Client) -> Statements[Conversation | None]:
    """Return the conversation that the client was linked for, or else one that it takes part in; None if there is none."""
    conversation = None
    if client.linking is not None:
        conversation = yield from CONVERSATIONS.get(client.linking["conversationId"])
    if conversation is None:
        for participant in (yield from participants_of_user(client.user_id)):
            if any(association["clientId"] == client.id for association in participant.client_associations):
                return (yield from CONVERSATIONS.get(participant.conversation_id))
    return conversation


def _match(
    audience: Audience, conversation: Conversation | None, user: User, client: Client, outcome: Outcome
) -> Statements[Client]:
    """Record that the channel has found the person."""
    link = client.link or {}
    external_id = outcome.external_id or link.get("phoneNumber") or link.get("address") or client.id
    assert client.integration_id is not None
    info = outcome.info or ({"phoneNumber": external_id} if "phoneNumber" in link else None)
    client = msgspec.structs.replace(
        client,
        external_id=external_id,
        display_name=outcome.display_name or external_id,
        info=info,
        raw=outcome.raw,
        address=address_of(client.integration_id, external_id),
    )
    yield from CLIENTS.update(client, "external_id", "display_name", "info", "raw", "address")
    yield from audience.raise_event(_updated(conversation, user, client, Turn.MATCHED))
    return client


def confirm(audience: Audience, user: User, client: Client) -> Statements[Client]:
    """Make a client active that has been matched, and return it.

    It is removed from another user who has the same address, and that user merged into this one if nobody has identified it.
    """
    assert client.integration_id is not None
    assert client.external_id is not None
    for other in (yield from clients_at(client.integration_id, client.external_id)):
        if other.user_id != user.id:
            user = yield from _take(audience, user, other)
    now = text(audience.now)
    client = msgspec.structs.replace(client, status="active", linked_at=now, last_seen=now)
    yield from CLIENTS.update(client, "status", "linked_at", "last_seen")
    linking = client.linking or {}
    conversation = None
    if linking:
        conversation = yield from CONVERSATIONS.get(linking["conversationId"])
    if conversation is not None:
        yield from associate(conversation.id, user.id, client, first=linking.get("primary", True))
    yield from audience.raise_event(_updated(conversation, user, client, Turn.CONFIRMED))
    return client


def _take(audience: Audience, user: User, client: Client) -> Statements[User]:
    """Take a client from another user. Return the user who gets it, as it is after a merge."""
    former = yield from USERS.get(client.user_id)
    assert former is not None
    conversation = yield from _conversation_of(client)
    yield from remove(client)
    yield from audience.raise_event(removed_event(former, client, "theft", conversation=conversation))
    if former.external_id is not None:
        return user
    return (yield from merge(audience, user, former, "channelLinking"))


def associate(conversation_id: str, user_id: str, client: Client, *, first: bool) -> Statements[None]:
    """Let a conversation reach a user through a client: in the first place, or in the last."""
    participant = yield from find_participant(conversation_id, user_id)
    if participant is None:
        return
    association = {"type": client.type, "clientId": client.id}
    others = [item for item in participant.client_associations if item["clientId"] != client.id]
    associations = [association, *others] if first else [*others, association]
    if associations != participant.client_associations:
        changed = msgspec.structs.replace(participant, client_associations=associations)
        yield from PARTICIPANTS.update(changed, "client_associations")


def remove(client: Client) -> Statements[None]:
    """Delete a client, and its associations in all conversations."""
    yield from CLIENTS.delete("id = $1", client.id)
    for participant in (yield from participants_of_user(client.user_id)):
        rest: list[Any] = [item for item in participant.client_associations if item["clientId"] != client.id]
        if rest != participant.client_associations:
            changed = msgspec.structs.replace(participant, client_associations=rest)
            yield from PARTICIPANTS.update(changed, "client_associations")


def added_event(
    conversation: Conversation | None, user: User, client: Client, reason: str, source: Source = API_SOURCE
) -> Event:
    """Return the event of a new client."""
    return _event(
        "client:add", conversation, user, client, lambda form: {"reason": reason, "source": form.source(source)}
    )


def removed_event(
    user: User,
    client: Client,
    reason: str,
    conversation: Conversation | None = None,
    error: dict[str, Any] | None = None,
) -> Event:
    """Return the event of a client that has been removed."""
    fields: dict[str, Any] = {"reason": reason} | ({} if error is None else {"error": error})
    return _event(
        "client:remove", conversation, user, client, lambda form: fields | {"source": form.source(API_SOURCE)}
    )


def _updated(conversation: Conversation | None, user: User, client: Client, turn: Turn) -> Event:
    return _event("client:update", conversation, user, client, lambda form: {"reason": turn.value})


def _event(
    type: str, conversation: Conversation | None, user: User, client: Client, fields: Callable[[Form], dict[str, Any]]
) -> Event:
    """Return an event of a client. Without a conversation, it is in the order of the user's events."""
    view = client_view(client)
    subject = user.id if conversation is None else conversation.id
    return Event(type, subject, lambda form: {"user": form.user(user), "client": view} | fields(form), conversation)
