"""The tables of a store on PostgreSQL, as a copy reads and writes them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg

from sunshine_keys.store import StoreError
from sunshine_keys.store.postgres import connections, schema
from sunshine_keys.store.postgres.connections import CONTACT_LOST
from sunshine_keys.store.sql.steps import Row, Statement


class _Tables:
    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return [tuple(row) for row in await self._connection.fetch(sql, *values)]

    async def write(self, statements: list[Statement]) -> None:
        async with self._connection.transaction():
            await self._connection.execute("SELECT pg_advisory_xact_lock($1)", schema.LOCK)
            if await self._connection.fetch("SELECT 1 FROM nodes WHERE expires > clock_timestamp()"):
                raise StoreError("the target is served at the moment: stop its nodes first")
            for sql, alike in itertools.groupby(statements, key=lambda statement: statement.sql):
                await self._connection.executemany(sql, [statement.values for statement in alike])


@contextlib.asynccontextmanager
async def opened(url: str, *, snapshot: bool) -> AsyncGenerator[_Tables]:
    """The tables of the store at `url`; with `snapshot` as they are now. Raises StoreError."""
    try:
        connection = await connections.connect(url)
        try:
            if snapshot:
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield _Tables(connection)
        finally:
            connection.terminate()
    except CONTACT_LOST as error:
        raise StoreError(f"cannot copy: {connections.told(error)}") from None
