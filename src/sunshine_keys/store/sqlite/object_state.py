"""The state of a store's objects: a random value in the file, which every change of an object replaces.

Two reads of the same state see the same objects, whatever was committed between them. Triggers replace it, so changes made
by other programs, of other versions or in an SQLite shell count, too. Counts of the use of keys, refusals and the
audit trail are no objects.

A counter would not do: after a backup is restored into the file, it would reach the same number with other objects.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sunshine_keys.store.table import Catalog

_NAME = "object_state"
_READ = f"SELECT value FROM meta WHERE name = '{_NAME}'"  # noqa: S608 - a name of our own
_NEW = "hex(randomblob(16))"
_CHANGE = f"UPDATE meta SET value = {_NEW} WHERE name = '{_NAME}'"  # noqa: S608


def ddl(catalog: Catalog) -> Iterator[str]:
    """Yield the statements that add what is missing."""
    if triggers := _triggers(catalog):
        yield f"INSERT INTO meta (name, value) VALUES ('{_NAME}', {_NEW}) ON CONFLICT DO NOTHING"  # noqa: S608
        for name, sql in triggers.items():
            yield f"DROP TRIGGER IF EXISTS {name}"
            yield sql


class ObjectState:
    """Reads the state on one connection."""

    def __init__(self, connection: sqlite3.Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._triggers = _triggers(catalog)
        self._schema: int | None = None
        self._is_kept = False

    def read(self) -> object:
        """Return the state in the transaction that is open. It equals no other if the file does not keep it. Raises sqlite3.Error.

        A tool that rebuilds a table drops its triggers. So if the schema has changed, this looks whether they are there.
        """
        if not self._triggers:
            return object()
        (schema,) = self._connection.execute("PRAGMA schema_version").fetchone()
        if schema != self._schema:
            present = self._connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            self._is_kept = self._triggers.items() <= dict(present).items()
            self._schema = schema
        row = self._connection.execute(_READ).fetchone() if self._is_kept else None
        return object() if row is None else (schema, *row)


def _triggers(catalog: Catalog) -> dict[str, str]:
    """Return the triggers by name: three for each table of objects.

    A store without credentials has none. Nearly each of its changes changes a conversation, so it would gain nothing.
    """
    if catalog.credentials is None:
        return {}
    return {
        f"{table.name}_{event}": f"CREATE TRIGGER {table.name}_{event} AFTER {event} ON {table.name} BEGIN {_CHANGE}; END"
        for table in catalog.resources
        for event in ("insert", "update", "delete")
    }
