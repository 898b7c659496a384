"""Check that a store's file and the WAL beside it belong together.

Somebody may have copied a backup over the file and left the WAL of the former store beside it. SQLite would then mix both.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from sunshine_keys.store import audit
from sunshine_keys.store.audit import Entry, Head
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.sqlite.file_url import file_url

_TRIES = 3
_ROLLBACK_JOURNAL = b"\x01\x01"
"""Bytes 18 and 19 of a file that is not in WAL mode, as `backup` writes it. SQLite sets them to 2 before it begins a WAL."""


def require_pair(path: Path) -> None:
    """Raise StoreError if the file and its WAL do not belong together. Change neither.

    The audit trail is only ever extended. So the last entry that is in the file alone is also in the file with its WAL, and
    the chain continues from there. This holds in the middle of a checkpoint, too.
    """
    wal = Path(f"{path.resolve()}-wal")
    try:
        if not wal.stat().st_size or not path.stat().st_size:
            return
        with path.open("rb") as file:
            modes = file.read(20)[18:]
    except OSError:
        return
    if modes != _ROLLBACK_JOURNAL and _continues(path):
        return
    raise StoreError(
        f"{path} and the file {wal.name} beside it are of different stores: a copy was put over {path.name}. Stop the"
        f" servers, move {wal.name} and {wal.name.removesuffix('-wal')}-shm away, and start again"
    )


def _continues(path: Path) -> bool:
    """Return False if the trail of the file with its WAL is no continuation of the trail of the file alone."""
    seen: Head | None = None
    for _ in range(_TRIES):  # another process may be writing the file at the moment
        before, seen = seen, _head(path)
        if seen is None or _follows(path, seen):
            return True
        if before is not None and before != seen:
            return True
    return False


def _head(path: Path) -> Head | None:
    """Return the last entry of the file alone; None if it cannot be read, for example in the middle of a checkpoint."""
    try:
        with contextlib.closing(_open(path, "immutable=1")) as connection:
            rows = connection.execute(audit.HEAD_SQL).fetchall()
            return Head(*rows[0]) if rows else None
    except sqlite3.Error:
        return None


def _follows(path: Path, head: Head) -> bool:
    """Return True if the trail of the file with its WAL contains `head`, and an intact chain from there."""
    try:
        with contextlib.closing(_open(path, "mode=ro")) as connection:
            rows = connection.execute(
                f"{audit.TABLE.select_sql}WHERE sequence >= ? ORDER BY sequence", (head.sequence,)
            )
            entries = [Entry(*row) for row in rows]
        if not entries or entries[0].hash != head.hash:
            return False
        audit.check(entries[1:], head)
    except (sqlite3.DatabaseError, audit.Broken) as error:
        return isinstance(error, sqlite3.OperationalError)  # it is locked, or the folder cannot be written
    return True


def _open(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(file_url(path, options), uri=True, isolation_level=None)
