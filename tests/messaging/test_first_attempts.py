"""Which webhooks wait for a first attempt: a process looks for them each second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.stores import entered
from support.wire import Place

from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.change import Change
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.statements import Row, Statements
from sunshine_messaging.apps.table import APPS, AppRow
from sunshine_messaging.events.model import PENDING, Delivery
from sunshine_messaging.events.table import DELIVERIES, first_attempts, webhooks_of_owner
from sunshine_messaging.plane import CATALOG

FAILING = 2000


class AddDeliveries(Change[None], frozen=True):
    """Add a delivery of the process `p` to each of many webhooks. Those to w1 and w2 have not been attempted."""

    action = "test.add"
    audited = False

    def apply(self) -> Statements[None]:
        yield from APPS.insert(AppRow("a"))
        waiting = {"w1", "w2"}
        for number in range(FAILING):
            webhook, queue = f"w{number}", f"w{number}:s" if f"w{number}" in waiting else None
            yield from DELIVERIES.insert(
                Delivery(
                    number + 1, "e", "t", "a", webhook, "s", 1, b"{}", PENDING, queue, "p", None if queue else 9, []
                )
            )


@asynccontextmanager
async def opened_store(place: Place) -> AsyncIterator[Store]:
    store: Store
    if place.database is None:
        SqliteStore.prepare(place.data / "messaging.db", CATALOG)
        store = SqliteStore(place.data / "messaging.db", CATALOG)
    else:
        await PostgresStore.prepare(place.database, CATALOG)
        store = PostgresStore(place.database, CATALOG)
    await store.transact(OPERATOR, AddDeliveries())
    yield store
    await store.close()


@pytest.fixture
def store(runner: asyncio.Runner, place: Place) -> Iterator[Store]:
    yield from entered(runner, opened_store(place))


async def test_only_webhooks_with_first_attempts_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, statements = store.rows, list[str]()

    async def logged(sql: str, *values: Any) -> list[Row]:
        statements.append(sql)
        return await rows(sql, *values)

    monkeypatch.setattr(store, "rows", logged)
    assert await store.read(webhooks_of_owner("p")) == ["w1", "w2"]
    assert len(statements) == 3


async def test_both_reads_of_first_attempts_use_the_index_of_these(store: Store, place: Place) -> None:
    explain = "EXPLAIN QUERY PLAN "
    if place.database is not None:
        explain = "EXPLAIN "
        await store.rows("ANALYZE deliveries")
    for statement in (next(webhooks_of_owner("p")), next(first_attempts("p", "w1", 0, 200))):
        plan = " ".join(str(row) for row in await store.rows(explain + statement.sql, *statement.values))
        assert "deliveries_by_webhook" in plan
