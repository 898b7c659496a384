"""Putting a backup's rows in the place of a store's, in one transaction of the store.

Servers that have the store open need not stop: they see all of it at their next read, as they see any other commit,
and a restore that is killed has not happened. The audit trail goes on where it was, so that it tells what was revoked
before, and of the restore; where the backup's trail is a longer one of the same chain, its entries are added.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from sunshine_keys.store import OPERATOR, StoreError
from sunshine_keys.store.audit import Head
from sunshine_keys.store.changes import Restored
from sunshine_keys.store.sql import rows
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.sqlite.writer import run
from sunshine_keys.store.transaction import Job, apply_all

NAMED = 10
"""How many keys a comparison names."""

_BUSY_SECONDS = 60

_REVIVED = """
CREATE TEMP TABLE revived AS SELECT id, app_id, integration_id, 0 AS revoked
FROM backup.keys AS theirs WHERE NOT EXISTS (SELECT 1 FROM main.keys AS ours WHERE ours.id = theirs.id)"""
_LOST = "FROM main.keys AS ours WHERE NOT EXISTS (SELECT 1 FROM backup.keys AS theirs WHERE theirs.id = ours.id)"
_DONE = "SELECT resource FROM main.audit WHERE action = ? AND outcome = 'done'"
_TABLES = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name <> 'audit' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
_DELETIONS = (
    ("key.delete", "id"),
    ("integration.delete", "integration_id"),
    ("app.delete", "app_id"),
)


class Comparison(msgspec.Struct, frozen=True):
    """What a restore would do to keys. `revived` are in the backup and not in the store, `lost` the other way round.

    `revoked` is for how many of the revived the store's trail tells of their deletion. `entries` is how many entries
    the trail has had since the backup (less than 0 where the backup is the more recent); None where they have no common
    past. At most NAMED ids are given.
    """

    empty: bool
    revived: int
    revived_ids: list[str]
    revoked: int
    lost: int
    lost_ids: list[str]
    entries: int | None


class Restore:
    """A store and, beside it, a copy of a backup that `copies.examine` has found good."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def compare(self) -> Comparison:
        execute = self._connection.execute
        execute("DROP TABLE IF EXISTS temp.revived")
        execute(_REVIVED)
        revived = self._count("FROM revived")
        for action, column in _DELETIONS if revived else ():
            execute(f"CREATE INDEX temp.revived_by_{column} ON revived ({column})")
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
        """Replace the rows and commit. No other can write from before `approve` is told what it comes to.

        What that returns is entered before anything is changed and left before the commit. Raises what it raises,
        having changed nothing.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            found = self.compare()
            with approve(found):
                self._replace(found)
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def _replace(self, found: Comparison) -> None:
        execute = self._connection.execute
        ours, theirs = self._head("main"), self._head("backup")
        if self._holds("backup", ours):
            execute("INSERT INTO main.audit SELECT * FROM backup.audit WHERE sequence > ?", (ours.sequence,))
        for (table,) in execute(_TABLES).fetchall():
            execute(f"DELETE FROM main.{table}")  # noqa: S608 - the schema's own names
            execute(f"INSERT INTO main.{table} SELECT * FROM backup.{table}")  # noqa: S608
        execute("DELETE FROM main.console_sessions")  # who had signed out since the backup is not signed in again
        told = f"a backup that ends with entry {theirs.sequence}, {theirs.hash.hex()[:16]}; "
        told += f"keys revived: {found.revived}, lost: {found.lost}"
        run(self._connection, apply_all([Job(OPERATOR, Restored(told))]))

    def _head(self, name: str) -> Head:
        return rows.head(self._connection.execute(rows.HEAD.replace("audit", f"{name}.audit")).fetchall())

    def _holds(self, name: str, head: Head) -> bool:
        """Whether that store's trail has had this head."""
        where = f"FROM {name}.audit WHERE sequence = {head.sequence} AND hash = x'{head.hash.hex()}'"
        return head == Head() or self._count(where) == 1

    def _count(self, where: str) -> int:
        count: int = self._connection.execute(f"SELECT count(*) {where}").fetchone()[0]
        return count

    def _ids(self, where: str) -> list[str]:
        return [row[0] for row in self._connection.execute(f"SELECT id {where} ORDER BY id LIMIT {NAMED}")]


@contextlib.contextmanager
def opened(store: Path, backup: Path) -> Generator[Restore]:
    """`backup` is a copy to be used up. Raises StoreError, from inside the block too."""
    for path in (store, backup):
        schema.open_or_create(path)  # both are brought to this version's schema
    try:
        with contextlib.closing(schema.connect(store)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
            connection.execute("PRAGMA foreign_keys = OFF")  # the backup's were checked, and tables are emptied whole
            connection.execute("ATTACH ? AS backup", (str(backup),))
            yield Restore(connection)
    except sqlite3.Error as error:
        raise StoreError(
            f"cannot restore into the store {store}: {error}. Nothing was changed. If it is damaged, stop its servers, "
            "move its files away and restore again"
        ) from error
