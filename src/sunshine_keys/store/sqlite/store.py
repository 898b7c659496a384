"""Reads on the event loop's own thread, writes through the one writer.

A primary-key read takes about 7 µs, less than handing it to another thread would, so nothing is cached and every
read sees what any process on this file has committed: revocation is immediate.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any, TypeVar

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.models import App, Integration, Key, Page, Webhook
from sunshine_keys.store import StoreError
from sunshine_keys.store.changes import Change
from sunshine_keys.store.sqlite import rows, schema
from sunshine_keys.store.sqlite.writer import Writer

R = TypeVar("R")
logger = logging.getLogger("sunshine_keys.store")


class SqliteStore:
    """The store on the SQLite file `path`, which `prepare` has made or checked. Raises StoreError."""

    @staticmethod
    def prepare(path: Path) -> str | None:
        """Make the file and its tables if they are missing; return the id of the key its secrets are sealed under.

        None means that nothing is sealed yet. Raises StoreError where the file cannot be used, StoreTooNew where a
        newer program wrote it.
        """
        return schema.open_or_create(path)

    def __init__(self, path: Path) -> None:
        try:
            self._reader = schema.connect(path)
            self._reader.execute("PRAGMA query_only = ON")
            self._writer = Writer(path)
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the store {path}: {error}") from error

    def _all(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            logger.error("a read failed: %s", error)
            raise StoreUnavailable from error

    def _one(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        found = self._all(sql, values)
        return found[0] if found else None

    async def key(self, key_id: str) -> Key | None:
        row = self._one(rows.KEY + "WHERE id = ?", (key_id,))
        return None if row is None else rows.key(row)

    async def app(self, app_id: str) -> App | None:
        row = self._one(rows.APP + "WHERE id = ?", (app_id,))
        return None if row is None else rows.app(row)

    async def apps(self, page: Page) -> tuple[list[App], bool]:
        found, more = self._page(rows.APP, "1", (), page)
        return [rows.app(row) for row in found], more

    async def app_keys(self, app_id: str) -> list[Key]:
        found = self._all(rows.KEY + "WHERE app_id = ? AND scope = 'app' ORDER BY id", (app_id,))
        return [rows.key(row) for row in found]

    async def integration(self, app_id: str, integration_id: str) -> Integration | None:
        row = self._one(rows.INTEGRATION + "WHERE id = ? AND app_id = ?", (integration_id, app_id))
        return None if row is None else rows.integration(row)

    async def integrations(
        self, app_id: str, page: Page, types: frozenset[str] | None
    ) -> tuple[list[Integration], bool]:
        where = "app_id = ?"
        values: tuple[str, ...] = (app_id,)
        if types is not None:
            where += f" AND type IN ({', '.join('?' * len(types))})"
            values += tuple(types)
        found, more = self._page(rows.INTEGRATION, where, values, page)
        return [rows.integration(row) for row in found], more

    async def integration_keys(self, integration_id: str) -> list[Key]:
        found = self._all(rows.KEY + "WHERE integration_id = ? ORDER BY id", (integration_id,))
        return [rows.key(row) for row in found]

    async def webhooks(self, integration_ids: list[str]) -> list[Webhook]:
        marks = ", ".join("?" * len(integration_ids))
        found = self._all(rows.WEBHOOK + f"WHERE integration_id IN ({marks}) ORDER BY id", tuple(integration_ids))
        return [rows.webhook(row) for row in found]

    async def webhook(self, integration_id: str, webhook_id: str) -> Webhook | None:
        row = self._one(rows.WEBHOOK + "WHERE id = ? AND integration_id = ?", (webhook_id, integration_id))
        return None if row is None else rows.webhook(row)

    def _page(self, select: str, where: str, values: tuple[Any, ...], page: Page) -> tuple[list[tuple[Any, ...]], bool]:
        order = "DESC" if page.before else "ASC"
        if cursor := page.before or page.after:
            where += f" AND id {'<' if page.before else '>'} ?"
            values += (cursor,)
        found = self._all(f"{select}WHERE {where} ORDER BY id {order} LIMIT ?", (*values, page.size + 1))
        more, found = len(found) > page.size, found[: page.size]
        return (found[::-1] if page.before else found), more

    async def transact(self, actor_id: str | None, change: Change[R]) -> R:
        result: R = await self._writer.submit(actor_id, change)
        return result

    async def close(self) -> None:
        self._writer.close()
        self._reader.close()
