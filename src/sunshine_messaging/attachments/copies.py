"""Copy the bytes of attachments to where a copy of their store expects them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

from sunshine_keys.atomic_files import draft
from sunshine_keys.store.copying import Source, Target
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.statements import Statement
from sunshine_messaging.attachments.files import CHUNK_BYTES
from sunshine_messaging.attachments.table import ATTACHMENTS

_PAGE = 500
_ROWS = f"SELECT id, size, sha256 FROM attachments WHERE is_complete = 1 AND id > $1 ORDER BY id LIMIT {_PAGE}"  # noqa: S608 - a number of our own
_CHUNK = "SELECT data FROM chunks WHERE attachment_id = $1 AND number = $2"
_ADD = "INSERT INTO chunks (attachment_id, number, data) VALUES ($1, $2, $3) RETURNING number"
_STORED = "SELECT coalesce(sum(length(data)), 0) FROM chunks WHERE attachment_id = $1"


class Original(NamedTuple):
    """A store of conversations, and the folder of its files; None if they are in the database."""

    tables: Source
    folder: Path | None


class Copy(NamedTuple):
    """A copy of a store of conversations, which nobody serves yet, and the folder of its files."""

    tables: Target
    folder: Path | None


class Outcome(NamedTuple):
    """The numbers of files that were copied, and that the source does not have."""

    copied: int
    missing: int


async def copy_bytes(source: Original, target: Copy) -> Outcome:
    """Copy the bytes of all attachments in the tables of `target` that are not there yet.

    An attachment without bytes has been deleted from the source since its row was copied: its row is deleted from the copy,
    too. Raises StoreError if bytes differ from what was uploaded, OSError.
    """
    after, copied, missing = "", 0, 0
    if target.folder is not None:
        target.folder.mkdir(mode=0o700, exist_ok=True)
    while rows := await target.tables.rows(_ROWS, after):
        for id, size, sha256 in rows:
            if await _size(target, id) == size:
                if target.folder is not None:
                    os.utime(target.folder / id)  # no sweep removes it before its row is there
                continue
            if await _size(source, id) != size:
                await target.tables.write([ATTACHMENTS.remove_row(id)])
                missing += 1
                continue
            digest = await _copy(source, target, id)
            if digest != bytes(sha256):
                raise StoreError(
                    f"the file of the attachment {id} is damaged: delete the attachment, and copy once more"
                )
            copied += 1
        after = rows[-1][0]
    return Outcome(copied, missing)


async def _size(side: Original | Copy, id: str) -> int:
    """Return the number of bytes that a side has of an attachment."""
    if side.folder is None:
        return int((await side.tables.rows(_STORED, id))[0][0])
    try:
        return (side.folder / id).stat().st_size
    except FileNotFoundError:
        return 0


async def _parts(source: Original, id: str) -> AsyncGenerator[bytes]:
    if source.folder is not None:
        with (source.folder / id).open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                yield data
        return
    number = 0
    while rows := await source.tables.rows(_CHUNK, id, number):
        yield bytes(rows[0][0])
        number += 1


async def _copy(source: Original, target: Copy, id: str) -> bytes:
    """Copy the bytes of an attachment, and return their digest."""
    digest = hashlib.sha256()
    if target.folder is None:
        await target.tables.write(
            [Statement("DELETE FROM chunks WHERE attachment_id = $1 RETURNING attachment_id", (id,))]
        )
        number = 0
        async for data in _parts(source, id):
            digest.update(data)
            await target.tables.write([Statement(_ADD, (id, number, data))])
            number += 1
        return digest.digest()
    with draft(target.folder / id, replace=True) as part, part.open("wb") as file:
        async for data in _parts(source, id):
            digest.update(data)
            file.write(data)
    return digest.digest()
