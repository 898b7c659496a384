"""The composition root: settings, the concrete store, the sealing keys, and the engine over them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sunshine_keys.atomic_files import sync_folder
from sunshine_keys.engine import Engine
from sunshine_keys.first_run import another_account_key, initialise
from sunshine_keys.observing.logs import Log
from sunshine_keys.observing.page import MetricsAccess
from sunshine_keys.sealing import sources as sealing_key
from sunshine_keys.sealing.ring import Renewal, sealer_of
from sunshine_keys.sealing.sealer import sealing_key_id
from sunshine_keys.store import Store, StoreError, UnfinishedCopy, copying
from sunshine_keys.store.locations import Location, PostgresUrl, SqliteFile, location
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.sqlite import tables as sqlite_tables
from sunshine_keys.wire.limits import DEFAULT_LIMITS, RateLimits

if TYPE_CHECKING:
    from sunshine_keys.store.postgres import PostgresStore

STORE_FILE = "sunshine-keys.sqlite3"
_USAGE = "SUNSHINE_KEYS_USAGE"
_CONSOLE = "SUNSHINE_KEYS_CONSOLE"


class Settings(msgspec.Struct, frozen=True):
    """`data` is the folder of the sealing keys and, unless `database` says where it is, of the store.

    `sealing` replaces the file of sealing keys in `data`; one of the two has to be there. Requests are logged where
    `log` says how, and there is a page /metrics where `metrics` says who may read it.
    What keys are used for is counted where `usage` is, and there are pages at /console where `console` is.
    """

    data: Path | None
    database: Location | None = None
    sealing: sealing_key.Source | None = None
    rate_limits: RateLimits = DEFAULT_LIMITS
    log: Log | None = None
    metrics: MetricsAccess | None = None
    usage: bool = True
    console: bool = True

    @property
    def location(self) -> Location:
        if self.database is not None:
            return self.database
        assert self.data is not None
        return SqliteFile(self.data / STORE_FILE)

    @classmethod
    def from_environment(cls) -> Settings:
        """Read SUNSHINE_KEYS_DATA, …_DATABASE or …_DATABASE_FILE, and …_SEALING_KEY, …_FILE or …_COMMAND.

        Raises StoreError.
        """
        limits = RateLimits.from_environment(os.environ)
        log, metrics = Log.from_environment(os.environ), MetricsAccess.given(os.environ)
        given = cls.of(os.environ.get("SUNSHINE_KEYS_DATA"), given_database(), limits, log, metrics)
        return msgspec.structs.replace(given, usage=_is_on(_USAGE), console=_is_on(_CONSOLE))

    @classmethod
    def of(
        cls,
        data: str | None,
        database: str | None,
        rate_limits: RateLimits = DEFAULT_LIMITS,
        log: Log | None = None,
        metrics: MetricsAccess | None = None,
    ) -> Settings:
        """Raises StoreError where they do not say where the store and its sealing keys are."""
        place = location(database) if database else None
        sealing = sealing_key.given(os.environ)
        if data:
            folder = Path(data)
        elif isinstance(place, SqliteFile):
            folder = place.path.parent
        elif place is None:
            raise StoreError("say where the store is: --data FOLDER (or SUNSHINE_KEYS_DATA), or --database URL")
        elif sealing is None:
            raise StoreError("say where the sealing key is: --data FOLDER, or SUNSHINE_KEYS_SEALING_KEY_FILE")
        else:
            folder = None
        return cls(folder, place, sealing, rate_limits, log, metrics)

    def environment(self) -> dict[str, str]:
        """What `from_environment` makes these settings of again, together with the variables that are set already.

        A database's URL that came from a file is not repeated.
        """
        named = self.rate_limits.environment() | (self.log.environment() if self.log else {})
        named[_USAGE] = "on" if self.usage else "off"
        named[_CONSOLE] = "on" if self.console else "off"
        if self.data is not None:
            named["SUNSHINE_KEYS_DATA"] = str(self.data.absolute())
        if self.database is not None and self.database.url != given_database():
            named["SUNSHINE_KEYS_DATABASE"] = self.database.url
        return named


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "on") != "off"


def given_database() -> str | None:
    """What SUNSHINE_KEYS_DATABASE or, where that is not set, the file of …_FILE says. Raises StoreError."""
    name = "SUNSHINE_KEYS_DATABASE"
    given, file = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if given or not file:
        return given
    try:
        given = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {name}_FILE: {error}") from error
    if not given:
        raise StoreError(f"{name}_FILE: {file} is empty")
    return given


async def open_engine(settings: Settings) -> Engine:
    """Open the store, making what is missing. Raises StoreError where it, or its sealing keys, cannot be used."""
    sealing = await _prepare(settings)
    source = key_source(settings)
    sealer = sealer_of(source, sealing)
    return Engine(_store(settings.location), sealer, Renewal(sealer, source))


async def open_store(settings: Settings) -> Store:
    """Open the store that is there, without its sealing keys. Raises StoreError."""
    await require_store(settings)
    await _prepare(settings)
    return _store(settings.location)


@asynccontextmanager
async def opened_engine(settings: Settings) -> AsyncGenerator[Engine]:
    """As `open_engine`, for as long as the block runs."""
    engine = await open_engine(settings)
    try:
        yield engine
    finally:
        await engine.store.close()


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncGenerator[Store]:
    """As `open_store`, for as long as the block runs."""
    store = await open_store(settings)
    try:
        yield store
    finally:
        await store.close()


async def require_store(settings: Settings) -> None:
    """Raises StoreError where there is no store, or it cannot be used."""
    if await schema_version(settings.location) == 0:
        raise StoreError(f"there is no store {settings.location}")


async def schema_version(place: Location) -> int:
    """Of the store that is there; 0 where there is none. Raises StoreError."""
    match place:
        case SqliteFile(path):
            return SqliteStore.version(path) if path.is_file() else 0
        case PostgresUrl(url):
            return await _postgres_store().version(url)


async def migrate(settings: Settings) -> tuple[int, int]:
    """Bring the store that is there to this program's schema; the versions before and after. Raises StoreError."""
    await require_store(settings)
    before = await schema_version(settings.location)
    await _prepare(settings)
    return before, await schema_version(settings.location)


async def copy_store(source: Location, target: Location, progress: copying.Progress) -> copying.Copied:
    """Make `target` a copy of `source`, or bring over what has changed since it was one. Raises StoreError."""
    if await schema_version(source) == 0:
        raise StoreError(f"there is no store {source}")
    await _prepare(Settings(None, source))
    with suppress(UnfinishedCopy):
        await _prepare(Settings(None, target))
    return await copying.copy((_tables(source, snapshot=True), _tables(target, snapshot=False)), progress)


def _tables(place: Location, *, snapshot: bool) -> AbstractAsyncContextManager[Any]:
    match place:
        case SqliteFile(path):
            return sqlite_tables.opened(path, snapshot=snapshot)
        case PostgresUrl(url):
            from sunshine_keys.store.postgres import tables

            return tables.opened(url, snapshot=snapshot)


def _store(place: Location) -> Store:
    match place:
        case SqliteFile(path):
            return SqliteStore(path)
        case PostgresUrl(url):
            return _postgres_store()(url)


async def _prepare(settings: Settings) -> Sealing | None:
    """Make the store where it is missing, bring it up to date; which keys its secrets are sealed under."""
    match settings.location:
        case SqliteFile():
            return SqliteStore.prepare(make_store(settings))
        case PostgresUrl(url):
            _make_folder(settings)
            return await _postgres_store().prepare(url)


def _postgres_store() -> type[PostgresStore]:
    try:
        from sunshine_keys.store.postgres import PostgresStore
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is missing; install this package with its extra `postgres`") from None
    return PostgresStore


def make_store(settings: Settings) -> Path:
    """Make the file of a store on SQLite, empty, and its folder where they are missing. Raises StoreError."""
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
    """The file of a store on SQLite. Raises StoreError where it is on PostgreSQL."""
    match settings.location:
        case SqliteFile(path):
            return path
        case PostgresUrl():
            raise StoreError("this is for a store on SQLite: PostgreSQL has its own tools, such as pg_dump")


def sqlite_file(settings: Settings) -> Path:
    """The file of the store on SQLite that is there. Raises StoreError."""
    path = store_path(settings)
    if not path.is_file():
        raise StoreError(f"there is no store {path.absolute()}")
    return path


def require_sealing_keys(settings: Settings, needed: list[str]) -> None:
    """Raises StoreError where secrets are sealed under keys that are not at hand."""
    source = key_source(settings)
    lacking = set(needed) - {sealing_key_id(key) for key in source.read()}
    if lacking:
        raise StoreError(
            f"its secrets are sealed under {', '.join(sorted(lacking))}, which is not at hand: add that sealing key to "
            f"{source.name}, or name its file in SUNSHINE_KEYS_SEALING_KEY_FILE"
        )


def key_source(settings: Settings) -> sealing_key.Source:
    """Where the ring of sealing keys is."""
    if settings.sealing is not None:
        return settings.sealing
    assert settings.data is not None
    return sealing_key.FolderFile(settings.data)


def first_run(settings: Settings, *, sample: bool = False, new_account_key: bool = False) -> dict[str, Any] | None:
    """Make an empty store's first objects, or another account key, and return them with their secrets.

    None, changing nothing, where the store is not empty. Raises StoreError.
    """

    async def run() -> dict[str, Any] | None:
        async with opened_engine(settings) as engine:
            return await another_account_key(engine) if new_account_key else await initialise(engine, sample=sample)

    return asyncio.run(run())
