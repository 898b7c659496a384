"""The bytes of attachments: in files of a folder, or in parts in the database, for nodes that share no disk.

A file is named by the id of its attachment. It is written under another name, synced and renamed before its row exists.
Parts in the database follow a row that nobody can see until they are complete. `sweep` removes what a crash leaves behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from typing import IO

from sunshine_keys.atomic_files import sync_folder
from sunshine_keys.errors import AttachmentNotFound, StoreUnavailable
from sunshine_keys.store import OPERATOR, Store
from sunshine_messaging.attachments.changes import AddChunk, BeginAttachment, DiscardAttachment, SweepFiles, SweepRows
from sunshine_messaging.attachments.model import Attachment, Chunk, first_ulid, is_ulid
from sunshine_messaging.attachments.table import chunk
from sunshine_messaging.moments import Milliseconds

CHUNK_BYTES = 256 * 1024
"""The bytes of a part in the database, and of a read of a file."""

LEFTOVER_SECONDS = 1800
"""Seconds after which a sweep removes bytes without a row. An upload takes less time."""

PART = ".part"
_BATCH = 500

logger = logging.getLogger("sunshine_keys.messaging")


class Files(ABC):
    """The bytes of a plane's attachments."""

    @abstractmethod
    def draft(self) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Yield a file for an upload. At the end of the block it is removed, unless `keep` took it. Raises OSError."""

    @abstractmethod
    async def keep(self, attachment: Attachment, file: IO[bytes]) -> Path | None:
        """Make the bytes of a draft durable as those of `attachment`, and return their file, if they are in one.

        Raises OSError, StoreUnavailable, ConversationNotFound.
        """

    @abstractmethod
    async def discard(self, attachment: Attachment) -> None:
        """Remove the bytes of an attachment that was not added. Raises StoreUnavailable."""

    @abstractmethod
    def read(self, id: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """Yield the bytes from `start` to `end`, which is not included. Raises AttachmentNotFound, StoreUnavailable."""

    @abstractmethod
    async def remove(self, id: str) -> None:
        """Remove the bytes of an attachment that has been deleted."""

    @abstractmethod
    async def sweep(self, now: Milliseconds) -> None:
        """Remove bytes without an attachment that are older than LEFTOVER_SECONDS. Raises StoreUnavailable."""


class Folder(Files):
    """Files in a folder beside the file of the store."""

    def __init__(self, path: Path, store: Store) -> None:
        self._path = path
        self._store = store

    @contextlib.contextmanager
    def draft(self) -> Generator[IO[bytes]]:
        self._path.mkdir(mode=0o700, exist_ok=True)
        # It is not deleted when it is closed: `keep` may have given it its name.
        with tempfile.NamedTemporaryFile(dir=self._path, prefix=".", suffix=PART, delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)

    async def keep(self, attachment: Attachment, file: IO[bytes]) -> Path:
        path = self._path / attachment.id

        def sync() -> None:
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).rename(path)
            sync_folder(self._path)

        await asyncio.to_thread(sync)
        return path

    async def discard(self, attachment: Attachment) -> None:
        await self.remove(attachment.id)

    async def read(self, id: str, start: int, end: int) -> AsyncGenerator[bytes]:
        try:
            file = await asyncio.to_thread((self._path / id).open, "rb")
        except FileNotFoundError:
            raise AttachmentNotFound from None
        with file:
            file.seek(start)
            while start < end:
                data = await asyncio.to_thread(file.read, min(end - start, CHUNK_BYTES))
                if not data:
                    raise StoreUnavailable
                start += len(data)
                yield data

    async def remove(self, id: str) -> None:
        try:
            await asyncio.to_thread((self._path / id).unlink, missing_ok=True)
        except OSError as error:
            logger.warning("the file of a deleted attachment will be removed later: %s", error.strerror)

    async def sweep(self, now: Milliseconds) -> None:
        for ids in await asyncio.to_thread(lambda: list(self._old())):
            await self._store.transact(OPERATOR, SweepFiles(self._path, ids))

    def _old(self) -> Iterator[list[str]]:
        """Remove drafts that an ended process has left, and yield the ids of old files in batches."""
        before = time.time() - LEFTOVER_SECONDS
        ids: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self._path):
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime >= before:
                        continue
                    if is_ulid(entry.name):
                        ids.append(entry.name)
                    elif entry.name.startswith(".") and entry.name.endswith(PART):
                        Path(entry.path).unlink()
        for begin in range(0, len(ids), _BATCH):
            yield ids[begin : begin + _BATCH]


class Chunks(Files):
    """Parts in the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def draft(self) -> contextlib.AbstractContextManager[IO[bytes]]:
        return tempfile.TemporaryFile()

    async def keep(self, attachment: Attachment, file: IO[bytes]) -> None:
        await self._store.transact(OPERATOR, BeginAttachment(attachment))
        file.seek(0)
        number = 0
        while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
            await self._store.transact(OPERATOR, AddChunk(Chunk(attachment.id, number, data)))
            number += 1

    async def discard(self, attachment: Attachment) -> None:
        await self._store.transact(OPERATOR, DiscardAttachment(attachment.id))

    async def read(self, id: str, start: int, end: int) -> AsyncGenerator[bytes]:
        number, offset = divmod(start, CHUNK_BYTES)
        while start < end:
            data = await self._store.read(chunk(id, number))
            if data is None:
                raise AttachmentNotFound
            part = data[offset : offset + end - start]
            start += len(part)
            number, offset = number + 1, 0
            yield part

    async def remove(self, id: str) -> None:
        """Do nothing: the parts have gone with the row."""

    async def sweep(self, now: Milliseconds) -> None:
        await self._store.transact(OPERATOR, SweepRows(first_ulid(now - LEFTOVER_SECONDS * 1000)))


def is_full(error: OSError) -> bool:
    """Return True if the error means that the disk or a quota is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
