"""A store for rows that are to be checked before they go into another: a file of its own, used once.

The store's own changes put them there, so that what refers to nothing, is too many, or comes twice, is found, and
memory does not grow with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from sunshine_keys.errors import IntegrationNotFound
from sunshine_keys.models import App, Integration, Key, Webhook
from sunshine_keys.store import Walk
from sunshine_keys.store.changes import Change, CreateApp, CreateIntegration, CreateKey, CreateWebhook
from sunshine_keys.store.sql import changes, rows
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.sqlite.store import SqliteStore
from sunshine_keys.store.sqlite.writer import run


class Staging:
    """Raises sqlite3.Error where there is no room."""

    def __init__(self, path: Path) -> None:
        self._path = path
        schema.open_or_create(path)
        self._connection = schema.connect(path)
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):  # what fails is thrown away
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN")

    def add(self, row: App | Integration | Webhook | Key) -> None:
        """Raises AppNotFound, IntegrationNotFound, BadRequest, and ConstraintBroken where the id was there before."""
        run(self._connection, changes.apply(self._change(row)))

    def _change(self, row: App | Integration | Webhook | Key) -> Change[Any]:
        if isinstance(row, App):
            return CreateApp(row)
        if isinstance(row, Integration):
            return CreateIntegration(row, [])
        if isinstance(row, Key):
            return CreateKey(row)
        found = self._connection.execute(rows.INTEGRATION + "WHERE id = $1", schema.named((row.integration_id,)))
        integration = found.fetchone()
        if integration is None:
            raise IntegrationNotFound
        return CreateWebhook(rows.integration(integration).app_id, row)

    @contextlib.asynccontextmanager
    async def rows(self) -> AsyncGenerator[Walk]:
        """All that was added. No more can be."""
        self._connection.execute("COMMIT")
        self._connection.close()
        store = SqliteStore(self._path)
        try:
            yield store
        finally:
            await store.close()

    def close(self) -> None:
        self._connection.close()
