"""Reads on the event loop's own thread, writes through the one writer.

A primary-key read takes about 6 µs, less than handing it to another thread would. Every request sees what any process on
this file had committed when it came: revocation is immediate. docs/revocation.md says why nobody sees less than he
should, in spite of two things that make reads cheaper:

- Requests that a loop's pass finds together share one transaction of reads (`_Pass`): most of a read's time goes into the
  locks that SQLite takes and gives back, and looking whether the file is in its place takes 3 µs more.
- Keys that have been read are remembered for as long as SQLite says, in each of these transactions, that nobody has
  committed anything since (`PRAGMA data_version`): its own page cache goes by the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.usage import KeyHour
from sunshine_keys.measures import Commits
from sunshine_keys.store import StoreError
from sunshine_keys.store.changes import Change
from sunshine_keys.store.origin import Origin
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sql import rows
from sunshine_keys.store.sql.reads import SqlReads
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.sqlite.place import Place
from sunshine_keys.store.sqlite.writer import Writer
from sunshine_keys.store.statements import Row

R = TypeVar("R")
V = TypeVar("V")
_MOST_KEYS = 1000
_MOST_LISTS = 200
"""Of an integration's keys. It and the keys take some 2 MB."""

logger = logging.getLogger("sunshine_keys.store")


class SqliteStore(SqlReads):
    """The store on the SQLite file `path`, which `prepare` has made or checked. Raises StoreError."""

    @staticmethod
    def prepare(path: Path) -> Sealing | None:
        """Make the file and its tables if they are missing; return which keys its secrets are sealed under.

        None means that nothing is sealed yet. Raises StoreError where the file cannot be used, StoreTooNew where a
        newer program wrote it.
        """
        return schema.open_or_create(path)

    @staticmethod
    def version(path: Path) -> int:
        """The version of the schema that the file has; 0 is none yet. Raises StoreError, StoreTooNew."""
        return schema.version(path)

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._reader = schema.connect(path)
            self._reader.execute("PRAGMA query_only = ON")
            self._reader.execute("SELECT count(*) FROM meta").fetchone()
            self._place = Place(path)
            self._pass = _Pass(self._reader, self._place)
            self.commits = Commits()
            self._writer = Writer(path, self._place, self.commits)
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the store {path}: {error}") from error

    async def _all(self, sql: str, *values: Any) -> list[Row]:
        self._pass.join()
        return _read(self._reader, sql, values)

    @property
    def reads_inline(self) -> bool:
        return True

    @property
    def lease(self) -> None:
        return None

    async def key_counts(self) -> dict[Scope, int]:
        return await asyncio.to_thread(self._key_counts)

    def _key_counts(self) -> dict[Scope, int]:
        """On a connection of the thread's own: at ten million keys it takes seconds."""
        try:
            with contextlib.closing(schema.connect(self._path)) as connection:
                return {Scope(scope): count for scope, count in _read(connection, rows.KEY_COUNTS, ())}
        except sqlite3.Error as error:
            raise StoreUnavailable from error

    async def ready(self) -> None:
        self._place.require()
        await self._all("SELECT 1 FROM meta LIMIT 1")

    async def credential(self, key_id: str) -> Key | None:
        self._pass.require_place()
        return await self.key(key_id)

    async def key(self, key_id: str) -> Key | None:
        self._pass.join()
        key = self._pass.keys.get(key_id)
        if key is None and key_id not in self._pass.missing:
            key = await super().key(key_id)
            known = self._pass.missing if key is None else self._pass.keys
            _remember(known, key_id, key, _MOST_KEYS)
        return key

    async def integration_keys(self, integration_id: str) -> list[Key]:
        self._pass.join()
        keys = self._pass.keys_of.get(integration_id)
        if keys is None:
            keys = await super().integration_keys(integration_id)
            _remember(self._pass.keys_of, integration_id, keys, _MOST_LISTS)
        return keys

    async def transact(self, origin: Origin, change: Change[R]) -> R:
        job = await self._writer.submit(origin, change)
        result: R = job.result
        return result

    async def transact_once(self, origin: Origin, change: Change[R], sealed_answer: bytes) -> bytes | None:
        return (await self._writer.submit(origin, change, sealed_answer)).replay

    async def count_usage(self, batch: Sequence[KeyHour]) -> None:
        await self._writer.count(batch)

    async def close(self) -> None:
        self._writer.close()
        self._pass.end()
        self._reader.close()


class _Pass:
    """One transaction of reads for all tasks that were waiting for their turn when the first of them read.

    Its end waits for its turn behind them. So what asks within it was there before it began, and what has come since,
    or is told of a commit since, gets its turn after its end, and reads in the next.

    `keys`, `missing` and `keys_of` (by integration) hold what was read of the file as this transaction sees it. Ids that
    no key has are apart, lest a stranger's guesses displace what there is.
    """

    def __init__(self, reader: sqlite3.Connection, place: Place) -> None:
        self.keys: dict[str, Key | None] = {}
        self.missing: dict[str, Key | None] = {}
        self.keys_of: dict[str, list[Key]] = {}
        self._version: int | None = None
        self._reader = reader
        self._place = place
        self._has_begun = self._is_placed = False

    def join(self) -> None:
        """Raises StoreUnavailable."""
        if self._has_begun:
            return
        # First its end: a commit that it does not see is then told of after it.
        asyncio.get_running_loop().call_soon(self.end)
        self._has_begun = True
        version, self._version = self._version, None
        try:
            _read(self._reader, "BEGIN", ())
            # The transaction's first read: what it sees is of this version.
            ((self._version,),) = _read(self._reader, "PRAGMA data_version", ())
        finally:
            if self._version is None or self._version != version:
                self.keys.clear()
                self.missing.clear()
                self.keys_of.clear()

    def require_place(self) -> None:
        """Join, with the file in its place. Raises StoreUnavailable."""
        self.join()
        if not self._is_placed:
            self._place.require()
            self._is_placed = True

    def end(self) -> None:
        if self._has_begun:
            self._has_begun = self._is_placed = False
            if self._reader.in_transaction:
                self._reader.execute("COMMIT")


def _remember(known: dict[str, V], name: str, value: V, most: int) -> None:
    if len(known) >= most:
        known.clear()
    known[name] = value


def _read(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[Row]:
    try:
        return connection.execute(sql, schema.named(values)).fetchall()
    except sqlite3.Error as error:
        logger.error("a read failed: %s", error)
        raise StoreUnavailable from error
