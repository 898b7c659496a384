"""Write log lines from a thread, so that a reader that stalls never stops the service.

Standard error may be a pipe or a socket whose reader has stopped: a write then blocks for ever. Making the descriptor
non-blocking would change it for every process that shares it, for example the shell. So one thread in each process
writes, and the others only append to its queue. If the queue is full, lines are dropped and counted.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import select
import threading
import time
from collections import deque

WAITING_BYTES = 1024 * 1024
"""The most bytes that wait for a reader. Further lines are dropped."""

CLOSING_SECONDS = 0.5
"""How long the end of the process waits for the last lines."""

_REPORT_BYTES = WAITING_BYTES // 2

logger = logging.getLogger("sunshine_keys.log")


class LogWriter:
    """Writes to a file descriptor. Its methods never block, except `flush`, and may be called from any thread."""

    def __init__(self, file: int) -> None:
        self.dropped = 0
        """The number of lines that were dropped since the process started."""
        self._file = file
        self._parts: deque[bytes] = deque()
        self._waiting = 0
        self._reported = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, part: bytes, lines: int = 1) -> None:
        """Write whole lines, at once if no other part waits. Drop and count them if too many bytes wait."""
        with self._changed:
            if self._waiting + len(part) > WAITING_BYTES:
                self.dropped += lines
                return
            self._waiting += len(part)
            self._parts.append(part)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="sunshine-keys-log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float = CLOSING_SECONDS) -> None:
        """Wait until all lines are written, for at most `seconds`."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._waiting and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                while not self._parts:
                    self._changed.wait()
                part = self._parts.popleft()
            self._write(part)
            with self._changed:
                self._waiting -= len(part)
                self._changed.notify_all()
                dropped = self.dropped - self._reported if self._waiting < _REPORT_BYTES else 0
                self._reported += dropped
            if dropped:
                logger.warning("%d lines of the log were dropped: nobody read them in time", dropped)

    def _write(self, part: bytes) -> None:
        with contextlib.suppress(OSError):  # a log that cannot be written is no reason to fail
            while part:
                try:
                    part = part[os.write(self._file, part) :]
                except BlockingIOError:  # another program made the descriptor non-blocking
                    select.select([], [self._file], [])


@functools.cache
def standard_error() -> LogWriter:
    """Return the process's writer to standard error."""
    return LogWriter(2)
