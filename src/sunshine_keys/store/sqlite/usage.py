"""Add to the usage of keys on SQLite: one short transaction, which gives way to changes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

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
INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source, folded) VALUES (?, ?, ?, ?, ?, 0)
ON CONFLICT (hour, key_id) DO UPDATE SET requests = key_use_hours.requests + excluded.requests,
last_used = max(key_use_hours.last_used, excluded.last_used),
last_source = iif(excluded.last_used > key_use_hours.last_used, excluded.last_source, key_use_hours.last_source)"""
# Add only to keys that exist: a key may have been deleted since its use.
_USED = """
INSERT INTO key_uses (key_id, used, source) SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM keys WHERE id = ?)
ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source
WHERE excluded.used > key_uses.used OR key_uses.used > ?"""
# A statement of its own: as a part of _ADD, it would write the index of unfolded rows for each count.
_UNFOLD = "UPDATE key_use_hours SET folded = 0 WHERE hour = ? AND key_id = ? AND folded = 1"
_DUE = """
SELECT hour, key_id, last_used, last_source FROM key_use_hours WHERE folded = 0 AND hour <= ? ORDER BY hour, key_id LIMIT ?"""
_FOLD = "UPDATE key_use_hours SET folded = 1 WHERE hour = ? AND key_id = ?"
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
_PRUNE = """
DELETE FROM key_use_hours WHERE (hour, key_id) IN
(SELECT hour, key_id FROM key_use_hours WHERE hour < ? AND folded = 1 ORDER BY hour, key_id LIMIT ?)"""


def add(connection: sqlite3.Connection, batch: Sequence[KeyHour]) -> None:
    """Add `batch` and commit. Raises sqlite3.Error; the caller then has to roll the transaction back."""
    (busy,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy}")
    now = time.time()
    connection.executemany(
        _ADD,
        [(item.hour, item.key_id, item.requests, item.last_used, item.last_source) for item in batch],
    )
    connection.executemany(_UNFOLD, [(item.hour, item.key_id) for item in batch])
    due = connection.execute(_DUE, (int(now) - FOLDED_SECONDS - 3600, FOLDED_HOURS)).fetchall()
    future = now + FUTURE_SECONDS
    connection.executemany(_USED, [(key_id, used, source, key_id, future) for _, key_id, used, source in due])
    connection.executemany(_FOLD, [(hour, key_id) for hour, key_id, _, _ in due])
    sources = [(*msgspec.structs.astuple(source), source.key_id) for item in batch for source in item.sources]
    connection.executemany(_SOURCE, sources)
    old = int(now) - USAGE_DAYS * 86400, PRUNED_HOURS
    for statement in (_PRUNE, _PRUNE_FORMER, _PRUNE_SOURCES):
        connection.execute(statement, old)
    connection.execute("COMMIT")
