"""The state of a store's objects: a random value in the file, which every change of an object replaces.

Two reads of the same state see the same objects, whatever was committed between them. Triggers replace it, so changes made
by other programs, of other versions or in an SQLite shell count, too. Counts of the use of keys, refusals and the
audit trail are no objects.

A counter would not do: after a backup is restored into the file, it would reach the same number with other objects. The value
is in a table of its own, which copies of a store leave out: it belongs to one file.
"""

from __future__ import annotations

import sqlite3

from sunshine_keys.store.table import Catalog

_NEW = "hex(randomblob(16))"
_CREATE = "CREATE TABLE IF NOT EXISTS object_state (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL) STRICT"
_FILL = f"INSERT INTO object_state (id, value) VALUES (1, {_NEW}) ON CONFLICT DO NOTHING"  # noqa: S608 - texts of our own
_CHANGE = f"UPDATE object_state SET value = {_NEW}"  # noqa: S608 - a text of our own


def repair(connection: sqlite3.Connection, catalog: Catalog) -> None:
    """Add what is missing of the state and its triggers, in the transaction that is open. Raises sqlite3.Error."""
    triggers = _triggers(catalog)
    if not triggers:
        return
    connection.execute(_CREATE)
    connection.execute(_FILL)
    present = _present(connection)
    for name, sql in triggers.items():
        if present.get(name) != sql:
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            connection.execute(sql)


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
            self._is_kept = self._triggers.items() <= _present(self._connection).items()
            self._schema = schema
        row = self._connection.execute("SELECT value FROM object_state").fetchone() if self._is_kept else None
        return object() if row is None else (schema, *row)


def _present(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall())


def _triggers(catalog: Catalog) -> dict[str, str]:
    """Return the triggers by name: three for each table of objects.

    They run before the change: a trigger of an operator that runs first, and raises IGNORE, then prevents both or none.
    A store without credentials has none. Nearly each of its changes changes a conversation, so it would gain nothing.
    """
    if catalog.credentials is None:
        return {}
    return {
        f"{table.name}_{event}": f"CREATE TRIGGER {table.name}_{event} BEFORE {event} ON {table.name} BEGIN {_CHANGE}; END"
        for table in catalog.resources
        for event in ("insert", "update", "delete")
    }
