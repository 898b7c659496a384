"""The table of conversations, and its reads."""

from __future__ import annotations

from sunshine_keys.errors import BadRequest, ConversationNotFound
from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.store import Reader
from sunshine_keys.store.table import Index, Table
from sunshine_messaging.conversations.model import PERSONAL, Conversation

CONVERSATIONS = Table(
    "conversations",
    Conversation,
    references={"app_id": "apps"},
    indexes=(
        Index("conversations_by_app", ("app_id", "id")),
        Index("conversations_by_age", ("app_id", "last_received", "id"), where="messages > 0"),
    ),
    remembered=True,
)

_COLUMNS = ", ".join(f"conversations.{name}" for name in CONVERSATIONS.names)
_OF_USER = (
    f"SELECT {_COLUMNS} FROM participants JOIN conversations ON conversations.id = participants.conversation_id"  # noqa: S608 - names of our own
    " WHERE participants.user_id = $1 "
)


def require_conversation(app_id: str, conversation_id: str) -> Statements[Conversation]:
    """Return the app's conversation. Raises ConversationNotFound."""
    conversation = yield from CONVERSATIONS.get(conversation_id)
    if conversation is None or conversation.app_id != app_id:
        raise ConversationNotFound
    return conversation


async def read_conversation(store: Reader, app_id: str, conversation_id: str) -> Conversation:
    """Return the same, from memory if nothing has changed since it was read. Raises ConversationNotFound."""
    conversation = await store.get(CONVERSATIONS, conversation_id)
    if conversation is None or conversation.app_id != app_id:
        raise ConversationNotFound
    return conversation


def conversations_page(user_id: str, page: Page, title: str) -> Statements[tuple[list[Conversation], bool]]:
    """Return one page of the conversations that a user takes part in, oldest first, and whether more follow.

    Raises BadRequest(`title`) if the cursor is not one of them.
    """
    cursor, condition = page.before or page.after, ""
    if cursor:
        taken = "SELECT 1 FROM participants WHERE user_id = $1 AND conversation_id = $2"
        if not (yield from execute(taken, user_id, cursor)):
            raise BadRequest(title)
        condition = f"AND participants.conversation_id {'<' if page.before else '>'} $3 "
    order = "DESC" if page.before else "ASC"
    rows = yield from execute(
        f"{_OF_USER}{condition}ORDER BY participants.conversation_id {order} LIMIT $2",
        user_id,
        page.size + 1,
        *([cursor] if cursor else []),
    )
    items = [CONVERSATIONS.from_row(row) for row in rows[: page.size]]
    return (items[::-1] if page.before else items), len(rows) > page.size


def personal_conversations(user_id: str) -> Statements[list[str]]:
    """Return the ids of the user's personal conversations."""
    rows = yield from execute(
        "SELECT conversations.id FROM participants JOIN conversations ON conversations.id = participants.conversation_id"
        " WHERE participants.user_id = $1 AND conversations.type = $2",
        user_id,
        PERSONAL,
    )
    return [row[0] for row in rows]


def conversations_of_app(app_id: str, limit: int) -> Statements[list[Conversation]]:
    """Return some of the app's conversations, at most `limit`."""
    return CONVERSATIONS.select("WHERE app_id = $1 ORDER BY id LIMIT $2", app_id, limit)


def default_conversation(user_id: str) -> Statements[Conversation | None]:
    """Return the user's default conversation, or None."""
    rows = yield from execute(f"{_OF_USER}AND conversations.is_default = 1 LIMIT 1", user_id)
    return CONVERSATIONS.from_row(rows[0]) if rows else None
