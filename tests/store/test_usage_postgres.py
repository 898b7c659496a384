"""Usage counts on PostgreSQL wait for no change, no standby and no other node."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest
from support.pg_proxy import Proxy
from support.postgres import Postgres, running
from support.stores import filled, open_postgres

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.usage import KeyHour, Usage, usage_of
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.postgres import connections, schema

HOUR = int(time.time()) // 3600 * 3600


def used(key_id: str) -> KeyHour:
    return KeyHour(key_id, HOUR, 1, HOUR + 1.0, "192.0.2.7")


async def test_a_key_that_is_being_deleted_is_folded_only_if_it_stays(postgres: Postgres, postgres_url: str) -> None:
    """The table of last uses refers to the keys, so folding must neither wait for the deletion nor lose the last use."""
    now = int(time.time()) // 3600 * 3600
    early = now - 2 * 3600
    async with filled(lambda: open_postgres(postgres_url)) as store:
        deleting = await asyncpg.connect(postgres_url)
        for end in ("ROLLBACK", "COMMIT"):
            await deleting.execute("BEGIN")
            await deleting.execute("DELETE FROM keys WHERE id = 'int_1'")
            counts = [KeyHour(id, hour, 1, hour + 1.0, "192.0.2.7") for id, hour in (("int_1", early), ("app_1", now))]
            await store.count_usage(counts)
            assert await store.rows("SELECT key_id FROM key_uses") == []
            await deleting.execute(end)
            if end == "ROLLBACK":
                await store.count_usage([])
                assert await store.rows("SELECT key_id, used FROM key_uses") == [("int_1", early + 1.0)]
                await deleting.execute("DELETE FROM key_uses")
        await store.count_usage([])
        assert (await store.read(usage_of(["app_1", "int_1"], 0))).keys() == {"app_1"}
        assert await store.rows("SELECT count(*) FROM key_use_hours WHERE folded = 0") == [(1,)]
        await deleting.close()


async def test_counting_does_not_wait_for_the_lock_of_changes(postgres: Postgres, postgres_url: str) -> None:
    async with filled(lambda: open_postgres(postgres_url)) as store:
        changing = await asyncpg.connect(postgres_url)
        await changing.execute("BEGIN")
        await changing.execute(f"SELECT pg_advisory_xact_lock({schema.LOCK})")
        await changing.execute("UPDATE keys SET sealed_secret = 'anew'")  # as resealing does
        await store.count_usage([used("int_1")])
        assert await store.read(usage_of(["int_1"], 0)) == {"int_1": Usage(HOUR + 1.0, "192.0.2.7", {HOUR: 1})}
        await changing.execute("ROLLBACK")
        await changing.close()


async def test_counting_does_not_wait_for_a_missing_standby() -> None:
    """A commit that waits for the standby would lock the keys and block their deletion."""
    with running() as server:
        async with filled(lambda: open_postgres(server.url())) as store:
            for statement in ("ALTER SYSTEM SET synchronous_standby_names = 'gone'", "SELECT pg_reload_conf()"):
                await asyncio.to_thread(server.execute, statement)
            for _ in range(1000):
                if await store.rows("SHOW synchronous_standby_names") == [("gone",)]:
                    break
                await asyncio.sleep(0.01)
            await store.count_usage([used("int_1")])
            assert (await store.read(usage_of(["int_1"], 0))).keys() == {"int_1"}
            assert await store.rows("SHOW synchronous_commit") == [("on",)]  # only that statement changes the setting
            for statement in ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"):
                await asyncio.to_thread(server.execute, statement)
            await store.transact(OPERATOR, DeleteKey("a", "i", "int_1"))


async def test_an_unreachable_database_is_a_failure_that_adds_nothing(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.5)
    monkeypatch.setitem(connections._OPTIONS, "command_timeout", 0.5)
    monkeypatch.setitem(connections._OPTIONS, "timeout", 0.5)
    with Proxy(postgres.port).running() as proxy:
        async with filled(lambda: open_postgres(postgres_url.replace(f":{postgres.port}", f":{proxy.port}"))) as store:
            assert await store.read(usage_of(["int_1"], 0)) == {}
            proxy.cut()
            with pytest.raises(StoreUnavailable):
                await store.count_usage([used("int_1")])
            proxy.heal()
            await store.count_usage([used("int_1")])
            assert (await store.read(usage_of(["int_1"], 0)))["int_1"].hours == {HOUR: 1}
