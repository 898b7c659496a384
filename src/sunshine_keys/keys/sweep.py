"""The work in the background on keys that have an end: announce it, record it, and delete the key after a retention.

A key is refused from its end on whether this runs or not. What this adds is the audit trail's word, and finality: once the
end is recorded, a clock that goes back does not revive the key.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from sunshine_keys.keys.ends import AnnounceEnd, DeleteEndedKey, ExpireKey
from sunshine_keys.keys.lifetime import AHEAD, DAY_SECONDS
from sunshine_keys.keys.model import Key, Notice
from sunshine_keys.keys.rotations import ReportUse, Rotation, rotations_after
from sunshine_keys.keys.table import KEYS, keys_ending
from sunshine_keys.keys.usage import Usage, usage_of
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.change import Change, Superseded

SECONDS = 15.0
"""The time between two rounds."""

SETTLING_SECONDS = 60.0
"""For how long a clock has to go evenly before ends are recorded: a clock that is wrong for a moment must not end keys for good."""

REPORT_SECONDS = DAY_SECONDS
"""The time between two entries in the trail that a key with a successor is still used; also before the first."""

_JUMP_SECONDS = 5.0
_BATCH = 100

logger = logging.getLogger("sunshine_keys.keys")


class Sweep:
    """The work of one process. Several processes may do it at the same time."""

    def __init__(
        self,
        store: Store,
        retention_days: float,
        *,
        counts_usage: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keys that ended `retention_days` ago are deleted. `monotonic` is a clock that never steps, in seconds.

        Without `counts_usage`, nobody knows whether a key is used, so no key ends early.
        """
        self._store = store
        self._counts_usage = counts_usage
        self._retention = retention_days * DAY_SECONDS
        self._monotonic = monotonic
        self._offset: float | None = None
        self._even_since = 0.0

    async def run(self) -> None:
        """Do a round every SECONDS, until this is cancelled. Log failures."""
        while True:
            try:
                await self.once()
            except Exception as error:  # any failure: the next round tries again
                logger.warning("the ends of keys cannot be recorded, the next round tries again: %s", error)
            await asyncio.sleep(SECONDS)

    async def once(self) -> None:
        """Do what is due, unless the clock has stepped just now, or this node has no contact with the database's clock.

        Raises StoreUnavailable.
        """
        lease = self._store.lease
        if lease is not None and not lease.is_held:
            self._offset = None
        elif self._is_even(self._store.now()):
            await self.finish()

    async def finish(self) -> None:
        """Do what is due, and trust the clock whether it has stepped or not. Raises StoreUnavailable."""
        now = self._store.now()
        await self._announce(now)
        await self._watch_rotations(now)
        await self._finish(now)

    def _is_even(self, now: float) -> bool:
        """Return True if the clock has not stepped for SETTLING_SECONDS."""
        reading = self._monotonic()
        offset = now - reading
        if self._offset is None or abs(offset - self._offset) > _JUMP_SECONDS:
            self._even_since = reading
        self._offset = offset
        return reading - self._even_since >= SETTLING_SECONDS

    async def _announce(self, now: float) -> None:
        await self._apply(None, now, now + AHEAD[Notice.WEEK], lambda key: AnnounceEnd(key, _due(key, now)))
        await self._apply(Notice.WEEK, now, now + AHEAD[Notice.DAY], lambda key: AnnounceEnd(key, Notice.DAY))

    async def _watch_rotations(self, now: float) -> None:
        """Record, once a day, that a key with a successor is still used, and end those that nobody has used for long enough."""
        after = ""
        while rotations := await self._store.read(rotations_after(after, _BATCH)):
            after = rotations[-1].key_id
            usage = await self._store.read(usage_of([rotation.key_id for rotation in rotations], now))
            for rotation in rotations:
                key = await self._store.get(KEYS, rotation.key_id)
                if key is not None and not key.has_ended(now):
                    await self._watch(rotation, key, usage.get(rotation.key_id), now)

    async def _watch(self, rotation: Rotation, key: Key, usage: Usage | None, now: float) -> None:
        last_used = usage.last_used if usage is not None and usage.last_used is not None else rotation.began
        with suppress(Superseded):
            if rotation.quiet_seconds is not None and self._counts_usage:
                quiet = now - max(last_used, rotation.began)
                if quiet >= rotation.quiet_seconds:
                    reason = f"nobody has used it for {rotation.quiet_seconds} s, and it has a successor"
                    await self._store.transact(OPERATOR, ExpireKey(key, now, reason))
                    return
            reported = rotation.began if rotation.reported is None else rotation.reported
            if usage is not None and last_used > reported and now - reported >= REPORT_SECONDS:
                report = ReportUse(key, rotation.reported, now, last_used, usage.last_source)
                await self._store.transact(OPERATOR, report)

    async def _finish(self, now: float) -> None:
        for notice in (None, Notice.WEEK, Notice.DAY):
            await self._apply(notice, 0.0, now, lambda key: ExpireKey(key, now))
        await self._apply(Notice.ENDED, 0.0, now - self._retention, DeleteEndedKey)

    async def _apply(
        self, notice: Notice | None, after: float, until: float, change: Callable[[Key], Change[None]]
    ) -> None:
        """Apply a change to each key with this notice whose end is after `after` and not after `until`."""
        done = 1
        while done and (keys := await self._store.read(keys_ending(notice, after, until, _BATCH))):
            done = 0
            for key in keys:
                # If it is superseded, another process has done it, or somebody has changed the key.
                with suppress(Superseded):
                    await self._store.transact(OPERATOR, change(key))
                    done += 1


def _due(key: Key, now: float) -> Notice:
    assert key.expires_at is not None
    return Notice.DAY if key.expires_at - now <= AHEAD[Notice.DAY] else Notice.WEEK
