"""The process that delivers: which deliveries are sent next, and what follows from the answers.

A change that raises an event stores its deliveries for the process that made it (`owner`), or for the process that delivers
the same queue already. So first attempts for one webhook and subject are in order, and no process needs to search for work.
A process counts a beat each second while it owns deliveries. It sends only for LEASE_SECONDS after a beat; others take over
its deliveries once they have seen no beat for TAKEOVER_SECONDS of their own clocks. Wall clocks do not matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence

import msgspec

from sunshine_keys.engine import Engine
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.ids import new_object_id
from sunshine_keys.sealing.sealer import SealError
from sunshine_keys.store import OPERATOR, Store, StoreError
from sunshine_keys.webhooks.courier import Courier, HttpCourier, NoReply
from sunshine_keys.webhooks.table import WEBHOOKS
from sunshine_messaging.delivery.changes import Beat, Leave, Settle, TakeOver
from sunshine_messaging.events.model import NO_OWNER, Attempt, Delivery, Listener
from sunshine_messaging.events.table import (
    SENDERS,
    due_deliveries,
    first_attempts,
    has_queue,
    next_owner,
    webhooks_of_owner,
)
from sunshine_messaging.moments import Milliseconds

GAPS = (15.0, 45.0, 180.0, 540.0)
"""Seconds between the attempts: five attempts within 15 minutes (documented: the number and the time)."""

LEASE_SECONDS = 4.0
TAKEOVER_SECONDS = 6.0
TICK_SECONDS = 1.0

_AT_ONCE = 32
"""The most calls to one target at the same time; a target that does not answer gets _AT_ONCE_FAILING."""
_AT_ONCE_FAILING = 8
_MOST_CALLS = 512
"""The most calls of a process at the same time."""
_WINDOW = 200
"""The deliveries of one webhook that are read from the store at once."""

logger = logging.getLogger("sunshine_keys.messaging")


class _Target:
    """The deliveries to one webhook that are in memory."""

    def __init__(self) -> None:
        self.after = 0
        self.may_have_more = True
        self.is_failing = False
        self.is_loading = False
        self.running = 0
        self.queues: dict[str, deque[Delivery]] = {}
        """By queue: what waits or is being sent. A further attempt is a queue of its own."""
        self.ready: deque[str] = deque()
        """The queues of which nothing is being sent."""

    @property
    def size(self) -> int:
        return sum(map(len, self.queues.values()))

    def add(self, queue: str, delivery: Delivery) -> None:
        waiting = self.queues.get(queue)
        if waiting is None:
            self.queues[queue] = deque([delivery])
            self.ready.append(queue)
        elif all(other.number != delivery.number for other in waiting):
            waiting.append(delivery)

    def take(self, most: int) -> dict[str, list[Delivery]]:
        """Return the next deliveries to send in one call, by queue. They stay in their queues until `done`."""
        taken: dict[str, list[Delivery]] = {}
        while self.ready and most > 0:
            queue = self.ready.popleft()
            taken[queue] = list(self.queues[queue])[:most]
            most -= len(taken[queue])
        return taken

    def done(self, taken: dict[str, list[Delivery]]) -> None:
        for queue, deliveries in taken.items():
            waiting = self.queues[queue]
            for _ in deliveries:
                waiting.popleft()
            if waiting:
                self.ready.append(queue)
            else:
                del self.queues[queue]


class DeliverySettings(msgspec.Struct, frozen=True):
    """How events are delivered.

    `courier` opens the courier at the first delivery. `batch` is the most events in one call. The time between attempts is
    multiplied by `gap_factor`.
    """

    courier: Callable[[], Courier] = HttpCourier
    batch: int = 1
    gap_factor: float = 1.0


class Deliverer:
    """The deliverer of one process. `now` returns the time in milliseconds since 1970."""

    def __init__(
        self, engine: Engine, store: Store, now: Callable[[], Milliseconds], settings: DeliverySettings
    ) -> None:
        self._engine = engine
        self._store = store
        self._now = now
        self._settings = settings
        self._courier: Courier | None = None
        self._beat_at: float | None = None
        """The time of the last beat, on the monotonic clock; None while this process owns no deliveries."""
        self._seen: dict[str, tuple[int | None, float]] = {}
        """Of other processes with deliveries: the beats that were seen last, and when they were seen first."""
        self._wakes = 0
        self._calls = 0
        self.attempts: dict[str, int] = {}
        """The number of calls, by outcome."""
        self._reset()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._ticking = asyncio.get_running_loop().create_task(self._tick_for_ever(), name="sunshine-delivery")

    def _reset(self) -> None:
        self.process = new_object_id()
        self._targets: dict[str, _Target] = {}
        self._begins = True

    def wake(self, listeners: Sequence[Listener]) -> None:
        """Deliver what has been stored for these webhooks."""
        self._wakes += 1
        if listeners and self._beat_at is None:
            # Others notice a new owner at the earliest now, so its lease begins without a beat.
            self._beat_at = time.monotonic()
        for listener in listeners:
            self._load_soon(listener.webhook_id)

    async def delivered(self, seconds: float) -> None:
        """Wait until every event of the store has been attempted once. Raises TimeoutError, StoreUnavailable."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while await self._store.read(has_queue()):
            if loop.time() > end:
                raise TimeoutError(f"the webhooks did not answer within {seconds:g} seconds")
            await asyncio.sleep(0.002)

    def forget(self) -> None:
        """Forget what has been read from the store, which another state has replaced."""
        self._targets.clear()

    # From the store into memory

    def _load_soon(self, webhook_id: str) -> None:
        target = self._targets.setdefault(webhook_id, _Target())
        target.may_have_more = True
        if not target.is_loading and target.size < _WINDOW and not self._is_closing:
            target.is_loading = True
            self._start_task(self._load(webhook_id, target))

    async def _load(self, webhook_id: str, target: _Target) -> None:
        try:
            while target.may_have_more and target.size < _WINDOW:
                target.may_have_more = False
                items = await self._store.read(first_attempts(self.process, webhook_id, target.after, _WINDOW))
                if self._targets.get(webhook_id) is not target:
                    return  # another process has taken over
                for delivery in items:
                    assert delivery.queue is not None
                    target.add(delivery.queue, delivery)
                    target.after = delivery.number
                target.may_have_more = target.may_have_more or len(items) == _WINDOW
                self._send_ready(webhook_id, target)
        except StoreUnavailable:
            target.may_have_more = True  # the next tick tries again
        finally:
            target.is_loading = False

    async def _load_due(self) -> None:
        for delivery in await self._store.read(due_deliveries(self.process, self._now(), _WINDOW)):
            target = self._targets.setdefault(delivery.webhook_id, _Target())
            target.add(f"{delivery.number}", delivery)
            self._send_ready(delivery.webhook_id, target)

    # From memory to the targets

    def _send_ready(self, webhook_id: str, target: _Target) -> None:
        most = _AT_ONCE_FAILING if target.is_failing else _AT_ONCE
        while target.ready and target.running < most and self._calls < _MOST_CALLS and not self._is_closing:
            target.running += 1
            self._calls += 1
            self._start_task(self._send(webhook_id, target, target.take(self._settings.batch)))

    async def _send(self, webhook_id: str, target: _Target, taken: dict[str, list[Delivery]]) -> None:
        deliveries = [delivery for queue in taken.values() for delivery in queue]
        try:
            if not self._has_lease():
                await self._beat()
            if self._targets.get(webhook_id) is not target:
                return
            attempt = await self._attempt(webhook_id, deliveries)
            if attempt is not None:
                self.attempts[attempt.outcome] = self.attempts.get(attempt.outcome, 0) + 1
                target.is_failing = attempt.status is None
            if await self._settle(deliveries, attempt):
                target.may_have_more = True
            target.done(taken)
        except (StoreUnavailable, StoreError) as error:
            # They stay in the store, and begin again with everything else of this webhook.
            logger.warning("deliveries to webhook %s wait for the store: %s", webhook_id, error)
            self._targets.pop(webhook_id, None)
        finally:
            target.running -= 1
            self._calls -= 1
        if self._targets.get(webhook_id) is target and not self._is_closing:
            self._send_ready(webhook_id, target)
            if target.may_have_more and not target.is_loading and target.size < _WINDOW // 2:
                self._load_soon(webhook_id)
            if self._calls == _MOST_CALLS - 1:
                for other_id, other in list(self._targets.items()):
                    self._send_ready(other_id, other)

    async def _attempt(self, webhook_id: str, deliveries: list[Delivery]) -> Attempt | None:
        """Send one call. Return None if the webhook has been deleted. Raises StoreUnavailable."""
        webhook = await self._engine.store.get(WEBHOOKS, webhook_id)
        if webhook is None:
            return None
        started, begun = self._now(), time.perf_counter()
        try:
            secret = await self._engine.unseal(webhook.sealed_secret, webhook.id)
            if self._courier is None:
                self._courier = self._settings.courier()
            reply = await self._courier.post(webhook.target, secret, _envelope(webhook_id, deliveries))
        except (NoReply, SealError) as error:
            return Attempt(started, _milliseconds(begun), error=str(error))
        return Attempt(started, _milliseconds(begun), reply.status, reply.body)

    async def _settle(self, deliveries: list[Delivery], attempt: Attempt | None) -> bool:
        is_final = attempt is None or attempt.outcome in ("delivered", "refused")
        dues = [None if is_final else self._next_attempt(delivery) for delivery in deliveries]
        return await self._store.transact(OPERATOR, Settle(self.process, deliveries, dues, attempt))

    def _next_attempt(self, delivery: Delivery) -> Milliseconds | None:
        attempted = len(delivery.attempts)
        if attempted == len(GAPS):
            return None
        return self._now() + int(GAPS[attempted] * self._settings.gap_factor * 1000)

    # Which process delivers what

    def _has_lease(self) -> bool:
        return self._beat_at is not None and time.monotonic() - self._beat_at < LEASE_SECONDS

    async def _beat(self) -> None:
        """Count a beat. If others may have taken over, begin again as a new process."""
        begun = time.monotonic()
        is_late = self._begins and not self._has_lease()
        if not is_late and await self._store.transact(OPERATOR, Beat(self.process, self._begins)):
            self._begins = False
            self._beat_at = begun
            return
        logger.warning("another process has taken over the deliveries of this one, which had stopped for a time")
        self._reset()
        self._beat_at = None

    async def _tick_for_ever(self) -> None:
        while True:
            try:
                await self.tick()
            except (StoreUnavailable, StoreError) as error:
                logger.warning("the store of deliveries cannot be read, the next second tries again: %s", error)
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        """Do what is due: a beat, further attempts, and the work of processes that have ended. Raises StoreUnavailable."""
        wakes = self._wakes
        owns = await self._look_at_owners()
        if not owns:
            if wakes == self._wakes and not any(target.queues for target in self._targets.values()):
                self._targets.clear()
                self._beat_at, self._begins = None, True
            return
        await self._beat()
        for webhook_id in await self._store.read(webhooks_of_owner(self.process)):
            self._load_soon(webhook_id)
        await self._load_due()

    async def _look_at_owners(self) -> bool:
        """Take over the deliveries of processes that do not beat. Return True if this process owns deliveries."""
        owns, seen = False, dict[str, tuple[int | None, float]]()
        owner = await self._store.read(next_owner(""))
        while owner is not None:
            if owner == self.process or await self._has_ended(owner, seen):
                owns = True
            owner = await self._store.read(next_owner(owner))
        self._seen = seen
        return owns

    async def _has_ended(self, owner: str, seen: dict[str, tuple[int | None, float]]) -> bool:
        """Take over the deliveries of another process, and return True, if it does not beat. Add to `seen` what it does."""
        sender = await self._store.get(SENDERS, owner)
        beats, now = None if sender is None else sender.beats, time.monotonic()
        before = self._seen.get(owner)
        seen[owner] = before if before is not None and before[0] == beats else (beats, now)
        if owner != NO_OWNER and now - seen[owner][1] <= TAKEOVER_SECONDS:
            return False
        await self._take_over(owner, beats)
        return True

    async def _take_over(self, owner: str, beats: int | None) -> None:
        logger.info("this process takes over the deliveries of one that has ended")
        if self._beat_at is None:
            self._beat_at = time.monotonic()
        while await self._store.transact(OPERATOR, TakeOver(self.process, owner, beats)):
            beats = None
        for target in self._targets.values():
            target.after = 0

    def _start_task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop. Calls that have begun end; what is left stays in the store for another process."""
        self._is_closing = True
        self._ticking.cancel()
        await asyncio.gather(self._ticking, return_exceptions=True)
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
            for task in self._tasks:
                task.cancel()
        with contextlib.suppress(StoreUnavailable, StoreError):
            while await self._store.transact(OPERATOR, Leave(self.process)):
                pass
        if self._courier is not None:
            await self._courier.close()


def _envelope(webhook_id: str, deliveries: list[Delivery]) -> bytes:
    head = {"app": {"id": deliveries[0].app_id}, "webhook": {"id": webhook_id, "version": "v2"}}
    events = b",".join(delivery.event for delivery in deliveries)
    return msgspec.json.encode(head)[:-1] + b',"events":[' + events + b"]}"


def _milliseconds(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 1)
