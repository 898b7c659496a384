"""Changes by activities."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.activities.model import BUSINESS, Typing
from sunshine_messaging.activities.table import start_typing, stop_typing
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import CONVERSATIONS, require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import API_SOURCE, Event, Form
from sunshine_messaging.moments import Milliseconds, text
from sunshine_messaging.participants.changes import Member
from sunshine_messaging.participants.table import require_participant
from sunshine_messaging.users.model import User


class TypeAsBusiness(Change[None], frozen=True):
    """Record that a business begins or stops to type. Raises ConversationNotFound."""

    action = "conversation.typing"
    audited = False
    app_id: str
    conversation_id: str
    begins: bool
    now: Milliseconds

    def apply(self) -> Statements[None]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        if self.begins:
            yield from start_typing(Typing(conversation.id, BUSINESS, self.now))
        else:
            yield from stop_typing(conversation.id, BUSINESS)


class MarkRead(AnnouncedChange[None], frozen=True):
    """Record that a business, or the user `member`, has read a conversation.

    Raises ConversationNotFound, UserNotFound, and NotFound for a user who is no member.
    """

    action = "conversation.read"
    audited = False
    app_id: str
    conversation_id: str
    member: Member | None
    now: Milliseconds

    def apply(self) -> Statements[None]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        if self.member is None:
            read = msgspec.structs.replace(conversation, business_last_read=text(self.now))
            yield from CONVERSATIONS.update(read, "business_last_read")
            return
        user = yield from self.member.require_user(self.app_id)
        participant = yield from require_participant(conversation.id, user.id)
        moment = conversation.last_received or self.now
        yield from execute(
            "UPDATE participants SET unread_count = 0, seen = $2, last_read = $3 WHERE id = $1 RETURNING id",
            participant.id,
            conversation.last_received,
            text(moment),
        )
        yield from self.audience.raise_event(_read(conversation, user))


def _read(conversation: Conversation, user: User) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        author = form.author({"type": "user", "userId": user.id}, user)
        activity = {"type": "conversation:read", "source": form.source(API_SOURCE), "author": author}
        return {"activity": activity}

    return Event("conversation:read", conversation.id, payload, conversation)
