"""A DELETE whose answer was lost is sent again: when it answers that the key is missing, no node accepts the key."""

from __future__ import annotations

import asyncio

import pytest
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.stores import fill, remember

from sunshine_keys.errors import NotFound
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.table import KEYS
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.postgres import PostgresStore


async def test_a_delete_of_a_missing_key_waits_for_the_nodes(postgres: Postgres, postgres_url: str) -> None:
    with Proxy(postgres.port).running() as deaf:
        await PostgresStore.prepare(postgres_url, CATALOG)
        first, second = PostgresStore(postgres_url, CATALOG), PostgresStore(postgres_url, CATALOG)
        third = PostgresStore(postgres_url.replace(f":{postgres.port}/", f":{deaf.port}/"), CATALOG)
        try:
            await fill(first)
            await remember(third, "int_1")
            deaf.is_silent = True
            lost = asyncio.ensure_future(first.transact(OPERATOR, DeleteKey("a", "i", "int_1")))
            for _ in range(10_000):
                if await second.get(KEYS, "int_1") is None:
                    break
            with pytest.raises(NotFound):
                await second.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
            assert await third.credential("int_1") is None
            await lost
        finally:
            for store in (first, second, third):
                await store.close()
