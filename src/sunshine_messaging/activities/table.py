"""The table of who types, and its statements."""

from __future__ import annotations

from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.table import Table
from sunshine_messaging.activities.model import Typing
from sunshine_messaging.moments import Milliseconds

TYPING = Table(
    "typing",
    Typing,
    since=3,
    key=("conversation_id", "author"),
    references={"conversation_id": "conversations"},
    copied=False,
)


def start_typing(typing: Typing) -> Statements[None]:
    yield from execute(
        "INSERT INTO typing (conversation_id, author, began) VALUES ($1, $2, $3)"
        " ON CONFLICT (conversation_id, author) DO UPDATE SET began = excluded.began RETURNING began",
        typing.conversation_id,
        typing.author,
        typing.began,
    )


def stop_typing(conversation_id: str, author: str) -> Statements[None]:
    yield from TYPING.delete("conversation_id = $1 AND author = $2", conversation_id, author)


def typing_in(conversation_id: str, since: Milliseconds) -> Statements[list[Typing]]:
    """Return those who have begun to type after a time, and have not stopped."""
    return TYPING.select("WHERE conversation_id = $1 AND began > $2 ORDER BY began, author", conversation_id, since)
