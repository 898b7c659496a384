"""The composition root: settings, the concrete store, the sealing key, and the ASGI application over them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import msgspec

from sunshine_keys import sealing_key
from sunshine_keys.drafts import sync_folder
from sunshine_keys.http.application import Application
from sunshine_keys.http.limits import DEFAULT_LIMITS, RateLimits
from sunshine_keys.secrets import sealing_key_id
from sunshine_keys.service.engine import Engine
from sunshine_keys.service.first_run import another_account_key, initialise
from sunshine_keys.service.ring import Renewal, sealer_of
from sunshine_keys.store import Store, StoreError
from sunshine_keys.store.sqlite import SqliteStore

STORE_FILE = "sunshine-keys.sqlite3"


class Settings(msgspec.Struct, frozen=True):
    """`data` is the folder of the sealing key and, unless `database` names another file, of the store.

    `sealing` replaces the file of sealing keys in `data`.
    """

    data: Path
    database: Path | None = None
    sealing: sealing_key.Source | None = None
    rate_limits: RateLimits = DEFAULT_LIMITS

    @classmethod
    def from_environment(cls) -> Settings:
        """Read SUNSHINE_KEYS_DATA, …_DATABASE and …_SEALING_KEY, …_FILE or …_COMMAND. Raises StoreError."""
        limits = RateLimits.from_environment(os.environ)
        return cls.of(os.environ.get("SUNSHINE_KEYS_DATA"), os.environ.get("SUNSHINE_KEYS_DATABASE"), limits)

    @classmethod
    def of(cls, data: str | None, database: str | None, rate_limits: RateLimits = DEFAULT_LIMITS) -> Settings:
        """Raises StoreError where they do not say where the store is."""
        path = database_path(database) if database else None
        if data:
            folder = Path(data)
        elif path:
            folder = path.parent
        else:
            raise StoreError("say where the store is: --data FOLDER (or SUNSHINE_KEYS_DATA), or --database URL")
        return cls(folder, path, sealing_key.given(os.environ), rate_limits)

    def environment(self) -> dict[str, str]:
        """What `from_environment` makes these settings of again; the sealing key's variables stay as they are."""
        named = {"SUNSHINE_KEYS_DATA": str(self.data.absolute()), **self.rate_limits.environment()}
        if self.database is not None:
            named["SUNSHINE_KEYS_DATABASE"] = f"sqlite:{self.database.absolute()}"
        return named


def database_path(url: str) -> Path:
    """The file of an `sqlite:` URL: sqlite:///absolute/path or sqlite:relative/path. Raises StoreError."""
    scheme, colon, rest = url.partition(":")
    path = "/" + rest.lstrip("/") if rest.startswith("//") else rest
    if not colon or scheme != "sqlite" or not path.strip("/") or path.rpartition("/")[2].startswith(":"):
        raise StoreError("--database should be a URL such as sqlite:///path/to/file: SQLite, by an absolute path")
    return Path(path)


def store_path(settings: Settings) -> Path:
    """The file of the store."""
    return settings.database or settings.data / STORE_FILE


def open_engine(settings: Settings) -> Engine:
    """Open the store, making what is missing. Raises StoreError where it, or its sealing key, cannot be used."""
    path = make_store(settings)
    sealing = SqliteStore.prepare(path)
    source = key_source(settings)
    sealer = sealer_of(source, sealing)
    return Engine(SqliteStore(path), sealer, Renewal(sealer, source))


def make_store(settings: Settings) -> Path:
    """Make the store's file, empty, and its folder where they are missing. Raises StoreError."""
    path = store_path(settings)
    if settings.data.exists() and not settings.data.is_dir():
        raise StoreError(f"{settings.data} is not a folder")
    if settings.database is not None and not path.parent.is_dir():
        raise StoreError(f"there is no folder {path.parent} for the database")
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write the store {path}: {error.strerror}") from error
    return path


def open_store(settings: Settings) -> Store:
    """Open the store that is there, without its sealing key. Raises StoreError."""
    path = sqlite_file(settings)
    SqliteStore.prepare(path)
    return SqliteStore(path)


def sqlite_file(settings: Settings) -> Path:
    """The file of the store that is there. Raises StoreError."""
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
            f"its secrets are sealed under {', '.join(sorted(lacking))}, which is not at hand: put that sealing key in "
            f"{settings.data / sealing_key.FILE_NAME}, or name its file in SUNSHINE_KEYS_SEALING_KEY_FILE"
        )


def key_source(settings: Settings) -> sealing_key.Source:
    """Where the ring of sealing keys is."""
    return settings.sealing or sealing_key.FolderFile(settings.data)


def first_run(settings: Settings, *, sample: bool = False, new_account_key: bool = False) -> dict[str, Any] | None:
    """Make an empty store's first objects, or another account key, and return them with their secrets.

    None, changing nothing, where the store is not empty. Raises StoreError.
    """

    async def run() -> dict[str, Any] | None:
        engine = open_engine(settings)
        try:
            return await another_account_key(engine) if new_account_key else await initialise(engine, sample=sample)
        finally:
            await engine.store.close()

    return asyncio.run(run())


class Service:
    """The ASGI callable: opens the engine as the server starts and closes it as it stops."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._application: Application | None = None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if self._application is not None and scope["type"] == "http":
            await self._application(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(
        self, receive: Callable[[], Awaitable[Any]], send: Callable[[MutableMapping[str, Any]], Awaitable[None]]
    ) -> None:
        await receive()
        try:
            engine = open_engine(self._settings)
        except StoreError as error:
            await send({"type": "lifespan.startup.failed", "message": f"sunshine-keys: {error}"})
            return
        self._application = Application(engine, limits=self._settings.rate_limits)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._application.close()
        await engine.store.close()
        await send({"type": "lifespan.shutdown.complete"})
