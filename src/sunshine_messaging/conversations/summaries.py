"""Conversations with their users and their last messages, as a list of them shows them."""

from __future__ import annotations

import msgspec

from sunshine_keys.store.statements import Statements
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import CONVERSATIONS
from sunshine_messaging.messages.table import newest_messages
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import USERS


class Summary(msgspec.Struct, frozen=True):
    """`message` is the JSON of the last message; None if there is none."""

    conversation: Conversation
    users: list[User]
    message: bytes | None


def summaries_of_app(app_id: str, before: str | None, limit: int) -> Statements[list[Summary]]:
    """Return the app's newest conversations, or those that are older than the conversation `before`, newest first."""
    conversations = yield from CONVERSATIONS.select(
        "WHERE app_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3", app_id, before or "g", limit
    )
    summaries: list[Summary] = []
    for conversation in conversations:
        users = yield from USERS.select(
            "WHERE id IN (SELECT user_id FROM participants WHERE conversation_id = $1) ORDER BY id", conversation.id
        )
        newest = yield from newest_messages(conversation.id, 1)
        summaries.append(Summary(conversation, users, newest[0].body if newest else None))
    return summaries
