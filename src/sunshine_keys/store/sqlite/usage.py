"""Add to the usage of keys on SQLite: one short transaction, which gives way to changes."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TypeVar

from msgspec.structs import astuple

from sunshine_keys.keys.usage import (
    FOLDED_HOURS,
    FOLDED_SECONDS,
    FUTURE_SECONDS,
    PRUNED_HOURS,
    USAGE_DAYS,
    KeyHour,
)

R = TypeVar("R")

_PARTS = (100, 10, 1)
"""The numbers of rows that a statement may have. Each is another text: of any number, SQLite would hold up to 30 MB of them."""

_BUSY_MS = 500
"""The wait for another process. It is short, because changes wait behind the statistics, which can be added later."""

_ADD = """
INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source, folded) VALUES {rows}
ON CONFLICT (hour, key_id) DO UPDATE SET requests = key_use_hours.requests + excluded.requests,
last_used = max(key_use_hours.last_used, excluded.last_used),
last_source = iif(excluded.last_used > key_use_hours.last_used, excluded.last_source, key_use_hours.last_source)"""
# A statement of its own: as a part of _ADD, it would write the index of unfolded rows for each count.
_UNFOLD = "UPDATE key_use_hours SET folded = 0 WHERE hour = ? AND key_id IN ({rows}) AND folded = 1"
# The next rows that are due: the first and the last key of each hour.
_SPANS = "SELECT hour, min(key_id), max(key_id) FROM ({rows} ORDER BY hour, key_id LIMIT ?) GROUP BY hour ORDER BY hour"
_DUE = _SPANS.format(rows="SELECT hour, key_id FROM key_use_hours WHERE folded = 0 AND hour <= ?")
# Add only to keys that exist: a key may have been deleted since its use.
_USED = """
INSERT INTO key_uses (key_id, used, source) SELECT key_id, last_used, last_source FROM key_use_hours
WHERE hour = ? AND key_id BETWEEN ? AND ? AND folded = 0 AND EXISTS (SELECT 1 FROM keys WHERE id = key_id)
ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source
WHERE excluded.used > key_uses.used OR key_uses.used > ?"""
_FOLD = "UPDATE key_use_hours SET folded = 1 WHERE hour = ? AND key_id BETWEEN ? AND ? AND folded = 0"
_SOURCE = """
INSERT INTO key_sources (key_id, hour, source, agent, requests, last_used)
SELECT * FROM (VALUES {rows}) WHERE EXISTS (SELECT 1 FROM keys WHERE id = column1)
ON CONFLICT (key_id, hour, source, agent) DO UPDATE SET
requests = key_sources.requests + excluded.requests, last_used = max(key_sources.last_used, excluded.last_used)"""
_PRUNE_SOURCES = """
DELETE FROM key_sources WHERE (key_id, hour) IN
(SELECT key_id, hour FROM key_sources WHERE hour < ? ORDER BY hour LIMIT ?)"""
_PRUNE_FORMER = """
DELETE FROM key_hours WHERE (key_id, hour) IN
(SELECT key_id, hour FROM key_hours WHERE hour < ? ORDER BY hour LIMIT ?)"""
_OLD = _SPANS.format(rows="SELECT hour, key_id FROM key_use_hours WHERE hour < ? AND folded = 1")
_PRUNE = "DELETE FROM key_use_hours WHERE hour = ? AND key_id BETWEEN ? AND ? AND folded = 1"


def add(connection: sqlite3.Connection, batch: Sequence[KeyHour]) -> None:
    """Add `batch` and commit. Raises sqlite3.Error; the caller then has to roll the transaction back."""
    (busy,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy}")
    now = time.time()
    by_hour = attrgetter("hour")
    for hour, group in itertools.groupby(sorted(batch, key=by_hour), by_hour):
        for items in _parts(list(group)):
            rows = [(hour, item.key_id, item.requests, item.last_used, item.last_source) for item in items]
            connection.execute(_of(_ADD, "(?, ?, ?, ?, ?, 0)", len(rows)), [*itertools.chain(*rows)])
            connection.execute(_of(_UNFOLD, "?", len(rows)), [hour, *(item.key_id for item in items)])
    for sources in _parts([astuple(source) for item in batch for source in item.sources]):
        connection.execute(_of(_SOURCE, "(?, ?, ?, ?, ?, ?)", len(sources)), [*itertools.chain(*sources)])
    future = now + FUTURE_SECONDS
    for span in connection.execute(_DUE, (int(now) - FOLDED_SECONDS - 3600, FOLDED_HOURS)).fetchall():
        connection.execute(_USED, (*span, future))
        connection.execute(_FOLD, span)
    old = int(now) - USAGE_DAYS * 86400, PRUNED_HOURS
    for span in connection.execute(_OLD, old).fetchall():
        connection.execute(_PRUNE, span)
    for statement in (_PRUNE_FORMER, _PRUNE_SOURCES):
        connection.execute(statement, old)
    connection.execute("COMMIT")


def _parts(rows: list[R]) -> Iterator[list[R]]:
    """Split rows into parts of one statement each.

    With a statement for each row, this thread and the event loop's would take the interpreter's lock from each other for each
    row: that took 60 µs of CPU, of which SQLite took 6.
    """
    for size in _PARTS:
        while len(rows) >= size:
            yield rows[:size]
            rows = rows[size:]


@lru_cache
def _of(statement: str, row: str, rows: int) -> str:
    """Return a statement for so many rows."""
    return statement.format(rows=", ".join([row] * rows))
