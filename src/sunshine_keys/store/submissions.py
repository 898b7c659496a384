"""Changes that a caller waits for: the writers of the stores take them from a queue, and settle them."""

from __future__ import annotations

import asyncio
from typing import Any

from sunshine_keys.store.change import Change, Origin
from sunshine_keys.store.transaction import Job

MOST_PATIENCE = 0.005
"""Seconds for which a group of changes waits at most for callers that may come back."""


class Waiting:
    """A caller that waits on its own event loop until the writer settles it, with or without an `error`."""

    error: BaseException | None

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def settle(self) -> None:
        """Wake the caller if it is still waiting. Call this on the caller's own loop."""
        if self.error is not None:
            self.fail(self.error)
        elif not self.future.done():
            self.future.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Raise `error` in the caller if it is still waiting. Call this on the caller's own loop."""
        if not self.future.done():
            self.future.set_exception(error)


class Submission(Job, Waiting):
    """A job, and the caller that waits for it."""

    def __init__(self, origin: Origin, change: Change[Any], sealed_answer: bytes | None) -> None:
        Job.__init__(self, origin, change, sealed_answer)
        Waiting.__init__(self)
