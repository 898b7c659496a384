"""Limit messages that repeat, for example while a database is down, to one a minute with a count."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

SECONDS = 60.0
_KINDS = 1000
_VARYING = re.compile(r"[0-9a-f]{24}|\d+")


class Repetitions:
    """Counts messages that differ in numbers and ids only. Its method may be called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def admit(self, logger: str, message: str) -> str | None:
        """Return the message to log, or None within a minute of another one of its kind.

        The message names the number of those that were left out since.
        """
        now = self._clock()
        kind = logger, _VARYING.sub("0", message)
        with self._lock:
            last, left_out = self._kinds.get(kind, (-SECONDS, 0))
            if now - last < SECONDS:
                self._kinds[kind] = last, left_out + 1
                return None
            if len(self._kinds) >= _KINDS:
                self._kinds.clear()
            self._kinds[kind] = now, 0
        return f"{message} ({left_out} more like it since the last line)" if left_out else message
