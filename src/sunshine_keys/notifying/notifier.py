"""Follow the audit trail and send its lifecycle events to the operator's target, in order, each at least once.

The trail is the outbox, and the position in it is a record in the store (`position`). Any process of any node may send; the
one that does so claims the record, counts a beat in it each second, and sends only for LEASE_SECONDS after a beat. Others
take over once they have seen no beat for TAKEOVER_SECONDS of their own clocks. While nothing happens, nothing is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from msgspec.structs import replace

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.ids import new_object_id
from sunshine_keys.notifying import position as positions
from sunshine_keys.notifying.events import Event, event_of, type_of
from sunshine_keys.notifying.position import Position
from sunshine_keys.notifying.targets import NotSent, Target
from sunshine_keys.store import OPERATOR, Store, StoreError, audit
from sunshine_keys.store.audit import Entry, Head
from sunshine_keys.store.statements import Statements

TICK_SECONDS = 1.0
LEASE_SECONDS = 4.0
TAKEOVER_SECONDS = 6.0

MOST_GAP = 300.0
"""The most seconds between two attempts. The gap begins at one second, and doubles with each failure."""

PATIENCE_SECONDS = 24 * 60 * 60
"""Seconds after which an event that the target keeps refusing is skipped. One that does not reach the target never is."""

CLOSE_SECONDS = 2.0

MOST_COUNTED = 10_000
"""The most entries of the trail in which unsent events are counted."""

_BATCH = 200
"""The entries that are read at once, and the most that are passed without a write of the position."""

logger = logging.getLogger("sunshine_keys.notifications")


class Unsent(NamedTuple):
    """The events after the position: their number, and the age of the oldest in seconds."""

    events: int
    oldest_seconds: float


class _Lost(Exception):
    """Another process has replaced the position, or this process has not been able to beat."""


class Notifier:
    """The notifier of one process."""

    def __init__(
        self,
        store: Store,
        target: Target,
        *,
        now: Callable[[], float] | None = None,
        takeover_seconds: float = TAKEOVER_SECONDS,
    ) -> None:
        """`now` returns the time in seconds since 1970; without it, the store's clock counts."""
        self.attempts: dict[str, int] = {}
        """The number of attempts, by outcome: `sent`, `refused`, `unreachable`, `skipped`."""
        self.sent: dict[str, int] = {}
        """The number of events that this process has sent, by type."""
        self._store = store
        self._target = target
        self._now = now or store.now
        self._takeover_seconds = takeover_seconds
        self._process = new_object_id()
        self._position = Position(0, "")
        """The position as this process wrote it last, while it has the claim."""
        self._beat_at = 0.0
        self._seen = ("", 0, 0.0)
        """Of another owner: its id and its beats as they were seen last, and when they were seen first."""
        self._quiet: tuple[Head, Position] | None = None
        """The end of the trail, and a position after which nothing is to be sent up to this end."""
        self._is_first = True
        """True before this process's first attempt, which does not wait: the operator may have mended the target."""
        self._accepted = ""
        """The id of an event that was sent, but whose position could not be written yet."""
        self._closing = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Notify in the background until `close`."""
        self._running = asyncio.create_task(self._run(), name="sunshine-keys-notifier")

    async def _run(self) -> None:
        while not self._closing.is_set():
            try:
                await self.tick()
            except (StoreUnavailable, StoreError) as error:
                logger.warning("notifications wait for the store: %s", error)
            except Exception:  # a mistake in this program must not end all notifications
                logger.exception("a notification failed, the next second tries again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), TICK_SECONDS)

    async def tick(self) -> None:
        """Send what is to be sent now. Raises StoreUnavailable, StoreError."""
        head = await self._store.read(audit.read_head())
        stored = await self._store.read(positions.read())
        if stored is not None and (head, stored) == self._quiet:
            return
        position = await self._checked(stored, head)
        if position is None or not self._is_free(position):
            return
        with contextlib.suppress(_Lost):
            self._position = position
            if await self._has_event():
                if self._is_due(position):
                    await self._send_all()
            else:
                self._quiet = (head, self._position)

    async def close(self) -> None:
        """Stop, and let other processes go on at once. An attempt that has begun may end within CLOSE_SECONDS."""
        self._closing.set()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=CLOSE_SECONDS)
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._position.owner == self._process:
            with contextlib.suppress(_Lost, StoreUnavailable, StoreError):
                await self._write(replace(self._position, owner=""))
        await self._target.close()

    # The position

    async def _checked(self, position: Position | None, head: Head) -> Position | None:
        """Return the position if it is one of this trail. Otherwise begin at the trail's end, and return None."""
        if position is None:
            logger.info("notifications begin after entry %d of the audit trail", head.sequence)
        elif (position.sequence, position.hash) == (0, Head().hash.hex()):
            return position
        elif position.sequence <= head.sequence:
            entries = await self._store.audit_entries(position.sequence - 1, 1)
            if entries and entries[0].sequence == position.sequence and entries[0].hash.hex() == position.hash:
                return position
        if position is not None:
            logger.error(
                "the audit trail is not the one that notifications have followed to entry %d: it was set back or replaced."
                " They go on after its entry %d; events before that may not have been sent",
                position.sequence,
                head.sequence,
            )
        begin = Position(0, "").at(head)
        await self._store.transact(OPERATOR, positions.Replace(position, begin))
        return None

    async def _write(self, position: Position) -> None:
        """Replace the position, which counts as a beat. Raises _Lost."""
        begun = time.monotonic()
        position = replace(position, beats=position.beats + 1)
        if not await self._store.transact(OPERATOR, positions.Replace(self._position, position)):
            raise _Lost
        self._position, self._beat_at = position, begun

    def _is_free(self, position: Position) -> bool:
        """Return True if this process may claim the position: no other owns it, or its owner does not beat."""
        if position.owner in ("", self._process):
            return True
        now = time.monotonic()
        owner, beats, since = self._seen
        if (owner, beats) != (position.owner, position.beats):
            self._seen = (position.owner, position.beats, now)
            return False
        return now - since > self._takeover_seconds

    def _is_due(self, position: Position) -> bool:
        return self._is_first or not self._now() < position.due <= self._now() + MOST_GAP

    # Events

    async def _entries(self) -> AsyncGenerator[tuple[Entry, str | None]]:
        """Yield the entries after the position, each with the type of its event."""
        after = self._position.sequence
        while entries := await self._store.audit_entries(after, _BATCH):
            for entry in entries:
                yield entry, await self._store.read(type_of(entry))
            after = entries[-1].sequence
            await asyncio.sleep(0)  # reads on SQLite do not wait

    async def _has_event(self) -> bool:
        """Return True if there is an event to send. Move the position behind whole batches without events. Raises _Lost."""
        passed = 0
        async with contextlib.aclosing(self._entries()) as entries:
            async for entry, type in entries:
                if type is not None:
                    return True
                passed += 1
                if passed == _BATCH:
                    passed = 0
                    await self._write(replace(self._position.at(_head(entry)), owner=""))
        return False

    async def _send_all(self) -> None:
        """Claim the position, and send events until there are no more, or one fails. Raises _Lost."""
        if self._position.owner not in ("", self._process):
            logger.info("this process goes on with the notifications of one that has ended")
        await self._write(replace(self._position, owner=self._process))
        async with contextlib.aclosing(self._entries()) as entries:
            async for entry, type in entries:
                if type is None:
                    continue
                event = await self._store.read(event_of(entry, type))
                if self._closing.is_set() or not await self._delivered(event):
                    break
                self._accepted = event.id
                await self._write(replace(self._position.at(_head(entry)), sent=audit.now()))
        await self._write(replace(self._position, owner=""))

    async def _delivered(self, event: Event) -> bool:
        """Attempt to send an event. Return True if it is done: sent, or skipped. Otherwise record the failure. Raises _Lost."""
        if event.id == self._accepted:
            return True
        self._is_first = False
        try:
            await self._send(event)
        except NotSent as failure:
            return await self._failed(event, failure)
        self._count("sent")
        self.sent[event.type] = self.sent.get(event.type, 0) + 1
        return True

    async def _send(self, event: Event) -> None:
        """Send an event, and beat meanwhile. Raises NotSent, _Lost."""
        if time.monotonic() - self._beat_at > LEASE_SECONDS:
            await self._write(self._position)
        sending = asyncio.ensure_future(self._target.send(event))
        try:
            while not (await asyncio.wait({sending}, timeout=TICK_SECONDS))[0]:
                try:
                    await self._write(self._position)
                except StoreUnavailable:
                    if time.monotonic() - self._beat_at > LEASE_SECONDS:
                        raise
        finally:
            sending.cancel()
        await sending

    async def _failed(self, event: Event, failure: NotSent) -> bool:
        """Record a failure. Return True if the event is skipped. Raises _Lost."""
        position, now = self._position, self._now()
        self._count("refused" if failure.is_reached else "unreachable")
        since = position.refused_since or (now if failure.is_reached else 0)
        if since and failure.is_reached and now - since > PATIENCE_SECONDS:
            self._count("skipped")
            logger.error(
                "the target of notifications has refused event %s (%s) for %d hours; it is skipped: %s",
                event.id, event.type, PATIENCE_SECONDS // 3600, failure,
            )  # fmt: skip
            return True
        gap = min(2.0 ** min(position.failures, 20), MOST_GAP)
        logger.warning(
            "event %s (%s) was not accepted, the next attempt is in %g seconds: %s", event.id, event.type, gap, failure
        )
        failures = position.failures + 1
        await self._write(replace(position, failures=failures, error=str(failure), refused_since=since, due=now + gap))
        return False

    def _count(self, outcome: str) -> None:
        self.attempts[outcome] = self.attempts.get(outcome, 0) + 1

    async def unsent(self) -> Unsent | None:
        """Return what is to be sent; None before the first look at the trail. Raises StoreUnavailable."""
        return await self._store.read_aside(unsent(self._now()))


def unsent(now: float) -> Statements[Unsent | None]:
    """Return the events after the position, among the first MOST_COUNTED entries; None if there is no position."""
    position = yield from positions.read()
    if position is None:
        return None
    count, oldest = 0, 0.0
    after, end = position.sequence, position.sequence + MOST_COUNTED
    while after < end and (entries := (yield from audit.entries_after(after, _BATCH))):
        for entry in entries:
            if (yield from type_of(entry)) is not None:
                count += 1
                if count == 1:
                    oldest = max(0.0, now - audit.seconds_of(entry.time))
        after = entries[-1].sequence
    return Unsent(count, oldest)


def _head(entry: Entry) -> Head:
    return Head(entry.sequence, entry.hash)
