"""Changes of clients."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, ClientNotFound
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from sunshine_messaging.apps.table import register
from sunshine_messaging.clients.linking import Outcome, Turn, added_event, remove, removed_event, turn
from sunshine_messaging.clients.model import Client, Script, client_view
from sunshine_messaging.clients.table import CLIENTS, SCRIPTS, SDK, clients_of, take_script
from sunshine_messaging.conversations.table import require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.participants.table import require_participant
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import require_user


class LinkClient(AnnouncedChange[bytes], frozen=True):
    """Link a user to a channel, and return the answer: a pending client. The same link gives the existing client.

    A link that is to be confirmed at once is active afterwards, unless the simulator has set another outcome. `client` lacks
    its `user_id`. Raises UserNotFound, ConversationNotFound, and NotFound for a user who is not in the conversation.
    """

    action = "client.link"
    audited = False
    app_id: str
    name: str
    brand_id: str | None
    conversation_id: str
    client: Client
    at_once: bool

    def apply(self) -> Statements[bytes]:
        user = yield from require_user(self.app_id, self.name, self.brand_id)
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        yield from require_participant(conversation.id, user.id)
        for client in (yield from clients_of(user.id)):
            if (client.integration_id, client.link) == (self.client.integration_id, self.client.link):
                return _answer(client)
        client = msgspec.structs.replace(self.client, user_id=user.id)
        yield from CLIENTS.insert(client)
        yield from self.audience.raise_event(added_event(conversation, user, client, "channelLinking"))
        assert client.integration_id is not None
        scripted = yield from take_script(client.integration_id)
        if scripted is not None:
            yield from turn(self.audience, user, client, msgspec.convert(scripted, Outcome))
        elif self.at_once:
            yield from turn(self.audience, user, client, Outcome(Turn.CONFIRMED))
        return _answer(client)


def _answer(client: Client) -> bytes:
    return msgspec.json.encode({"client": client_view(client)})


class RemoveClient(AnnouncedChange[None], frozen=True):
    """Remove a client of a user. Raises UserNotFound, ClientNotFound, and BadRequest for an SDK client."""

    action = "client.remove"
    audited = False
    app_id: str
    name: str
    brand_id: str | None
    client_id: str

    def apply(self) -> Statements[None]:
        user = yield from require_user(self.app_id, self.name, self.brand_id)
        client = yield from CLIENTS.get(self.client_id)
        if client is None or client.user_id != user.id:
            raise ClientNotFound
        if client.type == SDK:
            raise BadRequest(f"Cannot remove a client of type '{SDK}'")
        yield from remove(client)
        yield from self.audience.raise_event(removed_event(user, client, "api"))


class TurnClient(AnnouncedChange[bytes], frozen=True):
    """Let the simulator's `outcome` happen to a client of a user, and return the answer: the client, unless it has been removed.

    Raises UserNotFound, ClientNotFound, and BadRequest if the client is in another state.
    """

    action = "client.turn"
    audited = False
    app_id: str
    name: str
    brand_id: str | None
    client_id: str
    outcome: Outcome

    def apply(self) -> Statements[bytes]:
        user = yield from require_user(self.app_id, self.name, self.brand_id)
        client = yield from _require_channel(user, self.client_id)
        changed = yield from turn(self.audience, user, client, self.outcome)
        return b"{}" if changed is None else _answer(changed)


class FailNextMessage(Change[bytes], frozen=True):
    """Let the next message to a client of a user fail with `error`, and return an empty answer.

    Raises UserNotFound, ClientNotFound, and BadRequest for an SDK client.
    """

    action = "client.fail_next"
    audited = False
    app_id: str
    name: str
    brand_id: str | None
    client_id: str
    error: dict[str, Any]

    def apply(self) -> Statements[bytes]:
        user = yield from require_user(self.app_id, self.name, self.brand_id)
        client = yield from _require_channel(user, self.client_id)
        yield from _set_script(Script(client.id, self.app_id, self.error))
        return b"{}"


class ScriptNextLink(Change[bytes], frozen=True):
    """Let the next link to an integration end with `outcome`, and return an empty answer."""

    action = "client.script_link"
    audited = False
    app_id: str
    integration_id: str
    outcome: Outcome

    def apply(self) -> Statements[bytes]:
        yield from register(self.app_id)
        yield from _set_script(Script(self.integration_id, self.app_id, msgspec.to_builtins(self.outcome)))
        return b"{}"


def _set_script(script: Script) -> Statements[None]:
    yield from SCRIPTS.delete("id = $1", script.id)
    yield from SCRIPTS.insert(script)


def _require_channel(user: User, client_id: str) -> Statements[Client]:
    """Return a client of the user that is a channel's. Raises ClientNotFound, and BadRequest for an SDK client."""
    client = yield from CLIENTS.get(client_id)
    if client is None or client.user_id != user.id:
        raise ClientNotFound
    if client.type == SDK:
        raise BadRequest(f"The client is of type '{SDK}': only clients of channels are linked")
    return client
