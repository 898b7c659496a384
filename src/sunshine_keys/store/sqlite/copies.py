"""Whole copies of a store's file: how one is made while servers write, and how one is examined."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec

from sunshine_keys.store import StoreError
from sunshine_keys.store.audit import Head
from sunshine_keys.store.counts import Counts
from sunshine_keys.store.sql import rows, sealing
from sunshine_keys.store.sqlite import schema

Progress = Callable[[int, int], None]
"""Told how many pages of how many are done."""

_STEP_PAGES = 1000
_SEALED = {"keys": "sealed_secret", "webhooks": "sealed_secret", "idempotency": "sealed_answer"}


class Description(msgspec.Struct, frozen=True):
    """What is in a store: `sealed_under` are the ids of the keys that its secrets are sealed under, or new ones would be."""

    counts: Counts
    head: Head
    head_time: str
    sealed_under: list[str]


def copy(source: Path, target: Path, progress: Progress) -> None:
    """Copy a store into the empty file `target`, as it is at one moment, and leave it one file without a WAL.

    All steps read in one transaction: without it SQLite starts again whenever another process has written, and under
    a constant load (measured: 5,000 commits a second) never ends. Writers go on meanwhile. The caller syncs `target`.
    Raises StoreError.
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


def examine(path: Path) -> Description:
    """Check all of a store's file, and tell what is in it. Raises StoreError where it is none of ours, or damaged."""
    try:
        with contextlib.closing(_reader(path)) as connection:
            schema.require_ours(connection, path)
            faults = [row[0] for row in connection.execute("PRAGMA integrity_check(1)") if row[0] != "ok"]
            faults += [f"a row of {row[0]} refers to none" for row in connection.execute("PRAGMA foreign_key_check")]
            if faults:
                raise StoreError(f"the store {path} is damaged: {' '.join(faults[0].split())}")
            return _describe(connection)
    except sqlite3.Error as error:
        raise StoreError(f"{path} is no store, or damaged: {error}") from error


def _describe(connection: sqlite3.Connection) -> Description:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    counts = Counts(*connection.execute(rows.COUNTS).fetchone())
    ends = connection.execute(rows.ENTRY + "ORDER BY sequence DESC LIMIT 1").fetchall() if "audit" in tables else []
    last = rows.entry(ends[0]) if ends else None
    sealed = {
        key_id
        for table, column in _SEALED.items()
        if table in tables
        for (key_id,) in connection.execute(f"SELECT DISTINCT lower(hex(substr({column}, 1, 4))) FROM {table}")  # noqa: S608 - names above
    }
    if recorded := sealing.recorded(connection.execute(sealing.RECORDED).fetchall()):
        sealed.add(recorded.current)
    head = Head() if last is None else Head(last.sequence, last.hash)
    return Description(counts, head, "" if last is None else last.time, sorted(sealed))


def _reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection
