"""Count the use of keys in memory, and write it to the store in batches, so that requests never write.

A crash loses the counts since the last batch. If the answer to a batch is lost, the batch may be counted twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.usage import MOST_SOURCES, KeyHour, SourceOfUse
from sunshine_keys.observing.request_log import printable
from sunshine_keys.store.store import USAGE_BATCH, Store
from sunshine_keys.wire.outcome import Outcome

SECONDS = 5.0
"""The time between two batches: how much a crash may lose, for one fsync per batch."""

MOST = 50_000
"""The most keys and hours between two batches, with their sources, about 20 MB. Further keys are not counted until there is
room, and further sources are counted together."""

LAST_SECONDS = 2.0
"""How long the last batch may take if the store is unavailable: the service must stop within seconds."""

_WARNING_SECONDS = 60.0
_IDLE_SECONDS = 60.0
_HOUR = 3600
_AGENT_LENGTH = 200
_UNPRINTABLE = re.compile("[^ -~]")
_OTHERS = ("several", "")

logger = logging.getLogger("sunshine_keys.usage")


class _Count:
    """The requests of a key in an hour. `sources` has their number and their last time by address and User-Agent, if they are counted."""

    __slots__ = ("requests", "source", "sources", "used")

    def __init__(self) -> None:
        self.requests = 0
        self.used = 0.0
        self.source = ""
        self.sources: dict[tuple[str, str], tuple[int, float]] | None = None

    def add_source(self, source: tuple[str, str], requests: int, used: float, *, is_full: bool) -> bool:
        """Add requests from a source. Return True if it is a new one; if `is_full`, new ones are counted as _OTHERS."""
        sources = self.sources
        if sources is None:
            sources = self.sources = {}
        if source not in sources and (is_full or len(sources) >= MOST_SOURCES):
            source = _OTHERS
        before, last = sources.get(source, (0, 0.0))
        sources[source] = (before + requests, max(last, used))
        return not before

    @property
    def size(self) -> int:
        """The number of rows that this count is written into."""
        return 1 + len(self.sources or ())


class UsageCounts:
    """An observer of requests. Create it on the event loop that serves; it writes until it is closed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[tuple[str, int], _Count] = {}
        self._size = 0
        self._is_full = False
        self._warned = -_WARNING_SECONDS
        self._written = time.monotonic()
        self._due = asyncio.Event()
        self._is_closing = False
        self._task = asyncio.create_task(self._write_on(), name="sunshine-keys-usage")

    def __call__(self, outcome: Outcome) -> None:
        request = outcome.request
        actor = request.actor
        if actor is None:
            return
        began = outcome.began
        key_hour = (actor.key_id, int(began) // _HOUR)
        count = self._counts.get(key_hour)
        if count is None and (count := self._added(key_hour)) is None:
            return
        count.requests += 1
        count.used = began
        count.source = request.source
        if actor.is_ending:
            agent = request.headers.get(b"user-agent", b"")[:_AGENT_LENGTH].decode("latin-1")
            source = printable(request.source), _UNPRINTABLE.sub("?", agent)
            if count.add_source(source, 1, began, is_full=self._size >= MOST):
                self._grow()

    def _added(self, key_hour: tuple[str, int]) -> _Count | None:
        if self._size >= MOST:
            self._is_full = True
            return None
        self._grow()
        count = self._counts[key_hour] = _Count()
        return count

    def _grow(self) -> None:
        if self._size == MOST // 2:
            self._due.set()
        self._size += 1

    async def close(self) -> None:
        """Write the remaining counts, for at most LAST_SECONDS."""
        self._is_closing = True
        self._due.set()
        await asyncio.wait([self._task], timeout=LAST_SECONDS)
        if self._counts or self._task.cancel():  # the task ends when the store is closed
            logger.warning("the usage of keys since the last batch is lost: it could not be written")

    async def _write_on(self) -> None:
        while not self._is_closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await self._due.wait()
            self._due.clear()
            await self._write()
        await self._write()

    async def _write(self) -> None:
        # In order, so that the rows of a batch are neighbours. Of 8,600 keys, SQLite writes a count in 2 µs, and in 6 in another order.
        counts = {key_hour: self._counts[key_hour] for key_hour in sorted(self._counts)}
        self._counts, self._size = {}, 0
        try:
            if not counts and time.monotonic() - self._written >= _IDLE_SECONDS:
                await self._store.count_usage([])  # what was counted before may be due to be folded
                self._written = time.monotonic()
            while counts:
                self._written = time.monotonic()
                batch = _batch(counts)
                await self._store.count_usage([_key_hour(key_hour, counts[key_hour]) for key_hour in batch])
                for key_hour in batch:
                    del counts[key_hour]
        except StoreUnavailable:
            self._keep(counts)
            self._warn("the usage of keys could not be written, and is kept for later")
        if self._is_full:
            self._is_full = False
            self._warn(
                "more than %d keys and sources were counted since the last batch: of further keys nothing was counted",
                MOST,
            )

    def _keep(self, counts: dict[tuple[str, int], _Count]) -> None:
        """Merge counts that could not be written with those that arrived meanwhile."""
        newer, self._counts = self._counts, counts
        self._size = sum(count.size for count in counts.values())
        for key_hour, count in newer.items():
            earlier = counts.get(key_hour)
            if earlier is None and self._size >= MOST:
                self._is_full = True
                continue
            if earlier is not None:
                self._size -= earlier.size
                count.requests += earlier.requests
                for source, (requests, used) in (earlier.sources or {}).items():
                    count.add_source(source, requests, used, is_full=False)
            counts[key_hour] = count
            self._size += count.size

    def _warn(self, message: str, *values: object) -> None:
        """Log a warning, at most one a minute."""
        if time.monotonic() - self._warned >= _WARNING_SECONDS:
            self._warned = time.monotonic()
            logger.warning(message, *values)


def _batch(counts: dict[tuple[str, int], _Count]) -> list[tuple[str, int]]:
    """Return the first keys and hours of `counts`, as many as one batch may have rows."""
    batch, rows = [], 0
    for key_hour, count in counts.items():
        batch.append(key_hour)
        rows += count.size
        if rows >= USAGE_BATCH:
            break
    return batch


def _key_hour(key_hour: tuple[str, int], count: _Count) -> KeyHour:
    key_id, hour = key_hour[0], key_hour[1] * _HOUR
    sources = tuple(
        SourceOfUse(key_id, hour, source, agent, requests, used)
        for (source, agent), (requests, used) in (count.sources or {}).items()
    )
    return KeyHour(key_id, hour, count.requests, count.used, printable(count.source), sources)
