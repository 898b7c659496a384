"""Replace a store's rows by those of a backup, in one transaction of the store.

Servers that have the store open need not stop: they see the whole restore at their next read, like any other commit. A
restore that is killed has changed nothing. The store's audit trail continues, so it still shows earlier revocations, and
the restore itself. If the backup's trail is longer and of the same chain, its further entries are added.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from sunshine_keys.store import audit
from sunshine_keys.store.audit import Head
from sunshine_keys.store.change import OPERATOR, AuditOnly, Revokes, actions
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.sealing import META, NOTIFIED
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.sqlite.schema import run
from sunshine_keys.store.table import Catalog
from sunshine_keys.store.transaction import AuditedTransaction, Job

NAMED = 10
"""The highest number of key ids in a comparison."""

_BUSY_SECONDS = 60

_REVIVED = """
CREATE TEMP TABLE revived AS SELECT id, app_id, integration_id, 0 AS revoked
FROM backup.keys AS theirs WHERE NOT EXISTS (SELECT 1 FROM main.keys AS ours WHERE ours.id = theirs.id)"""
_LOST = "FROM main.keys AS ours WHERE NOT EXISTS (SELECT 1 FROM backup.keys AS theirs WHERE theirs.id = ours.id)"
_DONE = "SELECT resource FROM main.audit WHERE action = ? AND outcome = 'done'"


class Restored(AuditOnly, frozen=True):
    """The store was restored from a backup, in the transaction of this entry."""

    action = "store.restore"
    revokes = Revokes.ANY_KEY
    adds_keys = True
    summary: str

    @property
    def note(self) -> str:
        return self.summary


class Comparison(msgspec.Struct, frozen=True):
    """The effect of a restore on keys. `revived` keys are only in the backup, `lost` keys only in the store.

    `revoked` is the number of revived keys that the store's trail shows as deleted. `entries` is the number of entries that
    the trail has had since the backup; it is negative if the backup is more recent, and None if the two trails have no
    common past. At most NAMED ids are listed.
    """

    empty: bool
    revived: int
    revived_ids: list[str]
    revoked: int
    lost: int
    lost_ids: list[str]
    entries: int | None


class Restore:
    """A store and, attached to its connection, a copy of a backup that `copies.examine` has checked."""

    def __init__(self, connection: sqlite3.Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._tables = [META.name, *(table.name for table in catalog.tables if table is not audit.TABLE)]

    def compare(self) -> Comparison:
        execute = self._connection.execute
        execute("DROP TABLE IF EXISTS temp.revived")
        execute(_REVIVED)
        revived = self._count("FROM revived")
        for action, column in _deletions() if revived else ():
            execute(f"CREATE INDEX IF NOT EXISTS temp.revived_by_{column} ON revived ({column})")
            for (resource,) in execute(_DONE, (action,)):
                execute(f"UPDATE revived SET revoked = 1 WHERE {column} = ?", (resource.rpartition("/")[2],))  # noqa: S608 - ours
        ours, theirs = self._head("main"), self._head("backup")
        same = self._holds("main", theirs) or self._holds("backup", ours)
        return Comparison(
            empty=ours == Head(),
            revived=revived,
            revived_ids=self._ids("FROM revived"),
            revoked=self._count("FROM revived WHERE revoked"),
            lost=self._count(_LOST),
            lost_ids=self._ids(_LOST),
            entries=ours.sequence - theirs.sequence if same else None,
        )

    def carry_out(self, approve: Callable[[Comparison], AbstractContextManager[None]]) -> None:
        """Replace the rows and commit. No other process can write from before the call of `approve` until the commit.

        The context manager that `approve` returns is entered before anything changes and left before the commit. If it
        raises, nothing has changed, and the exception propagates.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            comparison = self.compare()
            with approve(comparison):
                self._replace(comparison)
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def _replace(self, comparison: Comparison) -> None:
        execute = self._connection.execute
        ours, theirs = self._head("main"), self._head("backup")
        if self._holds("backup", ours):
            execute("INSERT INTO main.audit SELECT * FROM backup.audit WHERE sequence > ?", (ours.sequence,))
        notified = execute("SELECT value FROM main.meta WHERE name = ?", (NOTIFIED,)).fetchall()
        for table in self._tables:  # a tool or an operator may have tables of their own in the file
            execute(f"DELETE FROM main.{table}")  # noqa: S608 - the schema's own names
            execute(f"INSERT INTO main.{table} SELECT * FROM backup.{table}")  # noqa: S608
        for (position,) in notified:  # as the trail stays, so does the position in it
            execute("INSERT OR REPLACE INTO main.meta (name, value) VALUES (?, ?)", (NOTIFIED, position))
        execute("DELETE FROM main.console_sessions")  # a person who signed out since the backup stays signed out
        summary = f"a backup that ends with entry {theirs.sequence}, {theirs.hash.hex()[:16]}; "
        summary += f"keys revived: {comparison.revived}, lost: {comparison.lost}"
        run(self._connection, AuditedTransaction([Job(OPERATOR, Restored(summary))]).whole())

    def _head(self, name: str) -> Head:
        rows = self._connection.execute(audit.HEAD_SQL.replace("audit", f"{name}.audit")).fetchall()
        return Head(*rows[0]) if rows else Head()

    def _holds(self, name: str, head: Head) -> bool:
        """Return True if this head is, or was, the last entry of the trail of the store `name`."""
        where = f"FROM {name}.audit WHERE sequence = {head.sequence} AND hash = x'{head.hash.hex()}'"
        return head == Head() or self._count(where) == 1

    def _count(self, where: str) -> int:
        count: int = self._connection.execute(f"SELECT count(*) {where}").fetchone()[0]
        return count

    def _ids(self, where: str) -> list[str]:
        return [row[0] for row in self._connection.execute(f"SELECT id {where} ORDER BY id LIMIT {NAMED}")]


def replace_rows(store: Path, backup: Path, catalog: Catalog) -> None:
    """Replace all rows of a store without an audit trail by those of `backup`, a copy that it may upgrade, in one transaction.

    Raises StoreError.
    """
    for path in (store, backup):
        schema.open_or_create(path, catalog)
    try:
        with contextlib.closing(schema.connect(store)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("ATTACH ? AS backup", (str(backup),))
            connection.execute("BEGIN IMMEDIATE")
            for table in catalog.tables:
                names = ", ".join(table.names)
                connection.execute(f"DELETE FROM main.{table.name}")  # noqa: S608 - the schema's own names
                connection.execute(f"INSERT INTO main.{table.name} ({names}) SELECT {names} FROM backup.{table.name}")  # noqa: S608
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(f"cannot restore into the store {store}: {error}. Its rows are as they were") from error


@contextlib.contextmanager
def opened(store: Path, backup: Path, catalog: Catalog) -> Generator[Restore]:
    """Yield a `Restore`. It changes `backup`, which is a copy. Raises StoreError, also for errors inside the block."""
    for path in (store, backup):
        schema.open_or_create(path, catalog)  # both are brought to this version's schema
    try:
        with contextlib.closing(schema.connect(store)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
            connection.execute(
                "PRAGMA foreign_keys = OFF"
            )  # those of the backup were checked, and whole tables are replaced
            connection.execute("ATTACH ? AS backup", (str(backup),))
            yield Restore(connection, catalog)
    except sqlite3.Error as error:
        raise StoreError(
            f"cannot restore into the store {store}: {error}. Nothing was changed. If it is damaged, stop its servers, "
            "move its files away and restore again"
        ) from error


def _deletions() -> list[tuple[str, str]]:
    """Return the actions that take keys away, each with the column of keys that holds the last id of its resource."""
    return [
        (action, revokes.value)
        for action, revokes in actions().items()
        if revokes not in (Revokes.NOTHING, Revokes.ANY_KEY)
    ]
