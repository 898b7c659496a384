"""The plane as the service mounts it: its operations, its tables, and its work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

from sunshine_keys.apps.table import apps_with
from sunshine_keys.engine import Engine, Pending
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.settings import Settings
from sunshine_keys.store import OPERATOR, Store, StoreError
from sunshine_keys.store.answers import StoredAnswer
from sunshine_keys.store.table import Catalog, Index, Migration, Table
from sunshine_keys.webhooks.courier import HttpCourier
from sunshine_keys.wire.answers import Stream
from sunshine_keys.wire.operation import Call
from sunshine_keys.wire.request import Request
from sunshine_messaging import calls
from sunshine_messaging.activities import operations as activities
from sunshine_messaging.apps.changes import DeleteApp
from sunshine_messaging.apps.table import APPS, apps_after
from sunshine_messaging.attachments import copies
from sunshine_messaging.attachments import operations as attachments
from sunshine_messaging.attachments.serving import serve
from sunshine_messaging.clients import operations as clients
from sunshine_messaging.control import operations as control
from sunshine_messaging.conversations import operations as conversations
from sunshine_messaging.delivery import operations as deliveries
from sunshine_messaging.delivery.changes import Prune
from sunshine_messaging.delivery.deliverer import DeliverySettings
from sunshine_messaging.events import table as events
from sunshine_messaging.events.table import pending_events
from sunshine_messaging.messages import operations as messages
from sunshine_messaging.messages import table as message_rows
from sunshine_messaging.messages.retention import ExpireMessages, inactive_conversations, retention_seconds
from sunshine_messaging.moments import Milliseconds
from sunshine_messaging.participants import operations as participants
from sunshine_messaging.simulator import operations as simulator
from sunshine_messaging.switchboards import operations as switchboards
from sunshine_messaging.users import operations as users

RESOURCES = (
    users,
    clients,
    conversations,
    participants,
    messages,
    activities,
    attachments,
    switchboards,
    control,
    deliveries,
    simulator,
)
"""The resources. Each follows the resources that its tables refer to."""

HANDLERS: calls.Handlers = {id: handler for resource in RESOURCES for id, handler in resource.HANDLERS.items()}

ANSWERS = Table("idempotency", StoredAnswer, indexes=(Index("idempotency_by_age", ("created",)),))

CATALOG = Catalog(
    tables=(APPS, *(table for resource in RESOURCES for table in resource.TABLES), ANSWERS),
    number=0x53756E4D,  # "SunM"
    schema="messaging",
    migrations=(
        Migration(
            2,
            "clients",
            "ALTER TABLE clients ADD COLUMN linking TEXT;\n"
            "ALTER TABLE clients ADD COLUMN address TEXT;\n"
            "CREATE INDEX clients_by_address ON clients (address);\n",
        ),
        Migration(
            2,
            "conversations",
            "CREATE INDEX conversations_by_age ON conversations (app_id, last_received, id) WHERE messages > 0;\n",
        ),
        events.MIGRATION,
        message_rows.MIGRATION,
    ),
)

EVENT_MILLISECONDS = 24 * 3600 * 1000
LINE_MILLISECONDS = 7 * EVENT_MILLISECONDS
"""For how long events, and lines of the log of deliveries, are stored."""

ROUND_SECONDS = 60.0
"""Seconds between two rounds of the work in the background."""

_BATCH = 500

__all__ = ["CATALOG", "DeliverySettings", "Plane", "copies", "delivery_over_sockets"]

logger = logging.getLogger("sunshine_keys.messaging")


def delivery_over_sockets(settings: Settings) -> DeliverySettings:
    """Return the delivery that an operator has set."""
    return DeliverySettings(partial(HttpCourier, settings.targets), settings.webhook_batch, settings.webhook_gap_factor)


class Plane(calls.Plane):
    """The plane of one process. It begins its work in the background at once."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        delivery: DeliverySettings = DeliverySettings(),  # noqa: B008 - it is frozen
        *,
        folder: Path | None = None,
        has_simulator: bool = False,
    ) -> None:
        super().__init__(engine, store, delivery, folder=folder, has_simulator=has_simulator)
        self._pruned = 0
        """The number of the last delivery whose event has been cleared."""
        self._task = asyncio.get_running_loop().create_task(self._work(), name="sunshine-messaging")

    def answer(self, operation_id: str, call: Call) -> Awaitable[Any]:
        """Return the answer of an operation."""
        return HANDLERS[operation_id](self, call)

    async def file(self, request: Request, id: str, name: str) -> Stream:
        """Return the file of an attachment. Raises AttachmentNotFound, RangeNotSatisfiable."""
        return await serve(self, request, id, name)

    async def app_deleted(self, app_id: str) -> None:
        """Delete everything of an app that has been deleted from the store of keys. Raises StoreUnavailable."""
        while await self.store.transact(OPERATOR, DeleteApp(app_id)):
            pass

    async def sweep(self) -> None:
        """Delete what is left of apps that no longer exist and of uploads that failed, and messages whose retention has ended.

        Several processes may do so at the same time. Raises StoreUnavailable.
        """
        after = ""
        while rows := await self.store.read(apps_after(after, _BATCH)):
            ids = [row.id for row in rows]
            apps = {app.id: app for app in await self.engine.store.read_aside(apps_with(ids))}
            for id in ids:
                if id not in apps:
                    await self.app_deleted(id)
                elif seconds := retention_seconds(apps[id].settings):
                    await self._expire(id, self.now() - seconds * 1000)
            after = ids[-1]
        await self.files.sweep(self.now())

    async def _expire(self, app_id: str, before: Milliseconds) -> None:
        """Delete the messages of the app's conversations that have been inactive since `before`."""
        after = (0, "")
        while inactive := await self.store.read_aside(inactive_conversations(app_id, before, after, _BATCH)):
            for _, id in inactive:
                while await self.store.transact(OPERATOR, ExpireMessages(id, before)):
                    pass
            after = inactive[-1]

    async def do_due_work(self) -> None:
        """Do what is due by the clock: further attempts, and the work in the background. Raises StoreUnavailable."""
        await super().do_due_work()
        await self.sweep()
        await self.prune()

    async def pending(self) -> Pending:
        """Return what webhooks have not accepted yet. Raises StoreUnavailable."""
        events, oldest = await self.store.read_aside(pending_events())
        return Pending(events, 0.0 if oldest is None else max(self.now() - oldest, 0) / 1000)

    async def prune(self) -> None:
        """Delete old lines of the log of deliveries, and events that are older than a day. Raises StoreUnavailable."""
        now = self.now()
        pruned: int | None = self._pruned
        while pruned is not None:
            self._pruned = pruned
            pruned = await self.store.transact(
                OPERATOR, Prune(pruned, now - EVENT_MILLISECONDS, now - LINE_MILLISECONDS)
            )

    async def _work(self) -> None:
        while True:
            try:
                await self.sweep()
                await self.prune()
            except (StoreError, StoreUnavailable) as error:
                logger.warning("the store of conversations cannot be swept, the next round tries again: %s", error)
            await asyncio.sleep(ROUND_SECONDS)

    async def close(self) -> None:
        """Stop the work in the background, and close the store."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.deliverer.close()
        await self.store.close()
