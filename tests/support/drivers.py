"""Drivers with one interface for both clients, so that one suite tests them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio
from sunshine_keys.testing.transports import AsyncInProcessTransport, InProcessTransport


class SyncDriver:
    """The synchronous client, unchanged."""

    name = "sync"
    transport = InProcessTransport

    def read(self, raw: Any) -> bytes:
        """Read and return the body of an unread response."""
        body: bytes = raw.read()
        return body

    def __getattr__(self, name: str) -> Any:
        return getattr(sunshine, name)

    def close(self) -> None:
        """Do nothing: there is no event loop."""


class AsyncDriver:
    """The asynchronous client with blocking calls, on an event loop for one test."""

    name = "async"
    transport = AsyncInProcessTransport

    def read(self, raw: Any) -> bytes:
        """Read and return the body of an unread response."""
        body: bytes = self.loop.run_until_complete(raw.read())
        return body

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Any:
        if name == "ApiClient":
            return lambda *arguments, **options: Blocking(aio.ApiClient(*arguments, **options), self.loop)
        return lambda client: Blocking(getattr(aio, name)(client.wrapped), self.loop, client)

    def close(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


class Blocking:
    """Wraps an asynchronous object so that its methods block."""

    def __init__(self, wrapped: Any, loop: asyncio.AbstractEventLoop, client: Any = None) -> None:
        self.wrapped, self.loop = wrapped, loop
        if client is not None:
            self.api_client = client

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.wrapped, name)
        return self._blocking(attribute) if inspect.iscoroutinefunction(attribute) else attribute

    def _blocking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **options: self.loop.run_until_complete(method(*arguments, **options))

    def __enter__(self) -> Blocking:
        self.loop.run_until_complete(self.wrapped.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.run_until_complete(self.wrapped.__aexit__(None, None, None))


Driver = Any
