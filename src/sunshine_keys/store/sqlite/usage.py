"""Adding to the usage of keys on SQLite: one short transaction, which gives way to changes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from sunshine_keys.keys.usage import USAGE_DAYS, KeyHour
from sunshine_keys.store.sql.rows import PRUNED_HOURS
from sunshine_keys.store.sqlite.schema import named

_BUSY_MS = 500
"""How long it waits for another process: no longer, for changes wait behind it, and it can be tried again."""

# Only of a key that there is: it may have been deleted since it was used.
_ADD = """
INSERT INTO key_hours (key_id, hour, requests) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM keys WHERE id = $1)
ON CONFLICT (key_id, hour) DO UPDATE SET requests = key_hours.requests + excluded.requests"""
_USED = """
INSERT INTO key_uses (key_id, used, source) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM keys WHERE id = $1)
ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source WHERE excluded.used > key_uses.used"""
_PRUNE = """
DELETE FROM key_hours WHERE (key_id, hour) IN
(SELECT key_id, hour FROM key_hours WHERE hour < $1 ORDER BY hour LIMIT $2)"""


def add(connection: sqlite3.Connection, batch: Sequence[KeyHour]) -> None:
    """Raises sqlite3.Error, leaving a transaction to be rolled back."""
    (busy,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy}")
    connection.executemany(_ADD, [named((each.key_id, each.hour, each.requests)) for each in batch])
    connection.executemany(_USED, [named((each.key_id, each.last_used, each.last_source)) for each in batch])
    connection.execute(_PRUNE, named((int(time.time()) - USAGE_DAYS * 86400, PRUNED_HOURS)))
    connection.execute("COMMIT")
