"""The event loop that all servers of a process share, and the process that it runs in."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from time import CLOCK_MONOTONIC, clock_gettime
from typing import Any, TypeVar

T = TypeVar("T")


class WrongProcess(RuntimeError):
    """A server was used in a process that was forked from its own."""

    def __init__(self) -> None:
        super().__init__(
            "This server runs in another process, from which this one was forked. Read `url` before the fork: then clients in"
            " this process connect to that. Or create a server in this process."
        )


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose time goes on while a test has frozen the clock by replacing functions of `time`."""

    def time(self) -> float:
        return clock_gettime(CLOCK_MONOTONIC)


class LoopThread:
    """An event loop in a thread. All servers of a process share it, because it takes longer to start than a server."""

    _shared: LoopThread | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = _Loop()
        self._process = os.getpid()
        threading.Thread(target=self.loop.run_forever, name="sunshine-keys-testing", daemon=True).start()

    @classmethod
    def shared(cls) -> LoopThread:
        """Return the thread of this process."""
        with cls._lock:
            if cls._shared is None or not cls._shared.is_here:
                cls._shared = cls()
            return cls._shared

    @property
    def is_here(self) -> bool:
        """True in the process that started the thread, False in one that was forked from it."""
        return self._process == os.getpid()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the thread. Raises WrongProcess in a forked process, where it would never run."""
        if not self.is_here:
            coroutine.close()
            raise WrongProcess
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)
