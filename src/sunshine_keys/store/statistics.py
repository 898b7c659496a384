"""Statistics of a store: histograms, its commits, and its lease."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable

import msgspec

SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of buckets; the last of SIZES is a full group of changes."""


class Histogram:
    """A histogram that one thread updates and any thread reads."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Commits:
    """The commits of a store's one writer in this process: the changes in each, and its duration."""

    __slots__ = ("actions", "failures", "observe", "seconds", "sizes")

    def __init__(self) -> None:
        self.sizes = Histogram(SIZES)
        self.seconds = Histogram(SECONDS)
        self.failures = 0
        self.actions: dict[str, int] = {}
        """The number of audited changes that were made, by action."""
        self.observe: Callable[[int, float], None] | None = None
        """Called after each commit with its size and seconds, on the thread that committed. It must not raise."""

    def done(self, size: int, seconds: float, actions: Iterable[str]) -> None:
        """Count a commit of `size` changes. `actions` are those of the audited changes that were made."""
        self.sizes.observe(size)
        self.seconds.observe(seconds)
        for action in actions:
            self.actions[action] = self.actions.get(action, 0) + 1
        if self.observe is not None:
            self.observe(size, seconds)

    def failed(self) -> None:
        """Count a group that was not committed, or whose outcome is unknown."""
        self.failures += 1


class LeaseState(msgspec.Struct, frozen=True):
    """The lease of a node: whether it holds one, and how many keys it remembers."""

    is_held: bool
    remembered: int
    waits: Histogram
    """Seconds for which DELETEs waited, after their commit, until every node had followed the audit trail."""
