"""The ASGI callable that a server runs. It builds the application with its engine, log, metrics, usage and traces."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from sunshine_keys.compose import OPERATIONS, ROUTER, open_engine
from sunshine_keys.engine import Engine
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.sweep import Sweep
from sunshine_keys.notifying.options import Notifications
from sunshine_keys.observing import tracing
from sunshine_keys.observing.metrics_page import MetricsPage
from sunshine_keys.observing.process_metrics import Processes
from sunshine_keys.observing.request_log import RequestLog
from sunshine_keys.observing.usage import UsageCounts
from sunshine_keys.opening import require_store
from sunshine_keys.settings import Settings
from sunshine_keys.store import StoreError
from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.application import APPLICATION, Application
from sunshine_keys.wire.outcome import Observer
from sunshine_keys.wire.pages import Asgi

if TYPE_CHECKING:
    from sunshine_keys.notifying.notifier import Notifier

RETRY_SECONDS = 1.0
"""The time between two attempts to open a store that is away."""

logger = logging.getLogger("sunshine_keys.server")


def _console(engine: Engine, admission: Admission) -> Asgi:
    # The first request imports this: the templates and their engine take 5 MB of a process.
    from sunshine_keys.console.entry import Console

    return Console(engine, admission, OPERATIONS)


def _notifier(engine: Engine, settings: Notifications) -> Notifier:
    from sunshine_keys.notifying.notifier import Notifier  # only services with a target use it
    from sunshine_keys.notifying.targets import target_of

    notifier = Notifier(engine.store, target_of(settings))
    notifier.start()
    return notifier


class Service:
    """The ASGI lifespan: opens the engine when the server starts, and closes it when the server stops.

    It hands the application over in the lifespan's state, under APPLICATION; wire/protocol.py calls that directly.
    """

    def __init__(
        self, settings: Settings, processes: Processes | None = None, *, observers: Sequence[Observer] = ()
    ) -> None:
        """`processes` are the figures that this process and others of the service share; it is then one of their workers.

        A worker waits for its store when it starts: its supervisor has seen that the store could be used. `observers` are
        called for each request, beside those that the settings turn on.
        """
        self._settings = settings
        self._observers = observers
        self._processes = processes
        self._request_log = RequestLog(settings.log) if settings.log else None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Run the lifespan. Raises ValueError for any other scope."""
        if scope["type"] != "lifespan":
            raise ValueError("only sunshine_keys.wire.protocol can serve this application")
        await receive()
        beating = None if self._processes is None else asyncio.create_task(self._processes.beat())
        try:
            engine = await self._open()
        except StoreError as error:
            await send({"type": "lifespan.startup.failed", "message": f"sunshine-keys: {error}"})
            return
        assert engine.messaging is not None
        resuming = asyncio.create_task(engine.messaging.resume(engine), name="sunshine-messaging-resume")
        sweeping = asyncio.create_task(
            Sweep(engine.store, self._settings.ended_key_days, counts_usage=self._settings.usage).run(),
            name="sunshine-keys-sweep",
        )
        with suppress(StoreUnavailable):  # announce this process to the others before its first request
            await engine.store.ready()
        log, access = self._request_log, self._settings.metrics
        notifier = None if self._settings.notifications is None else _notifier(engine, self._settings.notifications)
        page = None if access is None else MetricsPage(access, engine, self._processes or Processes(), notifier)
        observers: list[Observer] = [*self._observers]
        observers += [] if log is None else [log]
        observers += [] if page is None else [page.metrics]
        rejections = [observer.reject for observer in (log, page and page.metrics) if observer]
        usage = UsageCounts(engine.store) if self._settings.usage else None
        observers += [] if usage is None else [usage]
        if (traces := tracing.opened(os.environ)) is not None:
            observers.append(traces)
            engine.store.commits.observe = traces.commit
        console = partial(_console, engine) if self._settings.console else None
        application = Application(
            engine, ROUTER, limits=self._settings.rate_limits, observers=observers, metrics=page, console=console,
            rejections=rejections,
        )  # fmt: skip
        scope["state"][APPLICATION] = application
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await application.close()
        if usage is not None:
            await usage.close()
        if page is not None:
            await page.close()
        if notifier is not None:
            await notifier.close()
        for task in (resuming, sweeping):
            task.cancel()
        await asyncio.gather(resuming, sweeping, return_exceptions=True)
        await engine.close()
        if traces is not None:
            await traces.close()
        if beating is not None:
            beating.cancel()
        if log is not None:
            log.flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self) -> Engine:
        """Open the engine. Raises StoreError, but a worker waits until its store can be used."""
        while True:
            try:
                # A worker that restarts must not create a new store if its own store is missing.
                await require_store(self._settings)
                return await open_engine(self._settings)
            except StoreError as error:
                if self._processes is None:
                    raise
                logger.error("waiting for the store: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
