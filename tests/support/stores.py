"""The stores that their suite runs on, one entry a kind, and what it keeps in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.model import App
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import Key
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.changes import Initialise
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.webhooks.model import Webhook

STORES = ("sqlite", "postgres")
Open = Callable[[], Awaitable[Store]]
Test = Callable[[Store], Awaitable[None]]


S = TypeVar("S", bound=Store)


@asynccontextmanager
async def opened(open_store: Callable[[], Awaitable[S]]) -> AsyncIterator[S]:
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


async def open_sqlite(path: Path) -> SqliteStore:
    SqliteStore.prepare(path)
    return SqliteStore(path)


async def open_postgres(url: str) -> PostgresStore:
    await PostgresStore.prepare(url)
    return PostgresStore(url)


def on_store(open_store: Callable[[], Awaitable[S]], test: Callable[[S], Awaitable[None]]) -> None:
    """Run a test on a store that holds the same."""

    async def run() -> None:
        async with opened(open_store) as store:
            await fill(store)
            await test(store)

    asyncio.run(run())


def on_postgres(url: str, test: Callable[[PostgresStore], Awaitable[None]]) -> None:
    on_store(lambda: open_postgres(url), test)
