"""The store on PostgreSQL, for any number of nodes: reads from a pool, writes through the one writer, keys that
credentials are verified by from memory, on the authority of a lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar

import asyncpg

from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.usage import KeyHour
from sunshine_keys.measures import Commits, LeaseState
from sunshine_keys.store.changes import Change
from sunshine_keys.store.origin import Origin
from sunshine_keys.store.postgres import connections, schema, usage
from sunshine_keys.store.postgres.authority import Authority
from sunshine_keys.store.postgres.connections import CONTACT_LOST
from sunshine_keys.store.postgres.writer import Writer
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sql import rows
from sunshine_keys.store.sql.reads import SqlReads
from sunshine_keys.store.statements import Row

R = TypeVar("R")
logger = logging.getLogger("sunshine_keys.store")

_MOST_READERS = 4
"""Connections for reads; enough for one process, which does what it reads on one core."""


class PostgresStore(SqlReads):
    """The store that `url` names, which `prepare` has made or checked; of the event loop that it is first used on."""

    @staticmethod
    async def prepare(url: str) -> Sealing | None:
        """Make the tables where they are missing; return which keys secrets are sealed under.

        None means that nothing is sealed yet. Raises StoreError where the database cannot be used, StoreTooNew where a
        newer program has changed it.
        """
        async with _operator(url) as connection:
            return await schema.prepare(connection)

    @staticmethod
    async def version(url: str) -> int:
        """The version of the schema that the database has; 0 is none yet. Raises StoreError, StoreTooNew."""
        async with _operator(url) as connection:
            return await schema.version(connection)

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None
        self._opening = asyncio.Lock()
        self._authority = Authority(self._connect)
        self.commits = Commits()
        self._writer = Writer(self._connect, self._authority, self.commits)

    async def _connect(self) -> asyncpg.Connection[Any]:
        return await connections.connect(self._url)

    async def _all(self, sql: str, *values: Any) -> list[Row]:
        pool = self._pool or await self._open_pool()
        for attempt in (1, 2):
            try:
                # Also of the wait for one of the connections: all may be held up.
                async with asyncio.timeout(connections.ANSWER_SECONDS):
                    return [tuple(row) for row in await pool.fetch(sql, *values)]
            except CONTACT_LOST as error:
                # A connection of the pool may have been lost long ago; another is as old, so all are renewed.
                await pool.expire_connections()
                if attempt == 2:
                    logger.error("a read failed: %s", connections.told(error))
                    raise StoreUnavailable from error
        raise AssertionError

    async def _open_pool(self) -> asyncpg.Pool[Any]:
        async with self._opening:
            if self._pool is None:
                connect: Any = connections.open_any  # its signature is wider than the stubs ask for
                try:
                    self._pool = await asyncpg.create_pool(
                        self._url,
                        min_size=0,
                        max_size=_MOST_READERS,
                        connect=connect,
                        reset=_leave_as_it_is,
                    )
                except CONTACT_LOST as error:
                    raise StoreUnavailable from error
            return self._pool

    @property
    def reads_inline(self) -> bool:
        return False

    @property
    def lease(self) -> LeaseState:
        return LeaseState(self._authority.is_trusted(), self._authority.remembered, self._writer.waits)

    async def key_counts(self) -> dict[Scope, int]:
        return {Scope(scope): count for scope, count in await self._all(rows.KEY_COUNTS)}

    async def ready(self) -> None:
        """By a read under the lease, of a key that cannot be."""
        await self.credential("")

    async def credential(self, key_id: str) -> Key | None:
        self._authority.start()
        return await self._authority.key(key_id)

    async def transact(self, origin: Origin, change: Change[R]) -> R:
        self._authority.start()
        job = await self._writer.submit(origin, change)
        result: R = job.result
        return result

    async def transact_once(self, origin: Origin, change: Change[R], sealed_answer: bytes) -> bytes | None:
        self._authority.start()
        return (await self._writer.submit(origin, change, sealed_answer)).replay

    async def count_usage(self, batch: Sequence[KeyHour]) -> None:
        """On a connection for reads, so that changes do not wait for it. Not tried again: it might count twice."""
        statement, values = usage.added(batch)
        try:
            pool = self._pool or await self._open_pool()
            async with asyncio.timeout(connections.ANSWER_SECONDS):
                await pool.fetch(statement, *values)
        except CONTACT_LOST as error:
            raise StoreUnavailable from error

    async def close(self) -> None:
        await self._writer.close()
        await self._authority.close()
        if self._pool is not None:
            self._pool.terminate()


@contextlib.asynccontextmanager
async def _operator(url: str) -> AsyncGenerator[asyncpg.Connection[Any]]:
    """A connection whose errors are the operator's to mend. Raises StoreError."""
    try:
        connection = await connections.connect(url)
        try:
            yield connection
        finally:
            connection.terminate()
    except (*CONTACT_LOST, ValueError) as error:
        raise connections.cannot_open(error) from None


async def _leave_as_it_is(connection: Any) -> None:
    """Reads leave nothing behind in a connection, and resetting it would cost a round trip more each time."""
