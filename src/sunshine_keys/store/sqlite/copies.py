"""Copy a store's whole file while servers write to it, and examine such a copy."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from sunshine_keys.store import audit, sealing
from sunshine_keys.store.audit import Entry, Head
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.seal_format import SEALING_KEY_ID_BYTES
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.sqlite.file_url import file_url
from sunshine_keys.store.table import Catalog

Progress = Callable[[int, int], None]
"""A callback that takes the number of pages copied, and of all pages."""

_STEP_PAGES = 1000


class Description(msgspec.Struct, frozen=True):
    """The content of a store.

    `counts` has the number of rows by table. `sealed_under` has the ids of the sealing keys that its secrets, or new
    secrets, are sealed under.
    """

    counts: dict[str, int]
    head: Head
    head_time: str
    sealed_under: list[str]


def copy(source: Path, target: Path, progress: Progress) -> None:
    """Copy a store, as it is at one moment, into the empty file `target`. The copy is one file without a WAL.

    All steps read in one transaction. Without it, SQLite starts again whenever another process has written, and under a
    constant load (measured: 5,000 commits a second) the copy never ends. Writers continue meanwhile. The caller syncs
    `target`. Raises StoreError.
    """
    try:
        with (
            contextlib.closing(_reader(source)) as reader,
            contextlib.closing(sqlite3.connect(target, isolation_level=None)) as writer,
        ):
            for pragma in ("journal_mode = OFF", "synchronous = OFF"):  # a copy that fails is thrown away
                writer.execute(f"PRAGMA {pragma}")
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            reader.backup(writer, pages=_STEP_PAGES, progress=lambda _, left, total: progress(total - left, total))
        with target.open("r+b") as file:  # bytes 18 and 19 say whether there is a WAL
            file.seek(18)
            file.write(b"\x01\x01")
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot copy the store {source} to {target.parent}: {error}") from error


def examine(path: Path, catalog: Catalog) -> Description:
    """Check the whole file of a store, and describe it. Raises StoreError if it is damaged or of another program."""
    try:
        with contextlib.closing(_reader(path)) as connection:
            schema.require_ours(connection, path, catalog)
            faults = [row[0] for row in connection.execute("PRAGMA integrity_check(1)") if row[0] != "ok"]
            faults += [f"a row of {row[0]} refers to none" for row in connection.execute("PRAGMA foreign_key_check")]
            if faults:
                raise StoreError(f"the store {path} is damaged: {' '.join(faults[0].split())}")
            return _describe(connection, catalog)
    except sqlite3.Error as error:
        raise StoreError(f"{path} is no store, or damaged: {error}") from error


def _describe(connection: sqlite3.Connection, catalog: Catalog) -> Description:
    """Describe a store of this version or an earlier one, which may lack the newer tables."""
    present = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    counts = {
        table.title: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608 - a name of our own
        for table in catalog.resources
        if table.name in present
    }
    last: Entry | None = None
    if audit.TABLE.name in present:
        rows = connection.execute(f"{audit.TABLE.select_sql}ORDER BY sequence DESC LIMIT 1").fetchall()
        last = audit.TABLE.from_row(rows[0]) if rows else None
    sealed = {
        key_id
        for table in catalog.sealed
        if table.name in present
        for (key_id,) in connection.execute(
            f"SELECT DISTINCT lower(hex(substr({table.sealed}, 1, {SEALING_KEY_ID_BYTES}))) FROM {table.name}"  # noqa: S608
        )
    }
    if recorded := sealing.recorded(connection.execute(sealing.RECORDED).fetchall()):
        sealed.add(recorded.current)
    head = Head() if last is None else Head(last.sequence, last.hash)
    return Description(counts, head, "" if last is None else last.time, sorted(sealed))


def _reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file_url(path, "mode=ro"), uri=True, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection
