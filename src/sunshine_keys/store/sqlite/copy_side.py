"""The tables of a store on SQLite, as a copy reads and writes them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from sunshine_keys.atomic_files import scratch
from sunshine_keys.store import StoreError
from sunshine_keys.store.copying import UNDER_WAY
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.statements import Row, Statement


class _Side:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return self._connection.execute(*schema.bound(sql, values)).fetchall()

    async def is_served(self) -> bool:
        """Return False: an SQLite store does not record which processes have it open."""
        return False

    async def write(self, statements: list[Statement]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                self._connection.execute(*schema.bound(*statement))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise


@contextlib.asynccontextmanager
async def opened(path: Path, *, snapshot: bool) -> AsyncGenerator[_Side]:
    """Open the tables of the store in `path`.

    With `snapshot`, reads see the tables as they are now. Without it, the tables are locked against other copies into them.

    Raises StoreError.
    """
    with contextlib.nullcontext() if snapshot else _alone(path):
        try:
            with contextlib.closing(schema.connect(path)) as connection:
                if snapshot:
                    connection.execute("BEGIN")
                    connection.execute(
                        "SELECT 1 FROM sqlite_schema LIMIT 1"
                    )  # The snapshot begins with the first read.
                yield _Side(connection)
        except sqlite3.Error as error:
            raise StoreError(f"cannot copy the store {path}: {error}") from error


def _alone(path: Path) -> contextlib.AbstractContextManager[object]:
    """Lock the store against other copies into it. Raises StoreError if another copy has not ended."""
    lock = contextlib.ExitStack()
    try:
        lock.enter_context(scratch(path.with_name(f"{path.name}.copy")))
    except BlockingIOError:
        raise StoreError(UNDER_WAY) from None
    except OSError as error:
        raise StoreError(f"cannot copy into the store {path}: {error.strerror}") from error
    return lock
