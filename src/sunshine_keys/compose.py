"""The composition root: all operations, and the engine over a store, its sealing keys and its conversation plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sunshine_keys.engine import Engine
from sunshine_keys.first_run import another_account_key, initialise, initialise_for_bot
from sunshine_keys.messaging import Messaging, handler, messaging_version, prepare_messaging
from sunshine_keys.opening import key_source, prepare, require_store, schema_version, store_at
from sunshine_keys.resources import OPERATIONS as KEY_OPERATIONS
from sunshine_keys.sealing.ring import KeyRingReloader, sealer_of
from sunshine_keys.settings import Settings
from sunshine_keys.wire.operation import messaging_operations
from sunshine_keys.wire.router import Router

if TYPE_CHECKING:
    from sunshine_messaging.plane import DeliverySettings

OPERATIONS = [*KEY_OPERATIONS, *messaging_operations(handler)]
ROUTER = Router(OPERATIONS)


async def open_engine(
    settings: Settings,
    *,
    read_only: bool = False,
    delivery: Callable[[], DeliverySettings] | None = None,
    files_in_database: bool = False,
) -> Engine:
    """Open the store, and create it if it is missing. Raises StoreError if the store or its sealing keys cannot be used.

    With `read_only`, the store has to exist, its schema is not upgraded, and nothing can be written. `delivery` returns
    what replaces the delivery to webhooks over sockets. With `files_in_database`, the store of conversations holds uploaded
    files also on SQLite.
    """
    source = key_source(settings)
    messaging = Messaging(settings, delivery, files_in_database=files_in_database)
    if read_only:
        await require_store(settings)
        store = store_at(settings.location, read_only=True)
        try:
            sealer = sealer_of(source, await store.sealing())
        except BaseException:
            await store.close()
            raise
        return Engine(store, sealer, KeyRingReloader(sealer, source), messaging)
    sealing = await prepare(settings)
    sealer = sealer_of(source, sealing)
    return Engine(store_at(settings.location), sealer, KeyRingReloader(sealer, source), messaging)


@asynccontextmanager
async def opened_engine(settings: Settings, *, read_only: bool = False) -> AsyncGenerator[Engine]:
    """Open an engine as `open_engine` does, and close it after the block."""
    engine = await open_engine(settings, read_only=read_only)
    try:
        yield engine
    finally:
        await engine.close()


class Upgrade(NamedTuple):
    """The schema versions of a store before and after an upgrade."""

    before: int
    after: int


async def migrate(settings: Settings) -> tuple[Upgrade, Upgrade | None]:
    """Upgrade an existing store and, if there are any, its conversations to this program's schema. Raises StoreError."""
    await require_store(settings)
    place = settings.location
    before, messaging_before = await schema_version(place), await messaging_version(place)
    await prepare(settings)
    keys = Upgrade(before, await schema_version(place))
    if messaging_before == 0:
        return keys, None
    await prepare_messaging(place)
    return keys, Upgrade(messaging_before, await messaging_version(place))


def create_first_objects(
    settings: Settings, *, sample: bool = False, new_account_key: bool = False, bot_target: str | None = None
) -> dict[str, Any] | None:
    """Create an empty store's first objects, or another account key, and return them with their secrets.

    With `bot_target`, these are an app and a bot with this webhook. Return None and change nothing if the store is not
    empty. Raises StoreError.
    """

    async def run() -> dict[str, Any] | None:
        async with opened_engine(settings) as engine:
            if new_account_key:
                return await another_account_key(engine)
            if bot_target is not None:
                return await initialise_for_bot(engine, bot_target)
            return await initialise(engine, sample=sample)

    return asyncio.run(run())
