"""The store on an SQLite file: reads on the event loop's own thread, writes through the one writer.

A primary-key read takes about 6 µs, less than handing it to another thread would. Every request sees what any process on
this file had committed when it arrived: revocation is immediate. docs/revocation.md explains why no request sees less,
although two things make reads cheaper:

- Requests of one tick of the event loop share one read transaction (`_TickTransaction`): most of a read's time goes into
  the locks that SQLite takes and releases, and checking that the file is still in its place takes 3 µs more.
- Rows of tables marked `remembered` (keys, apps, conversations and others) stay in memory for as long as SQLite reports, in
  each of these transactions, that nobody has committed anything since (`PRAGMA data_version`), as SQLite validates its own
  page cache. Rows of a store of keys stay for as long as nobody has changed an object (`object_state.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.store.change import Change, Origin
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.sqlite.file_identity import FileIdentity
from sunshine_keys.store.sqlite.object_state import ObjectState
from sunshine_keys.store.sqlite.writer import Writer
from sunshine_keys.store.statements import Row, Statements
from sunshine_keys.store.statistics import Commits
from sunshine_keys.store.store import CREDENTIALS_REMEMBERED, Reader, Store
from sunshine_keys.store.table import Catalog, Table

R = TypeVar("R")
S = TypeVar("S", bound=msgspec.Struct)
V = TypeVar("V")
_MOST_ROWS = 1000
_MOST_LISTS = 200
_LONGEST_LIST = 20
"""The most remembered rows that are no credentials, lists of them, and rows of a list. Keys and lists of keys take about 2 MB,
and credentials up to 5 MB more.

A conversation or a user takes about 1 kB. With the most metadata that it can have, it takes 45 kB.
"""

logger = logging.getLogger("sunshine_keys.store")


class SqliteStore(Store):
    """The store on the SQLite file `path`, which `prepare` has created or checked. Raises StoreError."""

    @staticmethod
    def prepare(path: Path, catalog: Catalog) -> Sealing | None:
        """Create the file and its tables if they are missing. Return the record of the sealing keys.

        It is None if nothing is sealed yet. Raises StoreError if the file cannot be used, StoreTooNew if a newer program
        wrote it.
        """
        return schema.open_or_create(path, catalog)

    @staticmethod
    def version(path: Path, catalog: Catalog) -> int:
        """Return the schema version of the file; 0 if it holds no store yet. Raises StoreError, StoreTooNew."""
        return schema.version(path, catalog)

    def __init__(self, path: Path, catalog: Catalog, *, read_only: bool = False) -> None:
        """Open a file that `prepare` has prepared. With `read_only`, it may be of an earlier version, and is not changed."""
        self.catalog = catalog
        self._path = path
        try:
            self._reader = schema.connect_to_read(path) if read_only else schema.connect(path)
            if read_only:
                schema.add_missing_tables(self._reader, catalog)
            self._reader.execute("PRAGMA query_only = ON")
            self._reader.execute("SELECT count(*) FROM meta").fetchone()
            self._file = FileIdentity(path)
            self._tick = _TickTransaction(self._reader, self._file, ObjectState(self._reader, catalog))
            self.commits = Commits()
            self._writer = (
                None if read_only else Writer(path, self._file, self.commits, self.now, audited=catalog.audited)
            )
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the store {path}: {error}") from error

    @property
    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError("the store is open only to be read")
        return self._writer

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        if not self._tick.has_begun:
            self._tick.join()
        return _read(self._reader, sql, values)

    @property
    def reads_inline(self) -> bool:
        return True

    @property
    def lease(self) -> None:
        return None

    async def get(self, table: Table[S], key: Any) -> S | None:
        if not table.remembered:
            return await super().get(table, key)
        tick, name = self._tick, (table.name, key)
        if not tick.has_begun:
            tick.join()
        item: S | None = tick.items.get(name)
        if item is None and name not in tick.missing:
            item = await super().get(table, key)
            _remember(tick.missing if item is None else tick.items, name, item, _MOST_ROWS)
        return item

    async def select(self, table: Table[S], clauses: str, *values: Any) -> list[S]:
        if not table.remembered:
            return await super().select(table, clauses, *values)
        tick, query = self._tick, (table.name, clauses, values)
        if not tick.has_begun:
            tick.join()
        items: list[S] | None = tick.lists.get(query)
        if items is None:
            items = await super().select(table, clauses, *values)
            if len(items) <= _LONGEST_LIST:
                _remember(tick.lists, query, items, _MOST_LISTS)
        return items

    async def credential(self, key_id: str) -> Any:
        tick, table = self._tick, self.catalog.credentials
        if not tick.has_begun:
            tick.join()
        assert table is not None
        item = tick.credentials.get(key_id)
        if item is None and (name := (table.name, key_id)) not in tick.missing:
            item = await super().get(table, key_id)
            if item is None:
                _remember(tick.missing, name, None, _MOST_ROWS)
            else:
                _remember(tick.credentials, key_id, item, CREDENTIALS_REMEMBERED)
        return item

    async def ready(self) -> None:
        await self.rows(self.catalog.probe)

    async def read_aside(self, statements: Statements[R]) -> R:
        """Read in a thread, on a connection of its own: counting ten million keys takes seconds."""
        return await asyncio.to_thread(self._read_aside, statements)

    def _read_aside(self, statements: Statements[R]) -> R:
        try:
            with contextlib.closing(schema.connect(self._path)) as connection:
                return asyncio.run(_Connection(connection).read(statements))
        except sqlite3.Error as error:
            raise StoreUnavailable from error

    async def transact(self, origin: Origin, change: Change[R]) -> R:
        job = await self._writing.submit(origin, change)
        result: R = job.result
        return result

    async def transact_once(self, origin: Origin, change: Change[R], sealed_answer: bytes) -> bytes | None:
        return (await self._writing.submit(origin, change, sealed_answer)).replay

    async def transact_answer(self, origin: Origin, change: Change[bytes]) -> tuple[bytes, bool]:
        job = await self._writing.submit(origin, change)
        return (job.result, False) if job.replay is None else (job.replay, True)

    async def count_usage(self, batch: Sequence[Any]) -> None:
        await self._writing.count(batch)

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._tick.end()
        self._reader.close()


class _TickTransaction:
    """One read transaction for all tasks that were ready to run when the first of them read.

    The COMMIT is scheduled with `call_soon` before BEGIN runs. Every task that joins was therefore queued before the
    transaction started; anything that is queued later, such as the notice of a commit, runs after the COMMIT and gets a
    new snapshot.

    `items`, `missing` (by table and primary key) and `lists` (by table, clauses and values) hold the results of reads, as
    this transaction sees the file. Keys without a row are in a cache of their own, so that guesses by strangers do not
    displace rows; so are the rows of credentials, by id, which every request needs.
    """

    def __init__(self, reader: sqlite3.Connection, file: FileIdentity, objects: ObjectState) -> None:
        self.credentials: dict[str, Any] = {}
        self.items: dict[tuple[str, Any], Any] = {}
        self.missing: dict[tuple[str, Any], None] = {}
        self.lists: dict[tuple[str, str, tuple[Any, ...]], Any] = {}
        self._version: int | None = None
        self._state: Any = None
        self._objects = objects
        self._reader = reader
        self._file = file
        self.has_begun = False

    def join(self) -> None:
        """Begin the transaction, unless it has begun in this tick. Raises StoreUnavailable, also if the file is not in its place."""
        if self.has_begun:
            return
        self._file.require()
        # Schedule the end first. The notice of a commit that this transaction does not see is then queued after the end.
        asyncio.get_running_loop().call_soon(self.end)
        state, self._state = self._state, None
        try:
            self._reader.execute("BEGIN")
            # This is the transaction's first read: it is the version of everything that the transaction sees.
            (version,) = self._reader.execute("PRAGMA data_version").fetchone()
            is_known = state is not None and version == self._version
            self._state = state if is_known else self._objects.read()
            self._version = version
            self.has_begun = True
        except sqlite3.Error as error:
            logger.error("a read failed: %s", error)
            with contextlib.suppress(sqlite3.Error):
                self._commit()
            raise StoreUnavailable from error
        finally:
            if self._state is None or self._state != state:
                self.credentials.clear()
                self.items.clear()
                self.missing.clear()
                self.lists.clear()

    def end(self) -> None:
        if self.has_begun:
            self.has_begun = False
            self._commit()

    def _commit(self) -> None:
        if self._reader.in_transaction:
            self._reader.execute("COMMIT")


def _remember(memory: dict[Any, Any], name: Any, value: Any, most: int) -> None:
    if len(memory) >= most:
        memory.clear()
    memory[name] = value


class _Connection(Reader):
    """Reads on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return _read(self._connection, sql, values)


def _read(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[Row]:
    try:
        return connection.execute(*schema.bound(sql, values)).fetchall()
    except sqlite3.Error as error:
        logger.error("a read failed: %s", error)
        raise StoreUnavailable from error
