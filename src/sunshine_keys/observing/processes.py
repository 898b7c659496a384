"""The figures of all processes that serve together, whichever of them is asked.

Each writes its own to a file, every second and when it is asked, and whoever is asked adds all up. A process that has ended
leaves its counters, so that sums never fall; its gauges go with it.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import msgspec

from sunshine_keys.observing.samples import Samples, total, without_gauges

SECONDS = 1.0
"""Between two writings: how old the figures of a process may be when another is asked, or at a kill."""

logger = logging.getLogger("sunshine_keys.metrics")


class KeyCounts(msgspec.Struct, frozen=True):
    """By scope, and when they were counted, by the clock since 1970."""

    counted: float
    by_scope: dict[str, int]


class _Figures(msgspec.Struct, frozen=True):
    process_id: int
    samples: Samples
    keys: KeyCounts | None


class Processes:
    """`folder` is that of the processes that serve together; None for one that serves alone."""

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
        """The sum, and the newest count of keys."""
        if self._file is None:
            return own, keys
        others = [each for each in self._file.parent.iterdir() if each != self._file and not each.suffix]
        all_figures = [
            _Figures(os.getpid(), own, keys),
            *(msgspec.json.decode(each.read_bytes(), type=_Figures) for each in others),
        ]
        counts = [each.keys for each in all_figures if each.keys is not None]
        present = [each.samples if _lives(each.process_id) else without_gauges(each.samples) for each in all_figures]
        return total(present), max(counts, key=lambda each: each.counted, default=None)


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
