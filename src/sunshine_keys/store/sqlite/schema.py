"""The SQLite schema: create, check and upgrade the file of a store, and open connections to it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from sunshine_keys.store import sealing
from sunshine_keys.store.errors import StoreError, StoreTooNew
from sunshine_keys.store.sealing import META, Sealing
from sunshine_keys.store.sqlite import object_state
from sunshine_keys.store.sqlite.file_url import file_url
from sunshine_keys.store.sqlite.pairing import require_pair
from sunshine_keys.store.statements import ConstraintBroken, Statements
from sunshine_keys.store.table import SQLITE, Catalog, Migration

_BUSY_SECONDS = 10.0

_WAL_BYTES = 4 * 1024 * 1024
"""The size to which the WAL shrinks after it has been checkpointed. It grows beyond this while a long read goes on."""

_PLACEHOLDER = re.compile(r"\$(\d+)")

_MIGRATIONS = (
    Migration(
        3,
        "keys",
        "DROP INDEX keys_by_integration;\n"
        "CREATE INDEX keys_by_integration ON keys"
        " (integration_id, id, scope, app_id, display_name, sealed_secret);\n",
    ),
    Migration(
        8,
        "keys",
        "ALTER TABLE keys ADD COLUMN expires_at REAL;\n"
        "ALTER TABLE keys ADD COLUMN notice TEXT;\n"
        "DROP INDEX keys_by_integration;\n"
        "CREATE INDEX keys_by_integration ON keys"
        " (integration_id, id, scope, app_id, display_name, sealed_secret, expires_at, notice);\n"
        "CREATE INDEX keys_by_end ON keys (notice, expires_at) WHERE expires_at IS NOT NULL;\n",
    ),
    Migration(11, "keys", ""),  # the module `object_state`, which adds what it needs at each opening
)


def version_of(catalog: Catalog) -> int:
    """Return the schema version of this program."""
    return catalog.version(_MIGRATIONS)


def bound(sql: str, values: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return a statement and its values as Python's module takes them: `?` for each value, in order.

    To bind 160 values by the names $1, $2, … takes three times as long. SQLite's own way to number them, ?1, draws a
    DeprecationWarning from Python 3.12.0 to 3.12.3.
    """
    text, pick = _by_place(sql)
    return text, values if pick is None else pick(values)


@lru_cache(256)
def _by_place(sql: str) -> tuple[str, Callable[[tuple[Any, ...]], tuple[Any, ...]] | None]:
    """Return the statement with `?` for each value, and a function that picks the values; None if they are in order."""
    places = [int(number) - 1 for number in _PLACEHOLDER.findall(sql)]
    text = _PLACEHOLDER.sub("?", sql)
    if places == [*range(len(places))]:
        return text, None
    return text, itemgetter(*places) if len(places) > 1 else lambda values: (values[places[0]],)


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Return a connection in autocommit, for use by one thread at a time, durable at every commit.

    Without `create`, this raises sqlite3.OperationalError if the file is missing: it may have been moved away.

    WAL with synchronous=FULL: on a simulated power cut FULL kept every acknowledged commit, and NORMAL kept no commit.
    """
    url = file_url(path, "mode=rwc" if create else "mode=rw")
    connection = sqlite3.connect(url, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            f"journal_size_limit = {_WAL_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads, also a file on a read-only medium or of another owner. Raises sqlite3.Error.

    SQLite cannot read a file in WAL mode from a folder that it cannot write, unless it treats the file as immutable. If
    there is a WAL, too, this reads a temporary copy of both.
    """
    try:
        return _reading(path, "mode=ro")
    except sqlite3.OperationalError:
        wal = Path(f"{path.resolve()}-wal")
        if os.access(path.parent, os.W_OK) or not os.access(path, os.R_OK):
            raise
        if not wal.is_file() or not wal.stat().st_size:
            return _reading(path, "immutable=1")
        folder = tempfile.TemporaryDirectory(prefix="sunshine-keys-", ignore_cleanup_errors=True)
        copy = Path(folder.name) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(wal, f"{copy}-wal")
        connection = _reading(copy, "mode=ro")
        weakref.finalize(connection, folder.cleanup)
        return connection


def _reading(path: Path, options: str) -> sqlite3.Connection:
    url = file_url(path, options)
    connection = _Connection(url, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


class _Connection(sqlite3.Connection):
    """A connection that a weak reference can refer to."""


def add_missing_tables(connection: sqlite3.Connection, catalog: Catalog) -> None:
    """Give a connection that only reads what a store of an earlier version lacks: empty temporary tables, empty columns."""
    version = _version(connection)
    for table in catalog.tables:
        present = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table.name})")]
        if present and (lacking := [name for name in table.names if name not in present]):
            columns = ", ".join([*present, *(f"NULL AS {name}" for name in lacking)])
            connection.execute(f"CREATE TEMP VIEW {table.name} AS SELECT {columns} FROM main.{table.name}")  # noqa: S608 - names of ours
        if table.since > version:
            for statement in table.ddl(SQLITE):
                if statement.startswith("CREATE TABLE"):
                    connection.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


def open_or_create(path: Path, catalog: Catalog) -> Sealing | None:
    """Create the file and its tables if they are missing; upgrade an older schema to this version.

    Return the record of the sealing keys; None while nothing is sealed. Raises StoreError.
    """
    require_pair(path)
    try:
        connection = connect(path, create=True)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open the store {path}: {error}") from error
    with contextlib.closing(connection):
        try:
            connection.execute("BEGIN")
            _require_version(connection, path, catalog)
            connection.execute("COMMIT")
            _begin_wal(connection)
            connection.execute("BEGIN IMMEDIATE")
            _require_version(connection, path, catalog)
            _migrate(connection, catalog)
            object_state.repair(connection, catalog)
            connection.execute("COMMIT")
            rows = connection.execute(sealing.RECORDED).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot use the store {path}: {error}") from error
    return sealing.recorded(rows)


def _begin_wal(connection: sqlite3.Connection) -> None:
    """Put the file into WAL mode. SQLite does not wait for the lock of another process here, so this does."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: sqlite3.Connection, catalog: Catalog) -> None:
    before, after = _version(connection), version_of(catalog)
    if before == after:
        return
    if before == 0:
        connection.execute(*META.ddl(SQLITE))
    for statement in catalog.upgrade(before, SQLITE, _MIGRATIONS):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {catalog.number}")
    connection.execute(f"PRAGMA user_version = {after}")


def version(path: Path, catalog: Catalog) -> int:
    """Return the schema version of the store in a file; 0 if the file holds no store yet. Raises StoreError."""
    try:
        require_pair(path)
        with contextlib.closing(connect_to_read(path)) as connection:
            connection.execute("BEGIN")
            _require_version(connection, path, catalog)
            return _version(connection)
    except sqlite3.Error as error:
        raise StoreError(f"cannot use the store {path}: {error}") from error


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def require_ours(connection: sqlite3.Connection, path: Path, catalog: Catalog) -> None:
    """Raise StoreError if the file is not a store that this program can read."""
    if connection.execute("PRAGMA application_id").fetchone() != (catalog.number,):
        raise StoreError(f"{path} is not a store of this program")
    _require_readable(_version(connection), path, catalog)


def _require_version(connection: sqlite3.Connection, path: Path, catalog: Catalog) -> None:
    """Raise StoreError if the file is of another program. In a transaction: another process may be making the store."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id != catalog.number and (tables or application_id):
        raise StoreError(f"{path} is an SQLite file of another program; name another folder")
    _require_readable(_version(connection), path, catalog)


def _require_readable(version: int, path: Path, catalog: Catalog) -> None:
    if version > (newest := version_of(catalog)):
        raise StoreTooNew(
            f"the store {path} has schema version {version}, this program knows {newest}: use the newer program"
        )


def run(connection: sqlite3.Connection, statements: Statements[Any]) -> None:
    """Run `statements` in the transaction that is open."""
    try:
        statement = next(statements)
        while True:
            try:
                rows = connection.execute(*bound(*statement)).fetchall()
            except sqlite3.IntegrityError as error:
                statement = statements.throw(ConstraintBroken(str(error)))
            else:
                statement = statements.send(rows)
    except StopIteration:
        return
