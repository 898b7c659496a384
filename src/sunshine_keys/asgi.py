"""The ASGI callable that a server runs: the application over its engine, with all who watch it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

from sunshine_keys.compose import Settings, open_engine, require_store
from sunshine_keys.engine import Engine
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.observing import tracing
from sunshine_keys.observing.page import MetricsPage
from sunshine_keys.observing.request_log import RequestLog
from sunshine_keys.observing.usage import UsageCounts
from sunshine_keys.store import StoreError
from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.application import AT_ONCE, Application
from sunshine_keys.wire.outcome import Observer
from sunshine_keys.wire.pages import Asgi


def _console(engine: Engine, admission: Admission) -> Asgi:
    # Only where it is asked for: its templates and what renders them take 5 MB of a process.
    from sunshine_keys.console.entry import Console

    return Console(engine, admission)


class Service:
    """Opens the engine as the server starts, and closes it as it stops."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._application: Application | None = None
        self._request_log = RequestLog(settings.log) if settings.log else None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if self._application is not None and scope["type"] == "http":
            await self._application(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(scope.get("state", {}), receive, send)

    async def _live(
        self,
        state: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        await receive()
        try:
            # A worker that starts again makes no new store where the one it is to serve has gone.
            await require_store(self._settings)
            engine = await open_engine(self._settings)
        except StoreError as error:
            await send({"type": "lifespan.startup.failed", "message": f"sunshine-keys: {error}"})
            return
        with suppress(StoreUnavailable):  # what serves is known to the others from its start
            await engine.store.ready()
        log, access = self._request_log, self._settings.metrics
        page = None if access is None else MetricsPage(access, engine.store)
        observers: list[Observer] = [] if log is None else [log]
        observers += [] if page is None else [page.metrics]
        usage = UsageCounts(engine.store) if self._settings.usage else None
        observers += [] if usage is None else [usage]
        if (traces := tracing.opened(os.environ)) is not None:
            observers.append(traces)
            engine.store.commits.observe = traces.commit
        console = partial(_console, engine) if self._settings.console else None
        self._application = Application(
            engine, limits=self._settings.rate_limits, observers=observers, metrics=page, console=console
        )
        state[AT_ONCE] = self._application.answers_at_once
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._application.close()
        if usage is not None:
            await usage.close()
        if page is not None:
            await page.close()
        await engine.store.close()
        if traces is not None:
            await traces.close()
        if log is not None:
            log.flush()
        await send({"type": "lifespan.shutdown.complete"})
