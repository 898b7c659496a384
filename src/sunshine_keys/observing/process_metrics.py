"""Sum the figures of all processes of one service, in the process that serves /metrics.

A process writes its own to a file every second and before it serves the page, and adds up all files. A process that has
ended leaves its counters, so that sums never fall; its gauges are dropped.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import msgspec

from sunshine_keys.observing.prometheus import Samples, total, without_gauges

SECONDS = 1.0
"""The time between two writes: how old a process's figures may be on the page of another, or after a kill."""

logger = logging.getLogger("sunshine_keys.metrics")


class KeyCounts(msgspec.Struct, frozen=True):
    """The number of keys by scope; `counted_at` is in seconds since 1970."""

    counted_at: float
    by_scope: dict[str, int]


class _Figures(msgspec.Struct, frozen=True):
    process_id: int
    samples: Samples
    keys: KeyCounts | None


class Processes:
    """`folder` is shared by the processes of one service; None for a single process."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / f"{os.getpid()}-{time.time_ns()}"
        self._warned = False

    def write(self, samples: Samples, keys: KeyCounts | None) -> None:
        if self._file is None:
            return
        draft = self._file.with_suffix(".draft")
        try:
            draft.write_bytes(msgspec.json.encode(_Figures(os.getpid(), samples, keys)))
            draft.replace(self._file)
        except OSError as error:
            if not self._warned:
                logger.warning("metrics of this process are not up to date, %s: %s", self._file, error.strerror)
            self._warned = True

    def read(self, own: Samples, keys: KeyCounts | None) -> tuple[Samples, KeyCounts | None]:
        """Return the sums, and the newest count of keys."""
        if self._file is None:
            return own, keys
        others = [file for file in self._file.parent.iterdir() if file != self._file and not file.suffix]
        all_figures = [
            _Figures(os.getpid(), own, keys),
            *(msgspec.json.decode(file.read_bytes(), type=_Figures) for file in others),
        ]
        counts = [figures.keys for figures in all_figures if figures.keys is not None]
        present = [
            figures.samples if _is_running(figures.process_id) else without_gauges(figures.samples)
            for figures in all_figures
        ]
        return total(present), max(counts, key=lambda count: count.counted_at, default=None)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
