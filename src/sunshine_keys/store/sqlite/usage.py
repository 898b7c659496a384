"""Add to the usage of keys on SQLite: one short transaction, which gives way to changes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import msgspec

from sunshine_keys.keys.usage import FUTURE_SECONDS, PRUNED_HOURS, USAGE_DAYS, KeyHour
from sunshine_keys.store.sqlite.schema import named

_BUSY_MS = 500
"""The wait for another process. It is short, because changes wait behind the statistics, which can be added later."""

# Add only to keys that exist: a key may have been deleted since its use.
_ADD = """
INSERT INTO key_hours (key_id, hour, requests) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM keys WHERE id = $1)
ON CONFLICT (key_id, hour) DO UPDATE SET requests = key_hours.requests + excluded.requests"""
_USED = """
INSERT INTO key_uses (key_id, used, source) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM keys WHERE id = $1)
ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source
WHERE excluded.used > key_uses.used OR key_uses.used > $4"""
_SOURCE = """
INSERT INTO key_sources (key_id, hour, source, agent, requests, last_used)
SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT 1 FROM keys WHERE id = $1)
ON CONFLICT (key_id, hour, source, agent) DO UPDATE SET
requests = key_sources.requests + excluded.requests, last_used = max(key_sources.last_used, excluded.last_used)"""
_PRUNE_SOURCES = """
DELETE FROM key_sources WHERE (key_id, hour) IN
(SELECT key_id, hour FROM key_sources WHERE hour < $1 ORDER BY hour LIMIT $2)"""
_PRUNE = """
DELETE FROM key_hours WHERE (key_id, hour) IN
(SELECT key_id, hour FROM key_hours WHERE hour < $1 ORDER BY hour LIMIT $2)"""


def add(connection: sqlite3.Connection, batch: Sequence[KeyHour]) -> None:
    """Add `batch` and commit. Raises sqlite3.Error; the caller then has to roll the transaction back."""
    (busy,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy}")
    now = time.time()
    connection.executemany(_ADD, [named((item.key_id, item.hour, item.requests)) for item in batch])
    connection.executemany(
        _USED, [named((item.key_id, item.last_used, item.last_source, now + FUTURE_SECONDS)) for item in batch]
    )
    sources = [named(msgspec.structs.astuple(source)) for item in batch for source in item.sources]
    connection.executemany(_SOURCE, sources)
    old = named((int(now) - USAGE_DAYS * 86400, PRUNED_HOURS))
    connection.execute(_PRUNE, old)
    connection.execute(_PRUNE_SOURCES, old)
    connection.execute("COMMIT")
