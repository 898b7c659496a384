"""The conversation plane beside a store of keys: the location of its store and files, and its opening at its first use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sunshine_keys.engine import Engine, Pending
from sunshine_keys.errors import AttachmentNotFound, StoreUnavailable
from sunshine_keys.opening import create_file, prepare_at, schema_version, store_at
from sunshine_keys.settings import STORE_FILE, Settings
from sunshine_keys.store import StoreError
from sunshine_keys.store.locations import Location, SqliteFile
from sunshine_keys.store.table import Catalog
from sunshine_keys.webhooks.heads import Heads
from sunshine_keys.wire.answers import Stream
from sunshine_keys.wire.operation import Call, Handler
from sunshine_keys.wire.request import Request

if TYPE_CHECKING:
    from sunshine_keys.webhooks.courier import Courier
    from sunshine_messaging.plane import DeliverySettings, Plane

logger = logging.getLogger("sunshine_keys.messaging")

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
            await prepare_messaging(self._place)
            store = store_at(messaging_place(self._place), messaging_catalog())
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


def handler(operation_id: str) -> Handler:
    """Return the handler of an operation of the conversation plane."""

    async def open_and_handle(call: Call) -> Any:
        assert call.engine.messaging is not None
        return await (await call.engine.messaging.plane(call.engine)).answer(operation_id, call)

    def handle(call: Call) -> Awaitable[Any]:
        assert call.engine.messaging is not None
        plane: Plane | None = call.engine.messaging.opened
        return open_and_handle(call) if plane is None else plane.answer(operation_id, call)

    return handle


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


def messaging_file(keys: Path) -> Path:
    """Return the path of the store of conversations that belongs to the store of keys in the file `keys`."""
    return keys.with_name("messaging.db" if keys.name == STORE_FILE else f"{keys.name}.messaging")


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


async def prepare_messaging(keys: Location) -> None:
    """Create the store of conversations beside the store `keys`, if it is missing, or upgrade it. Raises StoreError."""
    place = messaging_place(keys)
    if isinstance(place, SqliteFile):
        create_file(place.path)
    await prepare_at(place, messaging_catalog())
