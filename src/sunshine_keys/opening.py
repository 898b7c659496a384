"""Opening of stores: the concrete store at a location, its file, its schema, and the source of its sealing keys."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sunshine_keys.atomic_files import sync_folder
from sunshine_keys.resources import CATALOG
from sunshine_keys.sealing import sources
from sunshine_keys.sealing.sealer import sealing_key_id
from sunshine_keys.settings import Settings
from sunshine_keys.store import Store, StoreError
from sunshine_keys.store.locations import Location, PostgresUrl, SqliteFile
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.table import Catalog

if TYPE_CHECKING:
    from sunshine_keys.store.postgres import PostgresStore


async def open_store(settings: Settings, *, read_only: bool = False) -> Store:
    """Open an existing store, without its sealing keys. Raises StoreError.

    With `read_only`, its schema is not upgraded, and nothing can be written.
    """
    await require_store(settings)
    if not read_only:
        await prepare(settings)
        return store_at(settings.location)
    store = store_at(settings.location, read_only=True)
    try:
        await store.sealing()  # refuses an unfinished copy
    except BaseException:
        await store.close()
        raise
    return store


@asynccontextmanager
async def opened_store(settings: Settings, *, read_only: bool = False) -> AsyncGenerator[Store]:
    """Open a store as `open_store` does, and close it after the block."""
    store = await open_store(settings, read_only=read_only)
    try:
        yield store
    finally:
        await store.close()


async def require_store(settings: Settings) -> None:
    """Raise StoreError if the store is missing or cannot be used."""
    if await schema_version(settings.location) == 0:
        raise StoreError(f"there is no store {settings.location}")


async def schema_version(place: Location, catalog: Catalog = CATALOG) -> int:
    """Return the schema version of the store; 0 if there is no store. Raises StoreError."""
    match place:
        case SqliteFile(path):
            return SqliteStore.version(path, catalog) if path.is_file() else 0
        case PostgresUrl(url):
            return await _postgres_store().version(url, catalog)


def store_at(place: Location, catalog: Catalog = CATALOG, *, read_only: bool = False) -> Store:
    """Return the store at a location that has been prepared. With `read_only`, nothing can be written."""
    match place:
        case SqliteFile(path):
            return SqliteStore(path, catalog, read_only=read_only)
        case PostgresUrl(url):
            return _postgres_store()(url, catalog, read_only=read_only)


async def prepare(settings: Settings) -> Sealing | None:
    """Create the store if it is missing, upgrade its schema, and return the record of its sealing keys. Raises StoreError."""
    match settings.location:
        case SqliteFile():
            make_store(settings)
        case PostgresUrl():
            _make_folder(settings)
    return await prepare_at(settings.location)


async def prepare_at(place: Location, catalog: Catalog = CATALOG) -> Sealing | None:
    """Create the tables of the store if they are missing, or upgrade its schema. A file has to exist. Raises StoreError."""
    match place:
        case SqliteFile(path):
            return SqliteStore.prepare(path, catalog)
        case PostgresUrl(url):
            return await _postgres_store().prepare(url, catalog)


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
    create_file(path)
    return path


def create_file(path: Path) -> None:
    """Create an empty file that only its owner can read, unless it exists. Raises StoreError."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write the store {path}: {error.strerror}") from error


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
