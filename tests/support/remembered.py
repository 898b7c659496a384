"""What an SQLite store remembers must not outlive a commit of another program."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from sunshine_keys.store.sqlite import SqliteStore


async def next_tick() -> None:
    """Wait until the transaction that reads of one tick share has ended."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def check_that_the_next_tick_sees(
    connection: sqlite3.Connection, statement: str, store: SqliteStore, read: Callable[[SqliteStore], Awaitable[Any]]
) -> None:
    """Run a statement on another program's connection, and compare what `read` reads from the store and from a new one."""
    before = await read(store)
    connection.execute(statement)
    assert await read(store) == before  # the same tick
    await next_tick()
    fresh = SqliteStore(store._path, store.catalog)
    expected = await read(fresh)
    assert expected != before
    assert await read(store) == expected
    await fresh.close()
