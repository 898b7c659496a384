"""Changes that somebody waits for: what the writers of the stores are given, and how they answer."""

from __future__ import annotations

import asyncio
from typing import Any

from sunshine_keys.store.changes import Change
from sunshine_keys.store.origin import Origin
from sunshine_keys.store.transaction import Job


class Waiting:
    """A caller that waits, on a loop of its own, for the writer to be done or to leave an `error`."""

    error: BaseException | None

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def settle(self) -> None:
        """Tell the caller, if that still waits; on the caller's own loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(None)


class Submission(Job, Waiting):
    """A job, and the caller that waits for it."""

    def __init__(self, origin: Origin, change: Change[Any], sealed_answer: bytes | None) -> None:
        Job.__init__(self, origin, change, sealed_answer)
        Waiting.__init__(self)
