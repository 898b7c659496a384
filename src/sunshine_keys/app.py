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
from sunshine_keys.secrets import Sealer
from sunshine_keys.service.engine import Engine
from sunshine_keys.service.first_run import another_account_key, initialise
from sunshine_keys.store import Store, StoreError
from sunshine_keys.store.sqlite import SqliteStore

STORE_FILE = "sunshine-keys.sqlite3"


class Settings(msgspec.Struct, frozen=True):
    """`data` is the folder of the sealing key and, unless `database` names another file, of the store.

    `sealing_key` (32 bytes) replaces the file.
    """

    data: Path
    database: Path | None = None
    sealing_key: bytes | None = None
    rate_limits: RateLimits = DEFAULT_LIMITS

    def __repr__(self) -> str:
        given = "" if self.sealing_key is None else ", sealing_key=…"
        return f"Settings(data={str(self.data)!r}, database={self.database and str(self.database)!r}{given})"

    @classmethod
    def from_environment(cls) -> Settings:
        """Read SUNSHINE_KEYS_DATA, …_DATABASE, …_SEALING_KEY and …_SEALING_KEY_FILE. Raises StoreError."""
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
        return cls(folder, path, _given_sealing_key(), rate_limits)

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


def _given_sealing_key() -> bytes | None:
    name = "SUNSHINE_KEYS_SEALING_KEY"
    if given := os.environ.get(name):
        return sealing_key.decode(given, name)
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return sealing_key.decode(Path(file).read_text("ascii"), file)
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"cannot read {name}_FILE: {error}") from error
    return None


def store_path(settings: Settings) -> Path:
    """The file of the store."""
    return settings.database or settings.data / STORE_FILE


def open_engine(settings: Settings) -> Engine:
    """Open the store, making what is missing. Raises StoreError where it, or its sealing key, cannot be used."""
    path = make_store(settings)
    sealer = _sealer(settings, SqliteStore.prepare(path))
    return Engine(SqliteStore(path), sealer)


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
    key = settings.sealing_key or sealing_key.load(settings.data)
    lacking = set(needed) - ({Sealer(key).key_id} if key else set())
    if lacking:
        raise StoreError(
            f"its secrets are sealed under {', '.join(sorted(lacking))}, which is not at hand: put that sealing key in "
            f"{settings.data / sealing_key.FILE_NAME}, or name its file in SUNSHINE_KEYS_SEALING_KEY_FILE"
        )


def _sealer(settings: Settings, needed: str | None) -> Sealer:
    """The sealer of a store whose secrets are sealed under the key `needed` (None: nothing is sealed yet)."""
    key = settings.sealing_key or sealing_key.load(settings.data)
    if key is None and needed is not None:
        raise StoreError(
            f"the secrets in this store are sealed under key {needed}, and {settings.data / sealing_key.FILE_NAME} "
            "is missing: put it back, or name it in SUNSHINE_KEYS_SEALING_KEY_FILE"
        )
    sealer = Sealer(key or sealing_key.make(settings.data))
    if needed is not None and sealer.key_id != needed:
        raise StoreError(f"the secrets in this store are sealed under key {needed}; key {sealer.key_id} was given")
    return sealer


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
