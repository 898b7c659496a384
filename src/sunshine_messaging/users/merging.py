"""The merge of two users who turn out to be the same person."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from sunshine_keys.store.statements import Statements
from sunshine_messaging.clients.model import Client, client_view
from sunshine_messaging.clients.table import CLIENTS, DEVICES, SDK, clients_of, find_sdk_client
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import CONVERSATIONS, default_conversation
from sunshine_messaging.events.audience import Audience
from sunshine_messaging.events.model import Event, Form, truncated
from sunshine_messaging.messages.table import MESSAGES, messages_by, move_messages, unread_count
from sunshine_messaging.metadata import is_small
from sunshine_messaging.participants.model import Participant
from sunshine_messaging.participants.table import PARTICIPANTS, find_participant, participants_of_user
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import USERS, replace_handles

_encode = msgspec.json.Encoder().encode


class _Pair(NamedTuple):
    """Two clients or two default conversations of which one survives."""

    surviving: dict[str, Any]
    discarded: dict[str, Any]


def merge(audience: Audience, surviving: User, discarded: User, reason: str) -> Statements[User]:
    """Merge a user into another one, and return that as it is then.

    It gets the clients, the conversations and the messages of the discarded user, whose profile and metadata win. Two SDK
    clients become one, and so do two default conversations. Metadata that does not fit is in the event only.
    """
    metadata, surplus = _merged_metadata(surviving.metadata, discarded.metadata)
    identities = [item for item in discarded.identities if item not in surviving.identities]
    user = msgspec.structs.replace(
        surviving,
        external_id=surviving.external_id or discarded.external_id,
        zendesk_id=surviving.zendesk_id or discarded.zendesk_id,
        to_be_retained=surviving.to_be_retained or discarded.to_be_retained,
        profile=surviving.profile | discarded.profile,
        metadata=metadata,
        identities=[*surviving.identities, *identities],
    )
    clients = yield from _merge_clients(surviving.id, discarded.id)
    conversations = yield from _merge_conversations(audience, surviving, discarded)
    yield from _move_authorship(surviving.id, discarded.id)
    yield from USERS.delete("id = $1", discarded.id)
    yield from USERS.update(user, "external_id", "zendesk_id", "to_be_retained", "profile", "metadata", "identities")
    yield from replace_handles(surviving, user)
    yield from audience.raise_event(_merged(user, discarded, clients, conversations, surplus, reason))
    return user


def _merged_metadata(surviving: dict[str, Any], discarded: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata of both, and what of the discarded user's does not fit."""
    merged, surplus = surviving, dict[str, Any]()
    for name, value in discarded.items():
        if is_small(merged | {name: value}):
            merged = merged | {name: value}
        else:
            surplus[name] = value
    return merged, surplus


def _merge_clients(surviving_id: str, discarded_id: str) -> Statements[_Pair | None]:
    """Move the clients and devices to the surviving user. Return its SDK client and the discarded one, if both had one."""
    sdk = yield from find_sdk_client(surviving_id)
    pair = None
    for client in (yield from clients_of(discarded_id)):
        target = client
        if client.type == SDK and sdk is not None:
            target, pair = sdk, _Pair(client_view(sdk), client_view(client))
            yield from CLIENTS.delete("id = $1", client.id)
            yield from _replace_client(surviving_id, client, sdk)
            yield from _replace_client(discarded_id, client, sdk)
        else:
            yield from CLIENTS.update(msgspec.structs.replace(client, user_id=surviving_id), "user_id")
        for device in (yield from DEVICES.select("WHERE user_id = $1 AND client_id = $2", discarded_id, client.id)):
            moved = msgspec.structs.replace(device, user_id=surviving_id, client_id=target.id)
            yield from DEVICES.update(moved, "user_id", "client_id")
    return pair


def _replace_client(user_id: str, former: Client, client: Client) -> Statements[None]:
    """Let a user's conversations reach it through another client."""
    for participant in (yield from participants_of_user(user_id)):
        associations: list[Any] = []
        for item in participant.client_associations:
            association = {"type": client.type, "clientId": client.id} if item["clientId"] == former.id else item
            if association not in associations:
                associations.append(association)
        if associations != participant.client_associations:
            changed = msgspec.structs.replace(participant, client_associations=associations)
            yield from PARTICIPANTS.update(changed, "client_associations")


def _merge_conversations(audience: Audience, surviving: User, discarded: User) -> Statements[_Pair | None]:
    """Let the surviving user take the place of the discarded one in all conversations.

    Return the default conversations, if both had one: the surviving one then has the messages of both, in order of time.
    """
    target = yield from default_conversation(surviving.id)
    source = yield from default_conversation(discarded.id)
    pair = None
    if target is not None and source is not None:
        pair = _Pair(truncated(target, audience.switchboard), truncated(source, audience.switchboard))
        yield from _merge_conversation(target, source, surviving, discarded)
    for participant in (yield from participants_of_user(discarded.id)):
        own = yield from find_participant(participant.conversation_id, surviving.id)
        if own is None:
            moved = msgspec.structs.replace(
                participant, user_id=surviving.id, user_external_id=surviving.external_id or discarded.external_id
            )
            yield from PARTICIPANTS.update(moved, "user_id", "user_external_id")
        else:
            yield from _merge_participants(own, participant, discarded)
    return pair


def _merge_conversation(
    target: Conversation, source: Conversation, surviving: User, discarded: User
) -> Statements[None]:
    yield from move_messages(source.id, target.id)
    merged = msgspec.structs.replace(
        target,
        messages=target.messages + source.messages,
        last_received=max(target.last_received, source.last_received),
        last_updated_at=max(target.last_updated_at, source.last_updated_at),
        active_entry=target.active_entry or source.active_entry,
        pending_entry=target.pending_entry if target.active_entry else source.pending_entry,
    )
    yield from CONVERSATIONS.update(
        merged, "messages", "last_received", "last_updated_at", "active_entry", "pending_entry"
    )
    own = yield from find_participant(target.id, surviving.id)
    other = yield from find_participant(source.id, discarded.id)
    assert own is not None
    assert other is not None
    yield from _merge_participants(own, other, discarded)
    for client in (yield from clients_of(surviving.id)):
        if client.linking is not None and client.linking["conversationId"] == source.id:
            linking = client.linking | {"conversationId": target.id}
            yield from CLIENTS.update(msgspec.structs.replace(client, linking=linking), "linking")
    yield from CONVERSATIONS.delete("id = $1", source.id)


def _merge_participants(own: Participant, other: Participant, discarded: User) -> Statements[None]:
    """Let a participant of the surviving user stand for one of the discarded user, too. What either has not read is unread."""
    seen = min(own.seen, other.seen)
    others = [item for item in other.client_associations if item not in own.client_associations]
    reads = [moment for moment in (own.last_read, other.last_read) if moment is not None]
    unread = yield from unread_count(own.conversation_id, seen, own.user_id, discarded.id)
    merged = msgspec.structs.replace(
        own,
        seen=seen,
        unread_count=unread,
        last_read=max(reads, default=None),
        client_associations=[*own.client_associations, *others],
    )
    yield from PARTICIPANTS.update(merged, "seen", "unread_count", "last_read", "client_associations")
    yield from PARTICIPANTS.delete("id = $1", other.id)


def _move_authorship(surviving_id: str, discarded_id: str) -> Statements[None]:
    """Let the messages of the discarded user name the surviving one."""
    for message in (yield from messages_by(discarded_id)):
        body = msgspec.json.decode(message.body)
        body["author"]["userId"] = surviving_id
        moved = msgspec.structs.replace(message, author_id=surviving_id, body=_encode(body))
        yield from MESSAGES.update(moved, "author_id", "body")


def _merged(
    user: User,
    discarded: User,
    clients: _Pair | None,
    conversations: _Pair | None,
    surplus: dict[str, Any],
    reason: str,
) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        view: dict[str, Any] = {"mergedUsers": {"surviving": form.user(user), "discarded": form.user(discarded)}}
        if conversations is not None:
            view["mergedConversations"] = conversations._asdict()
        if clients is not None:
            view["mergedClients"] = clients._asdict()
        if surplus:
            view["discardedMetadata"] = surplus
        return view | {"reason": reason}

    return Event("user:merge", user.id, payload)
