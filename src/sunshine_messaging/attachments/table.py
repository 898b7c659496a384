"""The tables of attachments and of their bytes, and their reads."""

from __future__ import annotations

from collections.abc import Sequence

from sunshine_keys.errors import AttachmentNotFound
from sunshine_keys.store.statements import Statements, execute, placeholders
from sunshine_keys.store.table import Index, Table
from sunshine_messaging.attachments.model import Attachment, Chunk

ATTACHMENTS = Table(
    "attachments",
    Attachment,
    references={"app_id": "apps", "conversation_id": "conversations"},
    indexes=(
        Index("attachments_by_app", ("app_id",)),
        Index("attachments_by_conversation", ("conversation_id",)),
        Index("attachments_by_message", ("message_key",)),
        Index("attachments_by_state", ("is_complete", "id")),
    ),
)
CHUNKS = Table(
    "chunks",
    Chunk,
    key=("attachment_id", "number"),
    references={"attachment_id": "attachments"},
    copied=False,  # in pages of a thousand rows; `files` copies them one at a time
)


def require_attachment(id: str) -> Statements[Attachment]:
    """Return a complete attachment. Raises AttachmentNotFound."""
    attachment = yield from ATTACHMENTS.get(id)
    if attachment is None or not attachment.is_complete:
        raise AttachmentNotFound
    return attachment


def attachments_after(id: str, limit: int) -> Statements[list[Attachment]]:
    """Return at most `limit` complete attachments, in order of id, from the one that follows `id`."""
    return ATTACHMENTS.select("WHERE is_complete = 1 AND id > $1 ORDER BY id LIMIT $2", id, limit)


def present(ids: Sequence[str]) -> Statements[set[str]]:
    """Return those of the ids that attachments have."""
    sql = f"SELECT id FROM attachments WHERE id IN ({placeholders(len(ids))})"  # noqa: S608 - numbers of our own
    return {row[0] for row in (yield from execute(sql, *ids))}


def delete_shown_by(first: str, last: str) -> Statements[None]:
    """Delete the attachments that go with the messages whose keys are between `first` and `last`, both included."""
    yield from ATTACHMENTS.delete("message_key >= $1 AND message_key <= $2", first, last)


def chunk(id: str, number: int) -> Statements[bytes | None]:
    """Return a part of a file, or None."""
    rows = yield from execute("SELECT data FROM chunks WHERE attachment_id = $1 AND number = $2", id, number)
    return bytes(rows[0][0]) if rows else None
