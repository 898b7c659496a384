"""The log of deliveries: what is stored for how long, and what another process takes over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.stores import entered
from support.wire import Place

from sunshine_keys.compose import open_engine
from sunshine_keys.first_run import initialise
from sunshine_keys.ids import new_object_id
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.statements import Statements
from sunshine_keys.webhooks.courier import NoReply, Reply
from sunshine_messaging.conversations.changes import CreateConversation
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.delivery import deliverer
from sunshine_messaging.delivery.changes import Settle, TakeOver
from sunshine_messaging.events.model import Attempt, Delivery
from sunshine_messaging.events.table import DELIVERIES
from sunshine_messaging.messages.changes import Author, PostMessage
from sunshine_messaging.plane import DeliverySettings, Plane

HOUR = 3600


class Courier:
    """Records what it carries, and answers with `status`; None is no answer."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status: int | None = 200

    async def post(self, url: str, secret: str, body: bytes) -> Reply:
        self.bodies.append(body)
        if self.status is None:
            raise NoReply("nobody is there")
        return Reply(self.status, "fine")

    async def head(self, url: str) -> Reply:
        return Reply(200)

    async def close(self) -> None: ...


class Fixture:
    """A plane with a conversation in an app whose webhook hears messages."""

    def __init__(self, plane: Plane, app_id: str, courier: Courier) -> None:
        self.plane, self.app_id, self.courier = plane, app_id, courier
        self.seconds = 1_700_000_000.0
        plane.clock = lambda: self.seconds
        self.conversation_id = new_object_id()

    async def create(self) -> None:
        text = "2020-05-21T15:53:30.197Z"
        conversation = Conversation(
            self.conversation_id, self.app_id, "sdkGroup", False, None, None, None, None, text, text
        )
        await self.plane.announce(OPERATOR, self.app_id, CreateConversation(conversation, []))

    async def post(self) -> None:
        content = [{"type": "text", "text": "Hello!"}]
        change = PostMessage(self.app_id, self.conversation_id, Author(None), content, None, None, self.plane.now())
        await self.plane.announce(OPERATOR, self.app_id, change)

    async def rows(self) -> list[Delivery]:
        return await self.plane.store.select(DELIVERIES, "ORDER BY number")

    async def settled(self) -> list[Delivery]:
        """Return all deliveries once each has had an attempt."""
        for _ in range(1000):
            rows = await self.rows()
            if all(row.attempts for row in rows):
                return rows
            await asyncio.sleep(0.01)
        raise AssertionError("there was no attempt")


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Fixture]:
    courier = Courier()
    engine = await open_engine(place.settings, delivery=lambda: DeliverySettings(lambda: courier))
    try:
        sample = await initialise(engine, sample=True)
        assert sample is not None and engine.messaging is not None
        fixture = Fixture(await engine.messaging.plane(engine), sample["app"]["id"], courier)
        await fixture.create()
        yield fixture
    finally:
        await engine.close()


@pytest.fixture
def log(runner: asyncio.Runner, place: Place) -> Iterator[Fixture]:
    yield from entered(runner, opened(place))


async def test_further_attempts_follow_the_documented_gaps(log: Fixture) -> None:
    log.courier.status = None
    await log.post()
    (row,) = await log.settled()
    times = [log.plane.now()]
    for gap in (15, 45, 180, 540):
        assert row.due == log.plane.now() + gap * 1000
        log.seconds += gap - 0.001
        await log.plane.deliverer.tick()
        await asyncio.sleep(0.05)
        assert len((await log.rows())[0].attempts) == len(times)
        log.seconds += 0.001
        await log.plane.deliverer.tick()
        times.append(log.plane.now())
        for _ in range(1000):
            (row,) = await log.rows()
            if len(row.attempts) == len(times):
                break
            await asyncio.sleep(0.01)
    assert (row.state, row.due, row.owner) == ("failed", None, None)
    assert [attempt["started"] for attempt in row.attempts] == times
    assert {attempt["error"] for attempt in row.attempts} == {"nobody is there"}
    assert times[-1] - times[0] <= 15 * 60 * 1000
    assert len(set(log.courier.bodies)) == 1
    assert log.plane.deliverer.attempts == {"no_answer": 5}


async def test_events_are_stored_for_a_day_and_lines_for_seven(log: Fixture) -> None:
    await log.post()
    await log.settled()
    log.seconds += 23 * HOUR
    await log.post()
    first, second = await log.settled()
    await log.plane.prune()
    assert [bool(row.event) for row in await log.rows()] == [True, True]
    log.seconds += 2 * HOUR
    await log.plane.prune()
    assert [bool(row.event) for row in await log.rows()] == [False, True]
    log.seconds += 6 * 24 * HOUR
    await log.plane.prune()
    assert [(row.number, row.event) for row in await log.rows()] == [(second.number, b"")]
    log.seconds += 24 * HOUR
    await log.plane.prune()
    assert await log.rows() == []
    assert first.number < second.number


async def test_pending_deliveries_are_never_pruned(log: Fixture) -> None:
    log.courier.status = 500
    await log.post()
    await log.settled()
    log.seconds += 30 * 24 * HOUR
    await log.plane.prune()
    (row,) = await log.rows()
    assert row.event and row.state == "pending"


async def test_process_that_lost_its_deliveries_settles_none_of_them(log: Fixture) -> None:
    log.courier.status = 500
    await log.post()
    (row,) = await log.settled()
    store, process = log.plane.store, log.plane.deliverer.process
    assert row.owner == process
    await log.plane.deliverer.tick()  # it beats, so nobody can take over without having seen that
    assert not await store.transact(OPERATOR, TakeOver("f" * 24, process, None))
    assert (await log.rows())[0].owner == process
    await store.transact(OPERATOR, TakeOver("f" * 24, process, 1))
    assert (await log.rows())[0].owner == "f" * 24
    await store.transact(OPERATOR, Settle(process, [row], [None], Attempt(1, 1.0, 200)))
    (after,) = await log.rows()
    assert (after.state, after.owner, after.attempts) == ("pending", "f" * 24, row.attempts)
    log.courier.status = 200
    await log.post()
    for _ in range(1000):
        if (await log.rows())[1].state == "delivered":
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it delivers no more")


async def test_event_of_a_process_that_looks_for_work_at_that_moment_is_sent_at_once(
    log: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, process = log.plane.store, log.plane.deliverer.process
    read, has_posted = store.read, False

    async def read_and_post(statements: Statements[Any]) -> Any:
        nonlocal has_posted
        result = await read(statements)
        if not has_posted:
            has_posted = True
            await log.post()
        return result

    monkeypatch.setattr(store, "read", read_and_post)
    await log.plane.deliverer.tick()
    assert has_posted
    await log.settled()
    assert len(log.courier.bodies) == 1
    assert log.plane.deliverer.process == process


async def test_deliveries_of_a_process_that_has_gone_are_taken_over(
    log: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.courier.status = 500
    await log.post()
    (row,) = await log.settled()
    ended = "e" * 24
    await log.plane.store.transact(OPERATOR, TakeOver(ended, log.plane.deliverer.process, None))
    monkeypatch.setattr(deliverer, "TAKEOVER_SECONDS", 0.2)
    log.courier.status = 200
    log.seconds += 15
    for _ in range(1000):
        await log.plane.deliverer.tick()
        (row,) = await log.rows()
        if row.state == "delivered":
            break
        await asyncio.sleep(0.01)
    assert row.state == "delivered" and len(log.courier.bodies) == 2


async def test_pending_events_are_counted(log: Fixture) -> None:
    log.courier.status = 500
    await log.post()
    await log.settled()
    log.seconds += 4
    pending = await log.plane.pending()
    assert (pending.events, pending.oldest_seconds) == (1, 4.0)
