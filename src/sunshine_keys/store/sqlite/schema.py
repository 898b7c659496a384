"""The SQLite schema, how a connection is set up, and how the version of a store is checked."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from sunshine_keys.store import StoreError, StoreTooNew
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sql import sealing

_APPLICATION_ID = 0x53756E4B  # "SunK"
_BUSY_SECONDS = 10.0

_MIGRATIONS = (
    """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    settings TEXT NOT NULL,
    metadata TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE integrations (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    attributes TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX integrations_by_app ON integrations (app_id, id);
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    triggers TEXT NOT NULL,
    include_full_user INTEGER NOT NULL,
    include_full_source INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_integration ON webhooks (integration_id, id);
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    app_id TEXT REFERENCES apps (id) ON DELETE CASCADE,
    integration_id TEXT REFERENCES integrations (id) ON DELETE CASCADE,
    display_name TEXT NOT NULL,
    sealed_secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_app ON keys (app_id, scope, id);
CREATE INDEX keys_by_integration ON keys (integration_id, id);
""",
    """
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    note TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE idempotency (
    id BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    sealed_answer BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created);
""",
    # Holds all of a key, so that a list is read from one place: at ten million keys it takes 19 µs, where looking up ten
    # keys took 74 (at a thousand: 15). A key takes 570 bytes of the file with it, 400 without.
    """
DROP INDEX keys_by_integration;
CREATE INDEX keys_by_integration ON keys (integration_id, id, scope, app_id, display_name, sealed_secret);
""",
    """
CREATE TABLE key_uses (
    key_id TEXT PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
    used REAL NOT NULL,
    source TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE key_hours (
    key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    hour INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_hours_by_age ON key_hours (hour);
""",
    """
CREATE TABLE console_sessions (
    id BLOB PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX console_sessions_by_key ON console_sessions (key_id);
CREATE INDEX console_sessions_by_age ON console_sessions (last_seen);
""",
)
"""The steps from an empty file to today's schema. What a landed step says is never changed: stores have it behind them.

A step only adds what a program of the version before can do without, or changes indexes, so that one which is still
running goes on.
"""

VERSION = len(_MIGRATIONS)


def named(values: tuple[Any, ...]) -> dict[str, Any]:
    """Values by the names that a statement has for them: $1, $2 and so on.

    SQLite's own way to number them, ?1, draws a DeprecationWarning from Python 3.12.0 to 3.12.3.
    """
    return {str(number): value for number, value in enumerate(values, 1)}


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit, for use by one thread at a time, durable at every commit.

    WAL with synchronous=FULL: on a simulated power cut FULL kept every acknowledged commit and NORMAL none.
    """
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_or_create(path: Path) -> Sealing | None:
    """Make the file and its schema where they are missing, bring an older schema to this version.

    Returns which keys its secrets are sealed under, None while there are none.
    """
    try:
        connection = connect(path)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open the store {path}: {error}") from error
    with contextlib.closing(connection):
        try:
            _require_version(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for version, migration in enumerate(_MIGRATIONS[_version(connection) :], _version(connection) + 1):
                for statement in migration.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
            found = connection.execute(sealing.RECORDED).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot use the store {path}: {error}") from error
    return sealing.recorded(found)


def version(path: Path) -> int:
    """The schema version of the store in a file; 0 where there is none in it yet. Raises StoreError."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            _require_version(connection, path)
            return _version(connection)
    except sqlite3.Error as error:
        raise StoreError(f"cannot use the store {path}: {error}") from error


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def require_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StoreError where the file is not a store that this program knows."""
    if connection.execute("PRAGMA application_id").fetchone() != (_APPLICATION_ID,):
        raise StoreError(f"{path} is not a store of this program")
    _require_known(_version(connection), path)


def _require_version(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id != _APPLICATION_ID and (tables or application_id):
        raise StoreError(f"{path} is an SQLite file of another program; name another folder")
    _require_known(_version(connection), path)


def _require_known(version: int, path: Path) -> None:
    if version > VERSION:
        raise StoreTooNew(
            f"the store {path} has schema version {version}, this program knows {VERSION}: use the newer program"
        )
