"""Add to the usage of keys on SQLite: one short transaction, which gives way to changes."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter

import msgspec

from sunshine_keys.keys.usage import (
    FOLDED_HOURS,
    FOLDED_SECONDS,
    FUTURE_SECONDS,
    PRUNED_HOURS,
    USAGE_DAYS,
    KeyHour,
)

_BUSY_MS = 500
"""The wait for another process. It is short, because changes wait behind the statistics, which can be added later."""

_ADD = """
INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source, folded) VALUES {rows}
ON CONFLICT (hour, key_id) DO UPDATE SET requests = key_use_hours.requests + excluded.requests,
last_used = max(key_use_hours.last_used, excluded.last_used),
last_source = iif(excluded.last_used > key_use_hours.last_used, excluded.last_source, key_use_hours.last_source)"""
# A statement of its own: as a part of _ADD, it would write the index of unfolded rows for each count.
_UNFOLD = "UPDATE key_use_hours SET folded = 0 WHERE hour = ? AND key_id IN ({rows}) AND folded = 1"
_DUE = """
SELECT hour, key_id FROM key_use_hours WHERE folded = 0 AND hour <= ? ORDER BY hour, key_id LIMIT ?"""
# Add only to keys that exist: a key may have been deleted since its use.
_USED = """
INSERT INTO key_uses (key_id, used, source) SELECT key_id, last_used, last_source FROM key_use_hours
WHERE hour = ? AND key_id BETWEEN ? AND ? AND folded = 0 AND EXISTS (SELECT 1 FROM keys WHERE id = key_id)
ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source
WHERE excluded.used > key_uses.used OR key_uses.used > ?"""
_FOLD = "UPDATE key_use_hours SET folded = 1 WHERE hour = ? AND key_id BETWEEN ? AND ? AND folded = 0"
_SOURCE = """
INSERT INTO key_sources (key_id, hour, source, agent, requests, last_used)
SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM keys WHERE id = ?)
ON CONFLICT (key_id, hour, source, agent) DO UPDATE SET
requests = key_sources.requests + excluded.requests, last_used = max(key_sources.last_used, excluded.last_used)"""
_PRUNE_SOURCES = """
DELETE FROM key_sources WHERE (key_id, hour) IN
(SELECT key_id, hour FROM key_sources WHERE hour < ? ORDER BY hour LIMIT ?)"""
_PRUNE_FORMER = """
DELETE FROM key_hours WHERE (key_id, hour) IN
(SELECT key_id, hour FROM key_hours WHERE hour < ? ORDER BY hour LIMIT ?)"""
_OLD = "SELECT hour, key_id FROM key_use_hours WHERE hour < ? AND folded = 1 ORDER BY hour, key_id LIMIT ?"
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
    # In the order of the tables: 1,000 counts among 10,000 take 6 µs each in another order, and 2 µs in this one.
    for hour, group in itertools.groupby(sorted(batch, key=attrgetter("hour", "key_id")), attrgetter("hour")):
        items = list(group)
        rows = [(hour, item.key_id, item.requests, item.last_used, item.last_source) for item in items]
        connection.execute(_at_once(_ADD, "(?, ?, ?, ?, ?, 0)", len(rows)), [*itertools.chain(*rows)])
        connection.execute(_at_once(_UNFOLD, "?", len(rows)), [hour, *(item.key_id for item in items)])
    future = now + FUTURE_SECONDS
    for span in _spans(connection.execute(_DUE, (int(now) - FOLDED_SECONDS - 3600, FOLDED_HOURS)).fetchall()):
        connection.execute(_USED, (*span, future))
        connection.execute(_FOLD, span)
    sources = [(*msgspec.structs.astuple(source), source.key_id) for item in batch for source in item.sources]
    connection.executemany(_SOURCE, sources)
    old = int(now) - USAGE_DAYS * 86400, PRUNED_HOURS
    for span in _spans(connection.execute(_OLD, old).fetchall()):
        connection.execute(_PRUNE, span)
    for statement in (_PRUNE_FORMER, _PRUNE_SOURCES):
        connection.execute(statement, old)
    connection.execute("COMMIT")


@lru_cache(2)
def _at_once(statement: str, row: str, rows: int) -> str:
    """Return a statement for so many rows.

    With a statement for each row, this thread and the event loop's take the interpreter's lock from each other for each row:
    that took 60 µs of CPU a row, of which SQLite takes 6.
    """
    return statement.format(rows=", ".join([row] * rows))


def _spans(rows: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Yield each hour of rows (hour, key id), which are in order, with its first and its last key."""
    for hour, group in itertools.groupby(rows, itemgetter(0)):
        keys = [key_id for _, key_id in group]
        yield hour, keys[0], keys[-1]
