"""The database is set back, or changed directly in SQL, under nodes that remember keys."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.stores import fill, filled, key, open_postgres, open_sqlite, remember

from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import NotFound, StoreUnavailable
from sunshine_keys.integrations.changes import DeleteIntegration
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.postgres import PostgresStore

DELETE = DeleteKey("a", "i", "int_1")


class Pair:
    """A node that answers, and another one behind a proxy, on one database."""

    def __init__(self, postgres: Postgres, url: str, proxy: Proxy) -> None:
        self.postgres = postgres
        self.url = url
        self.schema = url.rpartition("=")[2]
        self.proxy = proxy
        self.answering = PostgresStore(url, CATALOG)
        self.remembering = PostgresStore(url.replace(f":{postgres.port}/", f":{proxy.port}/"), CATALOG)

    async def dump(self) -> Path:
        return await asyncio.to_thread(self.postgres.dump, self.url)

    async def restore(self, file: Path, *, reconnect: bool = False) -> None:
        await asyncio.to_thread(self.postgres.restore, file)
        if reconnect:
            nodes = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sunshine-keys'"
            await self.execute(nodes)

    async def execute(self, sql: str) -> None:
        await asyncio.to_thread(self.postgres.execute, sql.format(schema=self.schema))


@contextlib.asynccontextmanager
async def pair(postgres: Postgres, url: str) -> AsyncIterator[Pair]:
    with Proxy(postgres.port).running() as proxy:
        await PostgresStore.prepare(url, CATALOG)
        nodes = Pair(postgres, url, proxy)
        try:
            yield nodes
        finally:
            proxy.heal()
            for store in (nodes.answering, nodes.remembering):
                await store.close()


async def accepted(store: Store, key_id: str = "int_1") -> Key | None:
    try:
        key_now: Key | None = await store.credential(key_id)
    except StoreUnavailable:
        return None
    return key_now


async def refused(store: Store, key_id: str = "int_1") -> None:
    """Return once the store refuses the key. It has to do so without any DELETE."""
    deadline = time.monotonic() + 30
    while await accepted(store, key_id) is not None:
        assert time.monotonic() < deadline, "the key is still accepted"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("reconnect", [False, True], ids=["connected", "reconnected"])
@pytest.mark.parametrize("changes", [1, 20])
@pytest.mark.parametrize("is_read_late", [False, True], ids=["read before", "read after"])
async def test_a_delete_counts_after_the_database_was_set_back(
    postgres: Postgres, postgres_url: str, changes: int, reconnect: bool, is_read_late: bool
) -> None:
    """The nodes have followed, or only read, entries that are lost: the DELETE has the number of such an entry, or less."""
    async with pair(postgres, postgres_url) as nodes:
        await fill(nodes.answering)
        both = nodes.answering, nodes.remembering
        if not is_read_late:
            for store in both:
                await remember(store, "int_1")
        dump = await nodes.dump()
        for number in range(changes):
            await nodes.answering.transact(OPERATOR, CreateKey(key(f"act_new{number}", Scope.ACCOUNT, None, None)))
        for store in both:
            await remember(store, f"act_new{changes - 1}")
            if is_read_late:
                await remember(store, "int_1")
        await nodes.restore(dump, reconnect=reconnect)
        while True:
            try:
                await nodes.answering.transact(OPERATOR, DELETE)
                break
            except StoreUnavailable:
                assert reconnect
        for store in both:
            assert await accepted(store) is None
            await refused(store, f"act_new{changes - 1}")
            assert await accepted(store) is None


@pytest.mark.parametrize("reconnect", [False, True], ids=["connected", "reconnected"])
async def test_no_key_is_accepted_after_all_entries_are_lost(
    postgres: Postgres, postgres_url: str, reconnect: bool
) -> None:
    async with pair(postgres, postgres_url) as nodes:
        dump = await nodes.dump()
        await fill(nodes.answering)
        for store in (nodes.answering, nodes.remembering):
            await remember(store, "int_1")
        await nodes.restore(dump, reconnect=reconnect)
        for store in (nodes.answering, nodes.remembering):
            await refused(store)


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after a renewal"])
async def test_a_node_whose_row_is_lost_is_waited_for(postgres: Postgres, postgres_url: str, later: bool) -> None:
    """The dump is from before the node's start, so its row is missing while its lease lasts."""
    async with pair(postgres, postgres_url) as nodes:
        await fill(nodes.answering)
        await remember(nodes.answering, "int_1")
        dump = await nodes.dump()
        await remember(nodes.remembering, "int_1")
        nodes.proxy.cut()
        await nodes.restore(dump)
        if later:
            await nodes.answering._lease.read("")  # type: ignore[union-attr]  # this renews the lease
        await nodes.answering.transact(OPERATOR, DELETE)
        assert await accepted(nodes.remembering) is None


async def test_a_new_node_waits_for_nodes_whose_rows_are_lost(postgres: Postgres, postgres_url: str) -> None:
    async with pair(postgres, postgres_url) as nodes:
        await fill(nodes.answering)
        dump = await nodes.dump()
        await remember(nodes.remembering, "int_1")
        nodes.proxy.cut()
        await nodes.restore(dump)
        await nodes.execute("DELETE FROM {schema}.nodes")
        async with contextlib.AsyncExitStack() as stack:
            new = PostgresStore(postgres_url, CATALOG)
            stack.push_async_callback(new.close)
            await new.transact(OPERATOR, DELETE)
            assert await accepted(nodes.remembering) is None


async def test_a_delete_that_finds_nothing_makes_every_node_forget_the_key(
    postgres: Postgres, postgres_url: str
) -> None:
    async with pair(postgres, postgres_url) as nodes:
        await fill(nodes.answering)
        await nodes.answering.transact(OPERATOR, CreateKey(key("int_2")))
        both = nodes.answering, nodes.remembering
        removals = {
            "int_1": ("DELETE FROM {schema}.keys WHERE id = 'int_1'", DELETE),
            "int_2": ("DELETE FROM {schema}.integrations", DeleteIntegration("a", "i")),
        }
        for key_id, (sql, change) in removals.items():
            for store in both:
                await remember(store, key_id)
            await nodes.execute(sql)
            with pytest.raises(NotFound):
                await nodes.answering.transact(OPERATOR, change)
            for store in both:
                assert await accepted(store, key_id) is None


async def test_a_change_in_sql_that_resets_the_rows_of_nodes_is_followed(postgres: Postgres, postgres_url: str) -> None:
    async with pair(postgres, postgres_url) as nodes:
        await fill(nodes.answering)
        both = nodes.answering, nodes.remembering
        for store in both:
            await remember(store, "int_1")
        await nodes.execute("BEGIN; DELETE FROM {schema}.keys; UPDATE {schema}.nodes SET renewals = 0; COMMIT")
        for store in both:
            await refused(store)


async def test_a_change_in_sql_is_seen_at_once_on_sqlite(tmp_path: Path) -> None:
    import sqlite3

    async with filled(lambda: open_sqlite(tmp_path / "store")) as store:
        assert await store.credential("int_1") == key("int_1")
        with contextlib.closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
            connection.execute("DELETE FROM keys WHERE id = 'int_1'")
        await asyncio.sleep(0)
        assert await store.credential("int_1") is None


async def test_an_unknown_id_is_read_once_and_accepted_after_its_creation(
    postgres: Postgres, postgres_url: str
) -> None:
    async with filled(lambda: open_postgres(postgres_url)) as store:
        await remember(store, "int_1")
        assert await store.credential("int_2") is None
        assert store._lease is not None
        store._lease._wanted = None  # type: ignore[assignment]  # any read would fail now
        for _ in range(100):
            assert await store.credential("int_2") is None
        store._lease._wanted = {}
        await store.transact(OPERATOR, CreateKey(key("int_2")))
        deadline = time.monotonic() + 30
        while await store.credential("int_2") is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
