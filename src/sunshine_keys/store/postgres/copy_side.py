"""The tables of a store on PostgreSQL, as a copy reads and writes them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg

from sunshine_keys.store.copying import UNDER_WAY
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.postgres import connections, schema
from sunshine_keys.store.postgres.connections import CONTACT_LOST
from sunshine_keys.store.postgres.remembered import CLOCK_MARGIN, LEASE_SECONDS
from sunshine_keys.store.statements import Row, Statement
from sunshine_keys.store.table import Catalog

LOCK_SECONDS = 5.0
"""Seconds for which a copy waits for another one into the same store. The server may not have noticed yet that it was killed."""

_NODES = "SELECT id, renewals FROM nodes"
_LOCK = "SELECT pg_advisory_lock($1, hashtext(current_schema()))"


class _Side:
    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return [tuple(row) for row in await self._connection.fetch(sql, *values)]

    async def is_served(self) -> bool:
        """Return True if any node still renews its lease. Remove the rows of the other nodes."""
        before = await self.rows(_NODES)
        if not before:
            return False
        await asyncio.sleep(LEASE_SECONDS * CLOCK_MARGIN)
        for node, renewals in before:
            await self._connection.execute("DELETE FROM nodes WHERE id = $1 AND renewals = $2", node, renewals)
        return bool(await self.rows(_NODES))

    async def write(self, statements: list[Statement]) -> None:
        async with self._connection.transaction():
            await self._connection.execute("SELECT pg_advisory_xact_lock($1)", schema.LOCK)
            for sql, group in itertools.groupby(statements, key=lambda statement: statement.sql):
                await self._connection.executemany(sql, [statement.values for statement in group])


@contextlib.asynccontextmanager
async def opened(url: str, catalog: Catalog, *, snapshot: bool) -> AsyncGenerator[_Side]:
    """Open the tables of the store of this catalog at `url`.

    With `snapshot`, reads see the tables as they are now. Without it, the tables are locked against other copies into them.

    Raises StoreError.
    """
    try:
        connection = await connections.connect(url, catalog.schema)
        try:
            if snapshot:
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                await connection.execute("SELECT 1")  # The snapshot begins with the first query.
            else:
                await _lock(connection)
            yield _Side(connection)
        finally:
            connection.terminate()
    except CONTACT_LOST as error:
        raise StoreError(f"cannot copy: {connections.summary(error)}") from None


async def _lock(connection: asyncpg.Connection[Any]) -> None:
    """Lock the store against other copies into it, until the connection ends."""
    await connection.execute(f"SET lock_timeout = {int(LOCK_SECONDS * 1000)}")
    try:
        await connection.execute(_LOCK, schema.LOCK)
    except asyncpg.LockNotAvailableError:
        raise StoreError(UNDER_WAY) from None
    await connection.execute("RESET lock_timeout")
