"""Changes of attachments. Bytes are on disk before the row that shows them, and go after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from sunshine_keys.errors import AttachmentNotFound, StoreUnavailable
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.apps.table import register
from sunshine_messaging.attachments.model import Attachment, Chunk, attachment_view, parsed_url
from sunshine_messaging.attachments.table import ATTACHMENTS, CHUNKS, present, require_attachment
from sunshine_messaging.conversations.table import require_conversation

_SHOW = (
    "UPDATE attachments SET message_key = $2, conversation_id = $3"
    " WHERE id = $1 AND app_id = $4 AND goes_with_message = 1 AND (conversation_id IS NULL OR conversation_id = $3)"
    " RETURNING id"
)


class BeginAttachment(Change[None], frozen=True):
    """Store the row of an attachment whose bytes come into the database next. Raises ConversationNotFound."""

    action = "attachment.begin"
    audited = False
    attachment: Attachment

    def apply(self) -> Statements[None]:
        yield from _insert(msgspec.structs.replace(self.attachment, is_complete=False))


class AddChunk(Change[None], frozen=True):
    """Store the next part of a file. Raises StoreUnavailable if its row has gone."""

    action = "attachment.write"
    audited = False
    chunk: Chunk

    def apply(self) -> Statements[None]:
        if not (yield from present([self.chunk.attachment_id])):
            raise StoreUnavailable
        yield from CHUNKS.insert(self.chunk)


class AddAttachment(Change[bytes], frozen=True):
    """Show an attachment whose bytes are complete, and return the answer. Raises ConversationNotFound.

    The bytes are in `file`, or without one in the database. Raises StoreUnavailable if a sweep has removed them, because
    this process was stopped for an hour.
    """

    action = "attachment.create"
    audited = False
    attachment: Attachment
    file: Path | None

    def apply(self) -> Statements[bytes]:
        attachment = self.attachment
        if self.file is not None:
            if not self.file.exists():
                raise StoreUnavailable
            yield from _insert(attachment)
        elif not (
            yield from execute("UPDATE attachments SET is_complete = 1 WHERE id = $1 RETURNING id", attachment.id)
        ):
            raise StoreUnavailable
        return msgspec.json.encode(attachment_view(attachment))


def _insert(attachment: Attachment) -> Statements[None]:
    if attachment.conversation_id is not None:
        yield from require_conversation(attachment.app_id, attachment.conversation_id)
    yield from register(attachment.app_id)
    yield from ATTACHMENTS.insert(attachment)


class DeleteAttachment(Change[str], frozen=True):
    """Delete the attachment of an app, and return its id. Raises AttachmentNotFound."""

    action = "attachment.delete"
    audited = False
    app_id: str
    id: str
    name: str

    def apply(self) -> Statements[str]:
        attachment = yield from require_attachment(self.id)
        if (attachment.app_id, attachment.name) != (self.app_id, self.name):
            raise AttachmentNotFound
        yield from ATTACHMENTS.delete("id = $1", attachment.id)
        return attachment.id


class DiscardAttachment(Change[None], frozen=True):
    """Delete the row of an attachment that has not become complete."""

    action = "attachment.discard"
    audited = False
    id: str

    def apply(self) -> Statements[None]:
        yield from ATTACHMENTS.delete("id = $1 AND is_complete = 0", self.id)


class SweepRows(Change[None], frozen=True):
    """Delete the rows of attachments that have not become complete, and whose ids are lower than `before`."""

    action = "attachment.sweep"
    audited = False
    before: str

    def apply(self) -> Statements[None]:
        yield from ATTACHMENTS.delete("is_complete = 0 AND id < $1", self.before)


class SweepFiles(Change[None], frozen=True):
    """Remove files of a folder, named by ids, that no attachment has.

    This happens inside the transaction: no attachment can appear between the check and the removal.
    """

    action = "attachment.sweep_files"
    audited = False
    folder: Path
    ids: Sequence[str]

    def apply(self) -> Statements[None]:
        for id in set(self.ids) - (yield from present(self.ids)):
            (self.folder / id).unlink(missing_ok=True)


def show(app_id: str, conversation_id: str, message_key: str, url: str) -> Statements[None]:
    """Record that a message shows the file at `url`, if that is an attachment of the app which goes with its message."""
    parsed = parsed_url(url)
    if parsed is not None:
        yield from execute(_SHOW, parsed.id, message_key, conversation_id, app_id)
