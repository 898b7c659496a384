"""Changes of clients."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, ClientNotFound
from sunshine_keys.store.statements import Statements
from sunshine_messaging.clients.model import Client, client_view
from sunshine_messaging.clients.table import CLIENTS, SDK, clients_of
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import API_SOURCE, Event
from sunshine_messaging.participants.table import PARTICIPANTS, participants_of_user, require_participant
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import require_user


class LinkClient(AnnouncedChange[bytes], frozen=True):
    """Link a user to a channel, and return the answer: a pending client. The same link gives the existing client.

    A link that is to be confirmed at once is active afterwards. `client` lacks its `user_id`. `now` is a moment on the wire.
    Raises UserNotFound, ConversationNotFound, and NotFound for a user who is not in the conversation.
    """

    action = "client.link"
    audited = False
    app_id: str
    name: str
    brand_id: str | None
    conversation_id: str
    client: Client
    primary: bool
    at_once: bool
    now: str

    def apply(self) -> Statements[bytes]:
        user = yield from require_user(self.app_id, self.name, self.brand_id)
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        participant = yield from require_participant(conversation.id, user.id)
        for client in (yield from clients_of(user.id)):
            if (client.integration_id, client.link) == (self.client.integration_id, self.client.link):
                return _answer(client)
        client = msgspec.structs.replace(self.client, user_id=user.id)
        if not self.at_once:
            yield from CLIENTS.insert(client)
            yield from self.audience.raise_event(_linking(conversation, user, client))
            return _answer(client)
        external_id = client.link and (client.link.get("phoneNumber") or client.link.get("address"))
        active = msgspec.structs.replace(
            client, status="active", external_id=external_id, linked_at=self.now, last_seen=self.now
        )
        yield from CLIENTS.insert(active)
        association = {"type": client.type, "clientId": client.id}
        others = participant.client_associations
        associations = [association, *others] if self.primary else [*others, association]
        yield from PARTICIPANTS.update(
            msgspec.structs.replace(participant, client_associations=associations), "client_associations"
        )
        yield from self.audience.raise_event(_linking(conversation, user, client))
        matched = msgspec.structs.replace(client, external_id=external_id)
        yield from self.audience.raise_event(_linked(conversation, user, matched, "matched"))
        yield from self.audience.raise_event(_linked(conversation, user, active, "confirmed"))
        return _answer(client)


def _linking(conversation: Conversation, user: User, client: Client) -> Event:
    return Event(
        "client:add",
        conversation.id,
        lambda form: {
            "user": form.user(user),
            "client": client_view(client),
            "reason": "channelLinking",
            "source": API_SOURCE,
        },
        conversation,
    )


def _linked(conversation: Conversation, user: User, client: Client, reason: str) -> Event:
    return Event(
        "client:update",
        conversation.id,
        lambda form: {
            "user": form.user(user),
            "client": client_view(client),
            "reason": reason,
        },
        conversation,
    )


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
        yield from CLIENTS.delete("id = $1", client.id)
        for participant in (yield from participants_of_user(user.id)):
            rest: list[Any] = [
                association for association in participant.client_associations if association["clientId"] != client.id
            ]
            if rest != participant.client_associations:
                changed = msgspec.structs.replace(participant, client_associations=rest)
                yield from PARTICIPANTS.update(changed, "client_associations")
        removed = {"client": client_view(client), "reason": "api", "source": API_SOURCE}
        yield from self.audience.raise_event(
            Event("client:remove", user.id, lambda form: {"user": form.user(user)} | removed)
        )
