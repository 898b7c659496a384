"""The stores that their suite runs on, one entry a kind, and what it keeps in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sunshine_keys.models import App, Integration, Key, Scope, Webhook
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.changes import Initialise
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore

STORES = ("sqlite", "postgres")
Open = Callable[[], Awaitable[Store]]
Test = Callable[[Store], Awaitable[None]]


@asynccontextmanager
async def opened(open_store: Open) -> AsyncIterator[Store]:
    store = await open_store()
    try:
        yield store
    finally:
        await store.close()


SEALING_KEY_ID = b"seal".hex()
"""What `sealed-…` is sealed under."""

APP = App("a", "An app", {"echoPostback": False}, {"x": 1})
CUSTOM = Integration("i", "a", "custom", {"displayName": "Mine"})
WEB = Integration("w", "a", "web", {})
HOOK = Webhook("h", "i", "https://example.com", ["conversation:message"], True, False, b"sealed-h")


def key(key_id: str, scope: Scope = Scope.INTEGRATION, app: str | None = "a", integration: str | None = "i") -> Key:
    return Key(key_id, scope, app, integration, f"named {key_id}", f"sealed-{key_id}".encode())


ACCOUNT_KEY = key("act_1", Scope.ACCOUNT, None, None)
APP_KEY = key("app_1", Scope.APP, "a", None)
KEY = key("int_1")


async def fill(store: Store) -> None:
    first = Initialise(SEALING_KEY_ID, [APP], [CUSTOM, WEB], [HOOK], [ACCOUNT_KEY, APP_KEY, KEY])
    assert await store.transact(OPERATOR, first) is True


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the test's store, each time anew."""
    path = tmp_path / "store"

    async def open_sqlite() -> Store:
        SqliteStore.prepare(path)
        return SqliteStore(path)

    async def open_postgres() -> Store:
        await PostgresStore.prepare(url)
        return PostgresStore(url)

    if request.param == "sqlite":
        return open_sqlite
    url = request.getfixturevalue("postgres").new_store()
    return open_postgres


@pytest.fixture
def run(open_store: Open) -> Callable[[Test], None]:
    """Runs a test on a store that holds an app `a` with a custom integration `i`, a web integration `w` and a key."""

    def run_test(test: Test) -> None:
        async def with_store() -> None:
            async with opened(open_store) as store:
                await fill(store)
                await test(store)

        asyncio.run(with_store())

    return run_test
