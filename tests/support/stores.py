"""The stores that the store suite runs on, and the objects that it puts into them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.model import App
from sunshine_keys.first_run import Initialise
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import Key
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.webhooks.model import Webhook

STORES = ("sqlite", "postgres")
Open = Callable[[], Awaitable[Store]]


S = TypeVar("S", bound=Store)
T = TypeVar("T")


@asynccontextmanager
async def opened(open_store: Callable[[], Awaitable[S]]) -> AsyncIterator[S]:
    store = await open_store()
    try:
        yield store
    finally:
        await store.close()


SEALING_KEY_ID = b"seal".hex()
"""The id of the key that `sealed-…` stands for."""

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


async def remember(store: Store, key_id: str) -> Key:
    """Use a key until the node on PostgreSQL remembers one more than before. Return the key."""
    assert store.lease is not None
    before = store.lease.remembered
    deadline = time.monotonic() + 30
    while True:
        remembered_key: Key | None = await store.credential(key_id)
        assert remembered_key is not None
        if store.lease.remembered > before:
            return remembered_key
        assert time.monotonic() < deadline, "the node remembers nothing"
        await asyncio.sleep(0.02)


async def open_sqlite(path: Path) -> SqliteStore:
    SqliteStore.prepare(path, CATALOG)
    return SqliteStore(path, CATALOG)


async def open_postgres(url: str) -> PostgresStore:
    await PostgresStore.prepare(url, CATALOG)
    return PostgresStore(url, CATALOG)


@asynccontextmanager
async def filled(open_store: Callable[[], Awaitable[S]]) -> AsyncIterator[S]:
    """Open a store, put the objects above into it, and close it at the end."""
    async with opened(open_store) as store:
        await fill(store)
        yield store


def entered(runner: asyncio.Runner, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Yield once, for a fixture, what `context` yields; enter and leave it in the test's event loop."""
    value = runner.run(_enter(context))
    try:
        yield value
    finally:
        runner.run(_leave(context))


async def _enter(context: AbstractAsyncContextManager[T]) -> T:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[T]) -> None:
    await context.__aexit__(None, None, None)
