"""The composition root: the concrete store, its sealing keys, and the engine over them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sunshine_keys.atomic_files import sync_folder
from sunshine_keys.engine import Engine
from sunshine_keys.first_run import another_account_key, initialise
from sunshine_keys.resources import CATALOG
from sunshine_keys.sealing import sources
from sunshine_keys.sealing.ring import KeyRingReloader, sealer_of
from sunshine_keys.sealing.sealer import sealing_key_id
from sunshine_keys.settings import Settings
from sunshine_keys.store import Store, StoreError, UnfinishedCopy, copying
from sunshine_keys.store.locations import Location, PostgresUrl, SqliteFile
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.sqlite import copy_side as sqlite_copy_side

if TYPE_CHECKING:
    from sunshine_keys.store.postgres import PostgresStore


async def open_engine(settings: Settings) -> Engine:
    """Open the store, and create it if it is missing. Raises StoreError if the store or its sealing keys cannot be used."""
    sealing = await _prepare(settings)
    source = key_source(settings)
    sealer = sealer_of(source, sealing)
    return Engine(_store(settings.location), sealer, KeyRingReloader(sealer, source))


async def open_store(settings: Settings) -> Store:
    """Open an existing store, without its sealing keys. Raises StoreError."""
    await require_store(settings)
    await _prepare(settings)
    return _store(settings.location)


@asynccontextmanager
async def opened_engine(settings: Settings) -> AsyncGenerator[Engine]:
    """Open an engine as `open_engine` does, and close it after the block."""
    engine = await open_engine(settings)
    try:
        yield engine
    finally:
        await engine.store.close()


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncGenerator[Store]:
    """Open a store as `open_store` does, and close it after the block."""
    store = await open_store(settings)
    try:
        yield store
    finally:
        await store.close()


async def require_store(settings: Settings) -> None:
    """Raise StoreError if the store is missing or cannot be used."""
    if await schema_version(settings.location) == 0:
        raise StoreError(f"there is no store {settings.location}")


async def schema_version(place: Location) -> int:
    """Return the schema version of the store; 0 if there is no store. Raises StoreError."""
    match place:
        case SqliteFile(path):
            return SqliteStore.version(path, CATALOG) if path.is_file() else 0
        case PostgresUrl(url):
            return await _postgres_store().version(url, CATALOG)


async def migrate(settings: Settings) -> tuple[int, int]:
    """Upgrade an existing store to this program's schema. Return the versions before and after. Raises StoreError."""
    await require_store(settings)
    before = await schema_version(settings.location)
    await _prepare(settings)
    return before, await schema_version(settings.location)


async def copy_store(source: Location, target: Location, progress: copying.Progress) -> copying.Copied:
    """Make `target` a copy of `source`. If it is an earlier copy, write only what has changed since. Raises StoreError."""
    if await schema_version(source) == 0:
        raise StoreError(f"there is no store {source}")
    await _prepare(Settings(None, source))
    with suppress(UnfinishedCopy):
        await _prepare(Settings(None, target))
    sides = copy_side(source, snapshot=True), copy_side(target, snapshot=False)
    return await copying.copy(sides, CATALOG.copied, progress)


def copy_side(place: Location, *, snapshot: bool) -> AbstractAsyncContextManager[Any]:
    """Open one side of a copy.

    With `snapshot`, this is the source, as it is now. Without it, this is the target, locked against other copies.
    """
    match place:
        case SqliteFile(path):
            return sqlite_copy_side.opened(path, snapshot=snapshot)
        case PostgresUrl(url):
            from sunshine_keys.store.postgres import copy_side as postgres_copy_side

            return postgres_copy_side.opened(url, snapshot=snapshot)


def _store(place: Location) -> Store:
    match place:
        case SqliteFile(path):
            return SqliteStore(path, CATALOG)
        case PostgresUrl(url):
            return _postgres_store()(url, CATALOG)


async def _prepare(settings: Settings) -> Sealing | None:
    """Create the store if it is missing, upgrade its schema, and return the record of its sealing keys."""
    match settings.location:
        case SqliteFile():
            return SqliteStore.prepare(make_store(settings), CATALOG)
        case PostgresUrl(url):
            _make_folder(settings)
            return await _postgres_store().prepare(url, CATALOG)


def _postgres_store() -> type[PostgresStore]:
    try:
        from sunshine_keys.store.postgres import PostgresStore
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is missing; install this package with its extra `postgres`") from None
    return PostgresStore


def make_store(settings: Settings) -> Path:
    """Create an empty file for a store on SQLite, and its folder, if they are missing. Raises StoreError."""
    path = store_path(settings)
    if settings.database is not None and not path.parent.is_dir():
        raise StoreError(f"there is no folder {path.parent} for the database")
    _make_folder(settings)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write the store {path}: {error.strerror}") from error
    return path


def _make_folder(settings: Settings) -> None:
    if settings.data is None:
        return
    if settings.data.exists() and not settings.data.is_dir():
        raise StoreError(f"{settings.data} is not a folder")
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {settings.data}: {error.strerror}") from error


def store_path(settings: Settings) -> Path:
    """Return the path of a store on SQLite. Raises StoreError if the store is on PostgreSQL."""
    match settings.location:
        case SqliteFile(path):
            return path
        case PostgresUrl():
            raise StoreError("this is for a store on SQLite: PostgreSQL has its own tools, such as pg_dump")


def sqlite_file(settings: Settings) -> Path:
    """Return the path of an existing store on SQLite. Raises StoreError."""
    path = store_path(settings)
    if not path.is_file():
        raise StoreError(f"there is no store {path.absolute()}")
    return path


def require_sealing_keys(settings: Settings, needed: list[str]) -> None:
    """Raise StoreError if secrets are sealed under keys that the source does not hold."""
    source = key_source(settings)
    missing = set(needed) - {sealing_key_id(key) for key in source.read()}
    if missing:
        raise StoreError(
            f"its secrets are sealed under {', '.join(sorted(missing))}, which is not at hand: add that sealing key to "
            f"{source.name}, or name its file in SUNSHINE_KEYS_SEALING_KEY_FILE"
        )


def key_source(settings: Settings) -> sources.Source:
    """Return the source of the sealing keys."""
    if settings.sealing is not None:
        return settings.sealing
    assert settings.data is not None
    return sources.FolderFile(settings.data)


def first_run(settings: Settings, *, sample: bool = False, new_account_key: bool = False) -> dict[str, Any] | None:
    """Create an empty store's first objects, or another account key, and return them with their secrets.

    Return None and change nothing if the store is not empty. Raises StoreError.
    """

    async def run() -> dict[str, Any] | None:
        async with opened_engine(settings) as engine:
            return await another_account_key(engine) if new_account_key else await initialise(engine, sample=sample)

    return asyncio.run(run())
