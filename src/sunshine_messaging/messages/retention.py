"""Retention: the messages of a conversation go when it has been inactive for as long as its app's settings say."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.control.history import expire_records
from sunshine_messaging.conversations.table import CONVERSATIONS
from sunshine_messaging.messages.model import received_at
from sunshine_messaging.messages.table import delete_oldest
from sunshine_messaging.moments import Milliseconds
from sunshine_messaging.participants.table import participants_of

_ROWS = 500
"""The most messages that one change deletes: the changes of requests wait behind it."""

_READ = "UPDATE participants SET unread_count = unread_count - $2 WHERE id = $1 RETURNING id"


def retention_seconds(settings: dict[str, Any]) -> int:
    """Return the seconds of inactivity after which an app's messages are deleted; 0 if they stay."""
    seconds: int = settings.get("conversationRetentionSeconds", 0)
    return seconds


def inactive_conversations(
    app_id: str, before: Milliseconds, after: tuple[Milliseconds, str], limit: int
) -> Statements[list[tuple[Milliseconds, str]]]:
    """Return the conversations with messages, the last of which came earlier than `before`: that time, and the id.

    They follow the conversation `after` in this order. This reads no others: an index leaves out conversations without messages.
    """
    rows = yield from execute(
        "SELECT last_received, id FROM conversations WHERE app_id = $1 AND messages > 0 AND last_received < $2"
        " AND (last_received, id) > ($3, $4) ORDER BY last_received, id LIMIT $5",
        app_id,
        before,
        *after,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


class ExpireMessages(Change[bool], frozen=True):
    """Delete the oldest messages of a conversation that has been inactive since `before`, and its older history of control.

    Return True if more messages are left.

    A conversation that is active by now stays as it is. No webhook hears of it.
    """

    action = "message.expire"
    audited = False
    conversation_id: str
    before: Milliseconds

    def apply(self) -> Statements[bool]:
        conversation = yield from CONVERSATIONS.get(self.conversation_id)
        if conversation is None or conversation.last_received >= self.before:
            return False
        yield from expire_records(conversation.id, self.before)
        messages = yield from delete_oldest(conversation.id, _ROWS)
        is_rest = len(messages) < _ROWS
        left = 0 if is_rest else max(conversation.messages - _ROWS, 1)
        yield from CONVERSATIONS.update(msgspec.structs.replace(conversation, messages=left), "messages")
        for participant in (yield from participants_of(conversation.id)):
            unread = [
                message
                for message in messages
                if received_at(message.id) > participant.seen and message.author_id != participant.user_id
            ]
            if unread:
                yield from execute(_READ, participant.id, len(unread))
        return not is_rest
