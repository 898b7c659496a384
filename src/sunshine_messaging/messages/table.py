"""The table of messages, and its reads."""

from __future__ import annotations

from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.table import Index, Migration, Table
from sunshine_messaging.attachments.table import delete_shown_by
from sunshine_messaging.messages.model import MOST_MESSAGES, PAGE_SIZE, Message, id_prefix
from sunshine_messaging.moments import Milliseconds

MESSAGES = Table(
    "messages",
    Message,
    # Without those of businesses: a message of theirs writes one page less.
    indexes=(Index("messages_by_author", ("author_id",), where="author_id IS NOT NULL"),),
)
MIGRATION = Migration(
    5,
    MESSAGES.name,
    "DROP INDEX messages_by_author;\n"
    "CREATE INDEX messages_by_author ON messages (author_id) WHERE author_id IS NOT NULL;\n",
)

_END = "g"
"""It sorts after every hex digit, so `id + _END` is the end of the keys that begin with `id`."""


def require_message(conversation_id: str, message_id: str) -> Statements[Message]:
    """Return the message of a conversation. Raises NotFound."""
    message = None
    if OBJECT_ID.fullmatch(message_id):
        message = yield from MESSAGES.get(conversation_id + message_id)
    if message is None:
        raise NotFound
    return message


def messages_page(conversation_id: str, page: Page, title: str) -> Statements[tuple[list[bytes], bool]]:
    """Return the bodies of a page of messages in their order, and whether more follow in the page's direction.

    Without a cursor, the page holds the newest messages, and its direction is backwards. Raises BadRequest(`title`) if the
    cursor is not a message of the conversation.
    """
    cursor = page.before or page.after
    if cursor and not (yield from execute("SELECT 1 FROM messages WHERE key = $1", conversation_id + cursor)):
        raise BadRequest(title)
    if page.after:
        first, last, order = conversation_id + page.after, conversation_id + _END, "ASC"
    else:
        first, last, order = conversation_id, conversation_id + (page.before or _END), "DESC"
    rows = yield from execute(
        f"SELECT body FROM messages WHERE key > $1 AND key < $2 ORDER BY key {order} LIMIT {PAGE_SIZE + 1}",  # noqa: S608 - a word and a number of our own
        first,
        last,
    )
    bodies = [body for (body,) in rows[:PAGE_SIZE]]
    return (bodies if page.after else bodies[::-1]), len(rows) > PAGE_SIZE


def newest_messages(conversation_id: str, limit: int) -> Statements[list[Message]]:
    """Return the newest messages of a conversation, the last one first."""
    clauses = "WHERE key > $1 AND key < $2 ORDER BY key DESC LIMIT $3"
    return MESSAGES.select(clauses, conversation_id, conversation_id + _END, limit)


def messages_by(user_id: str) -> Statements[list[Message]]:
    """Return all messages that a user wrote."""
    return MESSAGES.select("WHERE author_id = $1 ORDER BY key", user_id)


def delete_some(conversation_id: str, limit: int) -> Statements[int]:
    """Delete at most `limit` messages of a conversation, the oldest first, and return their number."""
    rows = yield from execute(
        "DELETE FROM messages WHERE key IN (SELECT key FROM messages WHERE key > $1 AND key < $2 ORDER BY key LIMIT $3)"
        " RETURNING key",
        conversation_id,
        conversation_id + _END,
        limit,
    )
    if rows:
        yield from delete_shown_by(conversation_id, max(row[0] for row in rows))
    return len(rows)


def delete_all(conversation_id: str) -> Statements[None]:
    """Delete all messages of a conversation. Merged users can leave more than a conversation takes."""
    while (yield from delete_some(conversation_id, MOST_MESSAGES)) == MOST_MESSAGES:
        pass


def move_messages(source_id: str, target_id: str) -> Statements[None]:
    """Move all messages of a conversation, with the attachments that they show, into another one."""
    key = "$2 || substr(key, 25)"
    yield from execute(
        f"UPDATE messages SET key = {key} WHERE key > $1 AND key < $3 RETURNING key",  # noqa: S608 - a text of our own
        source_id,
        target_id,
        source_id + _END,
    )
    yield from execute(
        "UPDATE attachments SET message_key = $2 || substr(message_key, 25)"
        " WHERE conversation_id = $1 AND message_key IS NOT NULL RETURNING id",
        source_id,
        target_id,
    )
    yield from execute(
        "UPDATE attachments SET conversation_id = $2 WHERE conversation_id = $1 RETURNING id", source_id, target_id
    )


def unread_count(conversation_id: str, seen: Milliseconds, user_id: str, other_id: str) -> Statements[int]:
    """Return the number of messages after `seen` that others than these two users wrote."""
    rows = yield from execute(
        "SELECT COUNT(*) FROM messages WHERE key >= $1 AND key < $2 AND (author_id IS NULL OR author_id NOT IN ($3, $4))",
        conversation_id + id_prefix(seen + 1),
        conversation_id + _END,
        user_id,
        other_id,
    )
    count: int = rows[0][0]
    return count


def delete_oldest(conversation_id: str, limit: int) -> Statements[list[Message]]:
    """Delete the oldest messages of a conversation, at most `limit`, and return them."""
    messages = yield from MESSAGES.select(
        "WHERE key > $1 AND key < $2 ORDER BY key LIMIT $3", conversation_id, conversation_id + _END, limit
    )
    if messages:
        yield from MESSAGES.delete("key >= $1 AND key <= $2", messages[0].key, messages[-1].key)
        yield from delete_shown_by(messages[0].key, messages[-1].key)
    return messages
