"""Neither the database's clock nor a lost history shortens the wait of a DELETE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.stores import entered, filled, open_postgres, remember

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.postgres.heartbeats import MOST_GAP, SILENT_SECONDS, Heartbeats
from sunshine_keys.store.postgres.remembered import CLOCK_MARGIN, LEASE_SECONDS
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
            await remember(store, "int_1")
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
    own = [lease._FOLLOW, lease._READ, lease._REGISTER, lease._RENEW, lease._NODES, lease._LEAVE, lease._BURY]
    statements = " ".join([*own, schema._OWN_TABLES, *ddl])
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
    """A node may report what it read just before the database was set back, even after the DELETE has begun to wait."""
    connection = await asyncpg.connect(postgres_url)
    try:
        nodes = [node for (node,) in await connection.fetch("SELECT id FROM nodes")]
        assert len(nodes) == 2
        proxy.cut()
        deleting = asyncio.create_task(answering.transact(OPERATOR, DeleteKey("a", "i", "int_1")))
        entries = 1
        while entries == 1:
            entries = await connection.fetchval("SELECT count(*) FROM audit")
        while not deleting.done():
            for node in nodes:
                for sequence in (entries, 1000000):
                    report = f"{node} {sequence} {bytes(32).hex()}"
                    await connection.execute("SELECT pg_notify('sunshine_keys_followed', $1)", report)
            await asyncio.sleep(0.02)
        await deleting
        assert await accepted(remembering) is None
    finally:
        await connection.close()


LEASE = LEASE_SECONDS * CLOCK_MARGIN


def observed(rows: list[tuple[str, int]], *times: float) -> Heartbeats:
    """The heartbeats of a node that read the same rows at these times."""
    heartbeats = Heartbeats()
    for time in times:
        assert heartbeats.read(rows, time, time) == []
    return heartbeats


def test_a_row_is_dead_once_it_is_unchanged_for_longer_than_its_last_lease_can_last() -> None:
    times = [100.0 + number / 2 for number in range(12)]
    heartbeats = observed([("a", 1)], *times)
    later = 100.1 + SILENT_SECONDS
    assert heartbeats.read([("a", 1), ("b", 2)], later, later) == [("a", 1)]
    assert heartbeats.read([("a", 2), ("b", 2)], later + 0.5, later + 0.5) == []  # the row is alive after all


def test_a_gap_between_reads_proves_nothing_about_a_row() -> None:
    """The row may have been renewed in the gap, and then set back."""
    heartbeats = observed([("a", 1)], 100.0, 100.5)
    assert heartbeats.read([("a", 1)], 100.6 + SILENT_SECONDS, 100.6 + SILENT_SECONDS) == []


def test_a_new_node_waits_for_leases_whose_rows_may_be_lost() -> None:
    assert observed([("a", 1)], 100.0).leases(["a"], 100.1) == {"a": 100.1 + LEASE, "": 100.0 + LEASE}
    assert observed([], 100.0, 100.9, 101.8).leases([], 102.1) == {"": 100.0 + LEASE}
    assert observed([], 100.0, 100.9, 101.8).leases([], 102.3) == {}
    assert observed([], 100.0, 101.5).leases([], 102.3) == {"": 101.5 + LEASE}
    assert observed([], 100.0, 100.9, 101.8).leases([], 103.0) == {"": 103.0 + LEASE}
    assert Heartbeats().leases([], 100.0) == {"": 100.0 + LEASE}


def test_a_row_that_vanished_is_waited_for_until_its_lease_has_ended() -> None:
    heartbeats = observed([("a", 1)], 100.0, 100.9, 101.8)
    assert heartbeats.read([], 102.5, 102.5) == []
    assert heartbeats.leases([], 102.6) == {"a": 101.8 + (MOST_GAP + LEASE_SECONDS) * CLOCK_MARGIN}
    heartbeats.remove("a")
    assert heartbeats.leases([], 102.7) == {}
