"""What is counted of the work as it is done: histograms, and what a store counts of itself."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import msgspec

SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of buckets; the last of SIZES is a full group of changes."""


class Histogram:
    """Observed from one thread; read from any."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Commits:
    """Of a store's one writer in this process: how many changes went into each commit, and how long it took."""

    __slots__ = ("failures", "observe", "seconds", "sizes")

    def __init__(self) -> None:
        self.sizes = Histogram(SIZES)
        self.seconds = Histogram(SECONDS)
        self.failures = 0
        self.observe: Callable[[int, float], None] | None = None
        """Told of each commit, on whatever thread made it. It must not raise."""

    def done(self, size: int, seconds: float) -> None:
        self.sizes.observe(size)
        self.seconds.observe(seconds)
        if self.observe is not None:
            self.observe(size, seconds)

    def failed(self) -> None:
        """Of a group that was not committed, or of which that is not known."""
        self.failures += 1


class LeaseState(msgspec.Struct, frozen=True):
    """Of a node: whether it may go by its memory, and of how many keys it has one."""

    is_held: bool
    remembered: int
    waits: Histogram
    """How long a DELETE waited, after its commit, until every node had followed."""
