"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    is_so: Callable[[], bool], seconds: float = 60, explanation: Callable[[], str] = lambda: "it did not happen"
) -> None:
    """Wait until `is_so` returns True. Fail with the explanation after some time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, explanation()
        time.sleep(0.01)
