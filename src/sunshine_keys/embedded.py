"""The service inside another ASGI application, in one process with routes of your own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

from sunshine_keys.asgi import Service
from sunshine_keys.settings import Settings
from sunshine_keys.store import StoreError
from sunshine_keys.wire.application import APPLICATION, Application

__all__ = ["EmbeddedService", "Settings"]


class EmbeddedService:
    """An ASGI application that answers as `sunshine-keys serve` does, between `async with` and its end.

    It has its own engine, and is one of the processes that serve the store: others may serve the same store. The server that
    runs it limits the size and the time of requests.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._application: Application | None = None
        self._events: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._lifespan: asyncio.Task[None] | None = None

    async def __aenter__(self) -> EmbeddedService:
        """Open the store. Raises StoreError if that is impossible, or if there is no store."""
        state: dict[str, Any] = {}
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.failed":
                started.set_exception(StoreError(message["message"]))
            elif message["type"] == "lifespan.startup.complete":
                started.set_result(None)

        scope = {"type": "lifespan", "state": state}
        self._lifespan = asyncio.create_task(Service(self._settings)(scope, self._events.get, send))
        self._events.put_nowait({"type": "lifespan.startup"})
        await asyncio.wait({started, self._lifespan}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():  # The lifespan has failed in another way.
            await self._lifespan
        await started
        self._application = state[APPLICATION]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the counts of uses and of refusals, and close the store."""
        self._application = None
        assert self._lifespan is not None
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await self._lifespan

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer a request. Raises RuntimeError outside of `async with`, and ValueError if it is no request of HTTP."""
        if self._application is None:
            raise RuntimeError(
                "the service is not open: use `async with`, for example in the lifespan of your application"
            )
        if scope["type"] != "http":
            raise ValueError("the service answers requests of HTTP only")
        if root := scope.get("root_path", "").rstrip("/"):
            below = scope["raw_path"].removeprefix(root.encode())
            scope = {**scope, "raw_path": below or b"/", "prefix": root}
        await self._application(scope, receive, send)
