"""Changes of conversations."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from sunshine_messaging.apps.table import register
from sunshine_messaging.control.history import DEFAULT, record_control
from sunshine_messaging.control.states import with_default
from sunshine_messaging.conversations.model import (
    PERSONAL,
    Conversation,
    ConversationPatch,
    conversation_view,
)
from sunshine_messaging.conversations.table import CONVERSATIONS, default_conversation, require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import API_SOURCE, Event, Form, Source
from sunshine_messaging.messages.table import delete_all
from sunshine_messaging.participants.changes import Member, add_participant
from sunshine_messaging.users.model import User


class CreateConversation(AnnouncedChange[bytes], frozen=True):
    """Create a conversation with its participants, and return the answer. Raises UserNotFound, BadRequest."""

    action = "conversation.create"
    audited = False
    conversation: Conversation
    members: list[Member]

    def apply(self) -> Statements[bytes]:
        conversation = self.conversation
        users: list[User] = []
        for member in self.members:
            users.append((yield from member.require_user(conversation.app_id)))  # noqa: PERF401 - a comprehension cannot yield
        if len({user.id for user in users}) < len(users):
            raise BadRequest("participants should NOT name a user twice")
        if conversation.type == PERSONAL and (yield from default_conversation(users[0].id)) is None:
            conversation = msgspec.structs.replace(conversation, is_default=True)
        control = with_default(self.audience.switchboard, conversation.control)
        conversation = msgspec.structs.replace(conversation, active_entry=control.active)
        yield from register(conversation.app_id)
        yield from CONVERSATIONS.insert(conversation)
        if control.active is not None:
            yield from record_control(self.audience, conversation, DEFAULT)
        for member, user in zip(self.members, users, strict=True):
            yield from add_participant(conversation, user, conversation.created_at, subscribe=member.subscribe)
        owner = users[0] if conversation.type == PERSONAL else None
        yield from self.audience.raise_event(created_event(conversation, owner, "none", API_SOURCE))
        return msgspec.json.encode({"conversation": conversation_view(conversation, self.audience.switchboard)})


def created_event(
    conversation: Conversation, user: User | None, reason: str, source: Source, referral: dict[str, Any] | None = None
) -> Event:
    """Return the event of a new conversation. `user` is the person of a personal one, `referral` what led there."""

    def payload(form: Form) -> dict[str, Any]:
        view: dict[str, Any] = {"creationReason": reason, "source": form.source(source)}
        if user is not None:
            view["user"] = form.user(user)
        return view if referral is None else view | {"referral": referral}

    return Event("conversation:create", conversation.id, payload, conversation)


class UpdateConversation(Change[Conversation], frozen=True):
    """Patch a conversation. Raises ConversationNotFound."""

    action = "conversation.update"
    audited = False
    app_id: str
    conversation_id: str
    patch: ConversationPatch

    def apply(self) -> Statements[Conversation]:
        conversation = self.patch.apply((yield from require_conversation(self.app_id, self.conversation_id)))
        yield from CONVERSATIONS.update(conversation, *self.patch.__struct_fields__)
        return conversation


class DeleteConversation(AnnouncedChange[None], frozen=True):
    """Delete a conversation with its messages. Raises ConversationNotFound, and BadRequest for a default one."""

    action = "conversation.delete"
    audited = False
    app_id: str
    conversation_id: str

    def apply(self) -> Statements[None]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        if conversation.is_default:
            raise BadRequest(f"Conversation {conversation.id} cannot be deleted because it is the default.")
        yield from erase_conversation(conversation.id)
        yield from self.audience.raise_event(
            Event("conversation:remove", conversation.id, lambda form: {}, conversation)
        )


def erase_conversation(conversation_id: str) -> Statements[None]:
    """Delete a conversation with its messages and participants."""
    yield from delete_all(conversation_id)
    yield from CONVERSATIONS.delete("id = $1", conversation_id)
