"""A real socket for a server in a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from typing import Any

import uvicorn

from sunshine_keys.server import listen, url_of
from sunshine_keys.wire.exchange import Scope
from sunshine_keys.wire.protocol import Protocol


class _Protocol(Protocol):
    """Adds a function to the scope with which a fault closes the connection."""

    def scope(self) -> Scope:
        return super().scope() | {"sunshine_keys.abort": self.transport.abort}


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave all signals to the test runner."""
        yield


@contextlib.contextmanager
def listening(application: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> Generator[str]:
    """Serve on a free loopback port and yield the URL. Another thread runs `loop`."""
    config = uvicorn.Config(
        application,
        http=_Protocol,  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        date_header=False, timeout_graceful_shutdown=1, proxy_headers=False,
    )  # fmt: skip
    server = _Server(config)
    with listen("127.0.0.1", 0) as listener:
        serving = asyncio.run_coroutine_threadsafe(server.serve([listener]), loop)
        yield url_of(listener)
        server.should_exit = True
        serving.result(10)
