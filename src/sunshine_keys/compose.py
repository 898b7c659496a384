"""The composition root: the concrete store, its sealing keys, and the engine over them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sunshine_keys.atomic_files import sync_folder
from sunshine_keys.engine import Engine, Pending
from sunshine_keys.errors import AttachmentNotFound, StoreUnavailable
from sunshine_keys.first_run import another_account_key, initialise, initialise_for_bot
from sunshine_keys.resources import CATALOG
from sunshine_keys.resources import OPERATIONS as KEY_OPERATIONS
from sunshine_keys.sealing import sources
from sunshine_keys.sealing.ring import KeyRingReloader, sealer_of
from sunshine_keys.sealing.sealer import sealing_key_id
from sunshine_keys.settings import STORE_FILE, Settings
from sunshine_keys.store import Store, StoreError, UnfinishedCopy, copying
from sunshine_keys.store.locations import Location, PostgresUrl, SqliteFile
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.sqlite import copy_side as sqlite_copy_side
from sunshine_keys.store.table import Catalog
from sunshine_keys.webhooks.heads import Heads
from sunshine_keys.wire.answers import Stream
from sunshine_keys.wire.operation import Call, Handler, messaging_operations
from sunshine_keys.wire.request import Request
from sunshine_keys.wire.router import Router

if TYPE_CHECKING:
    from sunshine_keys.store.postgres import PostgresStore
    from sunshine_keys.webhooks.courier import Courier
    from sunshine_messaging.plane import DeliverySettings, Plane, copies


logger = logging.getLogger("sunshine_keys.messaging")


def _messaging(operation_id: str) -> Handler:
    async def open_and_handle(call: Call) -> Any:
        assert call.engine.messaging is not None
        return await (await call.engine.messaging.plane(call.engine)).answer(operation_id, call)

    def handle(call: Call) -> Awaitable[Any]:
        assert call.engine.messaging is not None
        plane: Plane | None = call.engine.messaging.opened
        return open_and_handle(call) if plane is None else plane.answer(operation_id, call)

    return handle


OPERATIONS = [*KEY_OPERATIONS, *messaging_operations(_messaging)]
ROUTER = Router(OPERATIONS)

WATCH_SECONDS = 5.0
"""Seconds between two looks at whether another process has begun to use the conversation plane."""


class Messaging:
    """The conversation plane beside a store of keys. Its modules are imported, and its store is opened, at its first use."""

    def __init__(
        self,
        settings: Settings,
        delivery: Callable[[], DeliverySettings] | None = None,
        *,
        files_in_database: bool = False,
    ) -> None:
        """`delivery` returns what replaces the delivery over sockets that the settings describe.

        On PostgreSQL the database always holds uploaded files; with `files_in_database`, also on SQLite.
        """
        self._settings = settings
        self._place = place = settings.location
        self._folder = None if files_in_database else attachments_folder(place)
        self._delivery = delivery or self._over_sockets
        self._plane: Plane | None = None
        self._heads = Heads(self._courier if delivery is None else lambda: delivery().courier())
        self._opening = asyncio.Lock()

    @property
    def has_simulator(self) -> bool:
        return self._settings.simulator

    @property
    def opened(self) -> Plane | None:
        return self._plane

    async def plane(self, engine: Engine) -> Plane:
        """Return the plane. Raises StoreUnavailable if its store cannot be opened; the log says why."""
        if self._plane is None:
            async with self._opening:
                if self._plane is None:
                    self._plane = await self._opened(engine)
        return self._plane

    async def _opened(self, engine: Engine) -> Plane:
        from sunshine_messaging.plane import Plane

        try:
            await _prepare_messaging(self._place)
            store = _store(messaging_place(self._place), messaging_catalog())
            return Plane(engine, store, self._delivery(), folder=self._folder, has_simulator=self._settings.simulator)
        except StoreError as error:
            logger.error("the store of conversations cannot be opened: %s", error)
            raise StoreUnavailable from error

    async def file(self, engine: Engine, request: Request, id: str, name: str) -> Stream:
        """Return an uploaded file. Raises AttachmentNotFound, RangeNotSatisfiable, StoreUnavailable."""
        try:
            is_used = self._plane is not None or await self.exists()
        except StoreError as error:
            raise StoreUnavailable from error
        if not is_used:
            raise AttachmentNotFound
        return await (await self.plane(engine)).file(request, id, name)

    def attempts(self) -> dict[str, int]:
        """Return the number of this process's calls of webhooks, by outcome."""
        return {} if self._plane is None else self._plane.deliverer.attempts

    async def pending(self) -> Pending | None:
        """Return what webhooks have not accepted yet; None while the plane is not in use, or its store cannot be read."""
        if self._plane is None:
            return None
        with suppress(StoreUnavailable):
            return await self._plane.pending()
        return None

    def _courier(self) -> Courier:
        from sunshine_keys.webhooks.courier import HttpCourier  # aiohttp takes 10 MB

        return HttpCourier(self._settings.targets)

    def _over_sockets(self) -> DeliverySettings:
        from sunshine_messaging.plane import delivery_over_sockets

        return delivery_over_sockets(self._settings)

    def new_target(self, webhook_id: str, target: str) -> None:
        """Send a HEAD to the new target of a webhook, in the background. The log has the outcome."""
        self._heads.send(webhook_id, target)

    async def exists(self) -> bool:
        """Return True if the plane has been used. Raises StoreError."""
        return await messaging_version(self._place) > 0

    async def resume(self, engine: Engine) -> None:
        """Open the plane once any process has used it, so that this one finishes what others begin. Log failures."""
        while self._plane is None:
            try:
                if await self.exists():
                    await self.plane(engine)
                    return
            except (StoreError, StoreUnavailable) as error:
                logger.warning("the store of conversations could not be opened: %s", error)
            await asyncio.sleep(WATCH_SECONDS)

    async def app_deleted(self, engine: Engine, app_id: str) -> None:
        """Delete the app's users and conversations. Log failures: the plane tries later what fails now."""
        try:
            if self._plane is not None or await self.exists():
                await (await self.plane(engine)).app_deleted(app_id)
        except (StoreError, StoreUnavailable) as error:
            logger.warning("the conversations of a deleted app will be deleted later: %s", error)

    async def close(self) -> None:
        """Close the plane if it is open."""
        await self._heads.close()
        if self._plane is not None:
            await self._plane.close()


def delivery_by(courier: Callable[[], Courier]) -> DeliverySettings:
    """Return the delivery by another courier than the one over sockets."""
    from sunshine_messaging.plane import DeliverySettings

    return DeliverySettings(courier)


def messaging_catalog() -> Catalog:
    """Return the catalog of stores of conversations."""
    from sunshine_messaging.plane import CATALOG as MESSAGING

    return MESSAGING


def messaging_place(keys: Location) -> Location:
    """Return the location of the store of conversations that belongs to the store of keys at `keys`."""
    return SqliteFile(messaging_file(keys.path)) if isinstance(keys, SqliteFile) else keys


def attachments_folder(keys: Location) -> Path | None:
    """Return the folder of the files uploaded to the service whose store of keys is `keys`; None if a database holds them."""
    if not isinstance(keys, SqliteFile):
        return None
    return keys.path.with_name("attachments" if keys.path.name == STORE_FILE else f"{keys.path.name}.attachments")


async def messaging_version(keys: Location) -> int:
    """Return the schema version of the conversations beside the store `keys`; 0 if there are none. Raises StoreError."""
    place = messaging_place(keys)
    if isinstance(place, SqliteFile) and not place.path.is_file():
        return 0  # without an import of the plane
    return await schema_version(place, messaging_catalog())


async def _prepare_messaging(keys: Location) -> None:
    """Create the store of conversations beside the store `keys`, if it is missing, or upgrade it. Raises StoreError."""
    match messaging_place(keys):
        case SqliteFile(path):
            create_file(path)
            SqliteStore.prepare(path, messaging_catalog())
        case PostgresUrl(url):
            await _postgres_store().prepare(url, messaging_catalog())


def messaging_file(keys: Path) -> Path:
    """Return the path of the store of conversations that belongs to the store of keys in the file `keys`."""
    return keys.with_name("messaging.db" if keys.name == STORE_FILE else f"{keys.name}.messaging")


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
        store = _store(settings.location, read_only=True)
        try:
            sealer = sealer_of(source, await store.sealing())
        except BaseException:
            await store.close()
            raise
        return Engine(store, sealer, KeyRingReloader(sealer, source), messaging)
    sealing = await _prepare(settings)
    sealer = sealer_of(source, sealing)
    return Engine(_store(settings.location), sealer, KeyRingReloader(sealer, source), messaging)


async def open_store(settings: Settings, *, read_only: bool = False) -> Store:
    """Open an existing store, without its sealing keys. Raises StoreError.

    With `read_only`, its schema is not upgraded, and nothing can be written.
    """
    await require_store(settings)
    if not read_only:
        await _prepare(settings)
        return _store(settings.location)
    store = _store(settings.location, read_only=True)
    try:
        await store.sealing()  # refuses an unfinished copy
    except BaseException:
        await store.close()
        raise
    return store


@asynccontextmanager
async def opened_engine(settings: Settings, *, read_only: bool = False) -> AsyncGenerator[Engine]:
    """Open an engine as `open_engine` does, and close it after the block."""
    engine = await open_engine(settings, read_only=read_only)
    try:
        yield engine
    finally:
        await engine.close()


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


class Upgrade(NamedTuple):
    """The schema versions of a store before and after an upgrade."""

    before: int
    after: int


async def migrate(settings: Settings) -> tuple[Upgrade, Upgrade | None]:
    """Upgrade an existing store and, if there are any, its conversations to this program's schema. Raises StoreError."""
    await require_store(settings)
    place = settings.location
    before, messaging_before = await schema_version(place), await messaging_version(place)
    await _prepare(settings)
    keys = Upgrade(before, await schema_version(place))
    if messaging_before == 0:
        return keys, None
    await _prepare_messaging(place)
    return keys, Upgrade(messaging_before, await messaging_version(place))


async def copy_store(source: Location, target: Location, progress: copying.Progress) -> copying.Copied:
    """Make `target` a copy of `source`, with its conversations. Raises StoreError.

    If it is an earlier copy, write only what has changed since.
    """
    if await schema_version(source) == 0:
        raise StoreError(f"there is no store {source}")
    await _prepare(Settings(None, source))
    with suppress(UnfinishedCopy):
        await _prepare(Settings(None, target))
    async with AsyncExitStack() as stack:
        # The moment of the conversations is before that of the keys: so their apps are in the copy, unless deleted since.
        conversations = None
        if await messaging_version(source) or await messaging_version(target):
            catalog = messaging_catalog()
            sides = await _messaging_sides(stack, source, target)
            copy_bytes = partial(_copy_bytes, *sides, attachments_folder(source), attachments_folder(target))
            conversations = copying.Part(*sides, catalog.copied, f"{catalog.schema}.", copy_bytes)
        keys = copying.Part(
            await stack.enter_async_context(copy_side(source, snapshot=True)),
            await stack.enter_async_context(copy_side(target, snapshot=False)),
            CATALOG.copied,
        )
        return await copying.copy(keys, conversations, progress)


async def _copy_bytes(
    source: copying.Source, target: copying.Target, source_folder: Path | None, target_folder: Path | None
) -> copies.Outcome:
    from sunshine_messaging.plane import copies

    try:
        return await copies.copy_bytes(copies.Original(source, source_folder), copies.Copy(target, target_folder))
    except OSError as error:
        raise StoreError(f"cannot copy uploaded files: {error.strerror}") from error


def copy_files(conversations: Path, source: Path, target: Path) -> copies.Outcome:
    """Copy the uploaded files that a store of conversations has rows of from folder to folder. Raises StoreError.

    The store is a copy that nobody serves. Rows whose files `source` does not have are deleted from it.
    """

    async def copy() -> copies.Outcome:
        async with sqlite_copy_side.opened(conversations, snapshot=False) as tables:
            return await _copy_bytes(tables, tables, source, target)

    return asyncio.run(copy())


async def _messaging_sides(stack: AsyncExitStack, source: Location, target: Location) -> tuple[Any, Any]:
    for place in (source, target):
        await _prepare_messaging(place)
    return (
        await stack.enter_async_context(copy_side(messaging_place(source), messaging_catalog(), snapshot=True)),
        await stack.enter_async_context(copy_side(messaging_place(target), messaging_catalog(), snapshot=False)),
    )


def copy_side(place: Location, catalog: Catalog = CATALOG, *, snapshot: bool) -> AbstractAsyncContextManager[Any]:
    """Open one side of a copy.

    With `snapshot`, this is the source, as it is now. Without it, this is the target, locked against other copies.
    """
    match place:
        case SqliteFile(path):
            return sqlite_copy_side.opened(path, snapshot=snapshot)
        case PostgresUrl(url):
            from sunshine_keys.store.postgres import copy_side as postgres_copy_side

            return postgres_copy_side.opened(url, catalog, snapshot=snapshot)


def _store(place: Location, catalog: Catalog = CATALOG, *, read_only: bool = False) -> Store:
    match place:
        case SqliteFile(path):
            return SqliteStore(path, catalog, read_only=read_only)
        case PostgresUrl(url):
            return _postgres_store()(url, catalog, read_only=read_only)


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


def first_run(
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
