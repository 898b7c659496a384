"""The store on PostgreSQL, for any number of nodes.

Reads use a pool of connections, changes go through the one writer, and credentials are verified with keys from memory while
the node holds a lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any, TypeVar

import asyncpg

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.store.change import Change, Origin
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.postgres import connections, schema, usage
from sunshine_keys.store.postgres.connections import CONTACT_LOST
from sunshine_keys.store.postgres.lease import LeaseConnection
from sunshine_keys.store.postgres.writer import Writer
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.statements import Row, Statements
from sunshine_keys.store.statistics import Commits, LeaseState
from sunshine_keys.store.store import Store
from sunshine_keys.store.table import Catalog

R = TypeVar("R")
logger = logging.getLogger("sunshine_keys.store")

_MOST_READERS = 4
"""Connections for reads: enough for one process, which works on one core."""


class PostgresStore(Store):
    """The store at `url`, which `prepare` has created or checked. It belongs to the event loop that first uses it."""

    @staticmethod
    async def prepare(url: str, catalog: Catalog) -> Sealing | None:
        """Create the tables if they are missing. Return the record of the sealing keys.

        It is None if nothing is sealed yet. Raises StoreError if the database cannot be used, StoreTooNew if a newer
        program has changed it.
        """
        async with _operator(url, catalog) as connection:
            return await schema.prepare(connection, catalog)

    @staticmethod
    async def version(url: str, catalog: Catalog) -> int:
        """Return the database's schema version; 0 if it holds no store yet. Raises StoreError, StoreTooNew."""
        async with _operator(url, catalog) as connection:
            return await schema.version(connection, catalog)

    def __init__(self, url: str, catalog: Catalog, *, read_only: bool = False) -> None:
        """Open a database that `prepare` has prepared. With `read_only`, it may be of an earlier version, and is not changed."""
        self.catalog = catalog
        self._read_only = read_only
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None
        self._opening = asyncio.Lock()
        self._lease = (
            None if catalog.credentials is None else LeaseConnection(self._connect, catalog.credentials, self.rows)
        )
        self.commits = Commits()
        self._writer = Writer(self._connect, self._lease, self.commits, catalog.number)

    async def _connect(self) -> asyncpg.Connection[Any]:
        return await connections.connect(self._url, self.catalog.schema)

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        pool = self._pool or await self._open_pool()
        for attempt in (1, 2):
            try:
                # The limit includes the wait for a free connection: all of them may be busy.
                async with asyncio.timeout(connections.ANSWER_SECONDS):
                    return [tuple(row) for row in await pool.fetch(sql, *values)]
            except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
                if self._read_only:
                    raise StoreError(
                        "the store is of an earlier version: upgrade it with `sunshine-keys migrate`"
                    ) from None
                raise StoreUnavailable from error
            except CONTACT_LOST as error:
                # A connection of the pool may have been lost long ago, and the others with it: renew all of them.
                await pool.expire_connections()
                if attempt == 2:
                    logger.error("a read failed: %s", connections.summary(error))
                    raise StoreUnavailable from error
        raise AssertionError

    async def _open_pool(self) -> asyncpg.Pool[Any]:
        async with self._opening:
            if self._pool is None:
                connect: Any = connections.open_any  # its signature is wider than the stubs declare
                try:
                    self._pool = await asyncpg.create_pool(
                        self._url,
                        min_size=0,
                        max_size=_MOST_READERS,
                        connect=connect,
                        init=partial(connections.select_schema, schema=self.catalog.schema),
                        reset=_leave_as_it_is,
                    )
                except CONTACT_LOST as error:
                    raise StoreUnavailable from error
            return self._pool

    @property
    def reads_inline(self) -> bool:
        return False

    @property
    def lease(self) -> LeaseState | None:
        if self._lease is None:
            return None
        return LeaseState(self._lease.is_trusted(), self._lease.remembered, self._writer.waits)

    async def read_aside(self, statements: Statements[R]) -> R:
        return await self.read(statements)

    def now(self) -> float:
        """Return the time of the database's clock (`LeaseConnection.now`): one wrong clock of a node ends no keys."""
        database = None if self._lease is None else self._lease.now()
        return self.clock() if database is None else database

    async def ready(self) -> None:
        """Check that credentials can be verified, and that requests can be answered.

        Read a key that cannot exist under the lease, and a row of every table over a connection for reads.
        """
        if self._lease is not None:
            self._lease.start()
            await self._lease.read("")
        await self.rows(self.catalog.probe)

    async def credential(self, key_id: str) -> Any:
        assert self._lease is not None
        if self._read_only:
            assert self.catalog.credentials is not None
            return await self.get(self.catalog.credentials, key_id)
        self._lease.start()
        return await self._lease.key(key_id)

    async def transact(self, origin: Origin, change: Change[R]) -> R:
        if self._read_only:
            raise StoreError("the store is open only to be read")
        if self._lease is not None:
            self._lease.start()
        job = await self._writer.submit(origin, change)
        result: R = job.result
        return result

    async def transact_once(self, origin: Origin, change: Change[R], sealed_answer: bytes) -> bytes | None:
        assert self._lease is not None
        self._lease.start()
        return (await self._writer.submit(origin, change, sealed_answer)).replay

    async def transact_answer(self, origin: Origin, change: Change[bytes]) -> tuple[bytes, bool]:
        job = await self._writer.submit(origin, change)
        return (job.result, False) if job.replay is None else (job.replay, True)

    async def count_usage(self, batch: Sequence[Any]) -> None:
        """Add the batch over a connection for reads, so that changes do not wait. Never retry: a retry might count twice."""
        statement, values = usage.added(batch)
        try:
            pool = self._pool or await self._open_pool()
            async with asyncio.timeout(connections.ANSWER_SECONDS):
                await pool.fetch(statement, *values)
                await pool.fetch(usage.FOLD)
        except CONTACT_LOST as error:
            raise StoreUnavailable from error

    async def close(self) -> None:
        await self._writer.close()
        if self._lease is not None:
            await self._lease.close()
        if self._pool is not None:
            self._pool.terminate()


@contextlib.asynccontextmanager
async def _operator(url: str, catalog: Catalog) -> AsyncGenerator[asyncpg.Connection[Any]]:
    """Yield a connection. Raises StoreError with a message for the operator."""
    try:
        connection = await connections.connect(url, catalog.schema)
        try:
            yield connection
        finally:
            connection.terminate()
    except (*CONTACT_LOST, ValueError) as error:
        raise connections.cannot_open(error) from None


async def _leave_as_it_is(connection: Any) -> None:
    """Do nothing: reads leave nothing behind in a connection, and a reset would cost one more round trip each time."""
