"""The reads of a store on SQL."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from sunshine_keys.apps.model import App
from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.usage import Usage
from sunshine_keys.store.audit import Entry, Wanted
from sunshine_keys.store.page import Page
from sunshine_keys.store.sealing import Kind, Sealed, SealedId, Sealing
from sunshine_keys.store.sql import rows, sealing, trail
from sunshine_keys.store.statements import Row
from sunshine_keys.webhooks.model import Webhook

_USAGE_KEYS = 500
"""Of so many at once: a statement may not have any number of values."""

_AFTER = "WHERE id > $1 ORDER BY id LIMIT $2"
_KEY = rows.KEY + "WHERE id = $1"
_KEYS_OF_INTEGRATION = rows.KEY + "WHERE integration_id = $1 ORDER BY id"


class SqlReads(ABC):
    """What `store.Store` reads."""

    @abstractmethod
    async def _all(self, sql: str, *values: Any) -> list[Row]:
        """The rows of a SELECT. Raises errors.StoreUnavailable."""

    async def keys_after(self, after: str, limit: int) -> list[Key]:
        return [rows.key(row) for row in await self._all(rows.KEY + _AFTER, after, limit)]

    async def audit_entries(self, after: int, limit: int) -> list[Entry]:
        found = await self._all(rows.ENTRY + "WHERE sequence > $1 ORDER BY sequence LIMIT $2", after, limit)
        return [rows.entry(row) for row in found]

    async def key(self, key_id: str) -> Key | None:
        found = await self._all(_KEY, key_id)
        return rows.key(found[0]) if found else None

    async def app(self, app_id: str) -> App | None:
        found = await self._all(rows.APP + "WHERE id = $1", app_id)
        return rows.app(found[0]) if found else None

    async def apps(self, page: Page) -> tuple[list[App], bool]:
        found, more = await self._page(rows.APP, "1 = 1", (), page)
        return [rows.app(row) for row in found], more

    async def app_keys(self, app_id: str) -> list[Key]:
        found = await self._all(rows.KEY + "WHERE app_id = $1 AND scope = 'app' ORDER BY id", app_id)
        return [rows.key(row) for row in found]

    async def integration(self, app_id: str, integration_id: str) -> Integration | None:
        found = await self._all(rows.INTEGRATION + "WHERE id = $1 AND app_id = $2", integration_id, app_id)
        return rows.integration(found[0]) if found else None

    async def integrations(
        self, app_id: str, page: Page, types: frozenset[str] | None
    ) -> tuple[list[Integration], bool]:
        where, values = "app_id = $1", (app_id, *(types or ()))
        if types is not None:
            where += f" AND type IN ({_places(types, after=1)})"
        found, more = await self._page(rows.INTEGRATION, where, values, page)
        return [rows.integration(row) for row in found], more

    async def integration_keys(self, integration_id: str) -> list[Key]:
        found = await self._all(_KEYS_OF_INTEGRATION, integration_id)
        return [rows.key(row) for row in found]

    async def webhooks(self, integration_ids: list[str]) -> list[Webhook]:
        if not integration_ids:
            return []
        where = f"WHERE integration_id IN ({_places(integration_ids)}) ORDER BY id"
        return [rows.webhook(row) for row in await self._all(rows.WEBHOOK + where, *integration_ids)]

    async def webhook(self, integration_id: str, webhook_id: str) -> Webhook | None:
        found = await self._all(rows.WEBHOOK + "WHERE id = $1 AND integration_id = $2", webhook_id, integration_id)
        return rows.webhook(found[0]) if found else None

    async def usage(self, key_ids: Sequence[str], since: float) -> dict[str, Usage]:
        found: dict[str, Usage] = {}
        for first in range(0, len(key_ids), _USAGE_KEYS):
            ids = key_ids[first : first + _USAGE_KEYS]
            places = _places(ids)
            for key_id, used, source in await self._all(rows.KEY_USES.format(places), *ids):
                found[key_id] = Usage(used, source, {})
            hours = rows.KEY_HOURS.format(places, f"${len(ids) + 1}")
            for key_id, hour, requests in await self._all(hours, *ids, math.ceil(since)):
                if key_id in found:  # not one that was used for the first time between the two reads
                    found[key_id].hours[hour] = requests
        return found

    async def console_session(self, session_id: bytes) -> ConsoleSession | None:
        found = await self._all(rows.SESSION + "WHERE id = $1", session_id)
        return rows.session(found[0]) if found else None

    async def trail(self, wanted: Wanted, before: int, span: int, limit: int) -> list[Entry]:
        where, values = trail.where(wanted, before, span)
        sql = f"{rows.ENTRY}WHERE {where} ORDER BY sequence DESC LIMIT {limit}"
        return [rows.entry(row) for row in await self._all(sql, *values)]

    async def trail_end(self, until: str = "") -> int:
        """By halves: entries are in the order of their times, as far as the clocks were."""
        low, high = 0, rows.head(await self._all(rows.HEAD)).sequence
        while until and low < high:
            middle = (low + high + 1) // 2
            found = await self._all("SELECT time FROM audit WHERE sequence = $1", middle)
            low, high = (middle, high) if found and found[0][0] <= until else (low, middle - 1)
        return high

    async def sealing(self) -> Sealing | None:
        return sealing.recorded(await self._all(sealing.RECORDED))

    async def sealed_counts(self) -> dict[Kind, dict[str, int]]:
        return {
            kind: {bytes(under).hex(): count for under, count in await self._all(sealing.counts(kind))} for kind in Kind
        }

    async def sealed_otherwise(self, kind: Kind, key_id: str, after: SealedId, limit: int) -> list[Sealed]:
        found = await self._all(sealing.others(kind), after, bytes.fromhex(key_id), limit)
        return [Sealed(*row) for row in found]

    async def _page(self, select: str, where: str, values: tuple[Any, ...], page: Page) -> tuple[list[Row], bool]:
        order = "DESC" if page.before else "ASC"
        if cursor := page.before or page.after:
            values += (cursor,)
            where += f" AND id {'<' if page.before else '>'} ${len(values)}"
        sql = f"{select}WHERE {where} ORDER BY id {order} LIMIT ${len(values) + 1}"
        found = await self._all(sql, *values, page.size + 1)
        more, found = len(found) > page.size, found[: page.size]
        return (found[::-1] if page.before else found), more


def _places(values: frozenset[str] | Sequence[str], after: int = 0) -> str:
    return ", ".join(f"${after + place}" for place in range(1, len(values) + 1))
