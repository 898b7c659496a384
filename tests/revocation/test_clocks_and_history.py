"""Neither the database's clock nor a lost history shortens the wait of a DELETE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.stores import entered, filled, open_postgres

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.postgres.remembered import CLOCK_MARGIN, LEASE_SECONDS, Heartbeats
from sunshine_keys.store.table import POSTGRES


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with Proxy(postgres.port).running() as proxy:
        yield proxy
        proxy.heal()


@pytest.fixture
def answering(runner: asyncio.Runner, postgres_url: str) -> Iterator[PostgresStore]:
    """The store that deletes the key."""
    yield from entered(runner, filled(lambda: open_postgres(postgres_url)))


@pytest.fixture
def remembering(
    runner: asyncio.Runner, answering: PostgresStore, proxy: Proxy, postgres: Postgres, postgres_url: str
) -> Iterator[PostgresStore]:
    """Another store on the same database, behind a proxy, which remembers the key."""

    @asynccontextmanager
    async def with_the_key() -> AsyncIterator[PostgresStore]:
        store = PostgresStore(postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/"), CATALOG)
        try:
            assert await store.credential("int_1") is not None
            yield store
        finally:
            proxy.heal()
            await store.close()

    yield from entered(runner, with_the_key())


async def accepted(store: PostgresStore) -> Key | None:
    try:
        return await store.credential("int_1")
    except StoreUnavailable:
        return None


def test_no_statement_of_the_protocol_reads_the_databases_clock() -> None:
    from sunshine_keys.store.postgres import lease, schema

    ddl = [statement for table in CATALOG.tables for statement in table.ddl(POSTGRES)]
    statements = " ".join([lease._FOLLOW, lease._RENEW, lease._NODES, lease._BURY, schema._OWN_TABLES, *ddl])
    assert not [word for word in ("timestamp", "now()", "interval", "current_time") if word in statements.lower()]


async def test_a_delete_waits_for_a_row_that_was_renewed_long_ago(
    answering: PostgresStore, remembering: PostgresStore, proxy: Proxy
) -> None:
    """The row of a node that is cut off may look old while its lease still lasts."""
    proxy.cut()
    await answering.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
    assert await accepted(remembering) is None


async def test_positions_in_a_lost_history_are_ignored(
    answering: PostgresStore, remembering: PostgresStore, proxy: Proxy, postgres_url: str
) -> None:
    """This happens after a point-in-time recovery: the database has fewer entries than the nodes have followed."""
    connection = await asyncpg.connect(postgres_url)
    try:
        nodes = [node for (node,) in await connection.fetch("SELECT id FROM nodes")]
        assert len(nodes) == 2
        for node in nodes:
            await connection.execute("SELECT pg_notify('sunshine_keys_followed', $1)", f"{node} 1000000")
        await answering.credential("int_1")  # it has now received the notifications
        proxy.is_silent = True
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sunshine-keys'"
        )
        for store in (answering, remembering):
            assert await store.credential("int_1") is not None
        proxy.cut()
        await answering.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
        assert await accepted(remembering) is None
    finally:
        await connection.close()


def test_a_row_is_dead_once_it_is_unchanged_for_longer_than_a_lease() -> None:
    heartbeats = Heartbeats()
    lease = LEASE_SECONDS * CLOCK_MARGIN
    assert heartbeats.silent([("a", 1), ("b", 1)], 100.0) == []
    assert heartbeats.silent([("a", 1), ("b", 2)], 99.9 + lease) == []
    assert heartbeats.silent([("a", 1), ("b", 2)], 100.1 + lease) == [("a", 1)]
    assert heartbeats.silent([("b", 3)], 200.0) == []
    assert heartbeats.silent([("a", 1), ("b", 4)], 300.0) == []  # the row is new again
