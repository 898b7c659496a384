"""The notifier sends each event of the trail at least once and in order, whoever sends it and whatever fails."""

from __future__ import annotations

import asyncio
import logging

import pytest
from msgspec.structs import replace
from support.notified import Clock, Recorder, begun, delete, new_key, position_of, until
from support.stores import Open, filled, opened

from sunshine_keys.apps.changes import CreateApp, UpdateApp
from sunshine_keys.apps.model import App, AppPatch
from sunshine_keys.notifying import notifier as module
from sunshine_keys.notifying.notifier import MOST_GAP, PATIENCE_SECONDS, Notifier, unsent
from sunshine_keys.notifying.position import Replace
from sunshine_keys.notifying.targets import NotSent
from sunshine_keys.store import OPERATOR, Store, audit

DOWN = NotSent("refused", is_reached=False)
BROKEN = NotSent("it answered 500", is_reached=True)


async def test_notifications_begin_at_the_end_of_the_trail(store: Store) -> None:
    await new_key(store, "before")
    target = Recorder()
    notifier = await begun(store, target)
    await notifier.tick()
    assert target.events == []
    await new_key(store, "after")
    await notifier.tick()
    assert [event.key and event.key.display_name for event in target.events] == ["after"]


async def test_events_are_sent_once_and_in_order(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    keys = [await new_key(store, f"key {number}") for number in range(5)]
    await delete(store, keys[0])
    for _ in range(3):
        await notifier.tick()
    assert target.types == ["key.created"] * 5 + ["key.deleted"]
    assert [event.key and event.key.id for event in target.events] == [*(key.id for key in keys), keys[0].id]
    head = await store.read(audit.read_head())
    position = await position_of(store)
    assert (position.sequence, position.hash, position.owner) == (head.sequence, head.hash.hex(), "")


async def test_nothing_is_written_while_nothing_happens(store: Store) -> None:
    notifier = await begun(store, Recorder())
    await new_key(store)
    await notifier.tick()
    before = store.commits.sizes.total
    for _ in range(10):
        await notifier.tick()
    assert store.commits.sizes.total == before


async def test_entries_without_events_are_passed_without_a_write_for_each(store: Store) -> None:
    await store.transact(OPERATOR, CreateApp(App("z", "z", {}, {})))
    target = Recorder()
    notifier = await begun(store, target)
    begin = await position_of(store)
    patches = [store.transact(OPERATOR, UpdateApp("z", AppPatch(display_name=f"{number}"))) for number in range(450)]
    await asyncio.gather(*patches)
    before = store.commits.sizes.total
    await notifier.tick()
    assert store.commits.sizes.total - before == 2
    assert (await position_of(store)).sequence == begin.sequence + 400
    await new_key(store)
    await notifier.tick()
    assert target.types == ["key.created"]


async def test_another_notifier_goes_on_where_the_first_stopped(store: Store) -> None:
    first, second = Recorder(), Recorder()
    notifier = await begun(store, first)
    await new_key(store)
    await notifier.tick()
    await notifier.close()
    await new_key(store)
    await Notifier(store, second).tick()
    assert (first.types, second.types) == (["key.created"], ["key.created"])
    assert first.events[0].id != second.events[0].id


async def test_an_event_whose_position_was_not_written_is_sent_again_with_the_same_id(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    before = await position_of(store)
    await new_key(store)
    await notifier.tick()
    # As a kill between sending and writing leaves it: the claim of a process that no longer beats.
    claimed = replace(before, owner="a process that was killed", beats=7)
    assert await store.transact(OPERATOR, Replace(await position_of(store), claimed))
    other = Notifier(store, target, takeover_seconds=0.05)
    await other.tick()
    assert len(target.events) == 1, "the owner may still be alive"
    await asyncio.sleep(0.1)
    await other.tick()
    assert [event.id for event in target.events] == [target.events[0].id] * 2


async def test_a_process_that_beats_keeps_its_claim(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.02)
    first, second = Recorder(), Recorder()
    finish = asyncio.Event()

    async def wait() -> None:
        await finish.wait()

    first.before = wait
    notifier = await begun(store, first)
    await new_key(store)
    sending = asyncio.create_task(notifier.tick())
    await until(lambda: first.attempts == 1)
    other = Notifier(store, second, takeover_seconds=1)
    beats = (await position_of(store)).beats
    async with asyncio.timeout(60):
        while (await position_of(store)).beats < beats + 5:
            await other.tick()
            await asyncio.sleep(0.01)
    finish.set()
    await sending
    assert (first.types, second.types) == (["key.created"], [])


async def test_a_process_that_lost_its_claim_stops_sending(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.02)
    target = Recorder()

    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    target.before = wait_for_ever
    notifier = await begun(store, target)
    await new_key(store)
    sending = asyncio.create_task(notifier.tick())
    await until(lambda: target.attempts == 1)
    while True:
        position = await position_of(store)
        if await store.transact(OPERATOR, Replace(position, replace(position, owner="another"))):
            break
    async with asyncio.timeout(60):
        await sending
    assert (await position_of(store)).owner == "another"
    assert target.events == []


async def test_several_notifiers_send_each_event_once(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    target = Recorder()
    async with filled(open_store) as store, opened(open_store) as other_node:
        notifiers = [await begun(place, target) for place in (store, store, other_node)]
        for notifier in notifiers:
            notifier.start()
        keys = [await new_key(store) for _ in range(30)]
        await until(lambda: len(target.events) >= 30)
        for notifier in notifiers:
            await notifier.close()
    assert [event.key and event.key.id for event in target.events] == [key.id for key in keys]


async def test_failures_are_retried_with_growing_gaps(store: Store) -> None:
    target, clock = Recorder(), Clock()
    target.failure = DOWN
    notifier = await begun(store, target, clock)
    await new_key(store)
    gaps = []
    for _ in range(12):
        await notifier.tick()
        attempts, due = target.attempts, (await position_of(store)).due
        gaps.append(due - clock.seconds)
        clock.seconds = due - 0.5
        await notifier.tick()
        assert target.attempts == attempts, "this attempt is too early"
        clock.seconds = due
    assert gaps[:4] == pytest.approx([1, 2, 4, 8])
    assert gaps[-1] == pytest.approx(MOST_GAP)
    target.failure = None
    await new_key(store)
    await notifier.tick()
    assert target.types == ["key.created"] * 2
    assert notifier.attempts == {"unreachable": 12, "sent": 2}
    assert (await position_of(store)).failures == 0


async def test_a_process_that_starts_does_not_wait_for_the_next_attempt(store: Store) -> None:
    target, clock = Recorder(), Clock()
    target.failure = DOWN
    notifier = await begun(store, target, clock)
    await new_key(store)
    for _ in range(6):
        await notifier.tick()
        clock.seconds = (await position_of(store)).due
    clock.seconds -= 20
    target.failure = None
    await Notifier(store, target, now=clock).tick()
    assert target.types == ["key.created"]


async def test_an_attempt_that_is_due_in_the_far_future_is_made_now(store: Store) -> None:
    target, clock = Recorder(), Clock()
    clock.seconds += 10 * MOST_GAP
    target.failure = DOWN
    notifier = await begun(store, target, clock)
    await new_key(store)
    await notifier.tick()
    clock.seconds -= 10 * MOST_GAP  # the clock was wrong
    target.failure = None
    await notifier.tick()
    assert target.types == ["key.created"]


async def test_an_event_that_is_refused_for_a_day_is_skipped(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    target, clock = Recorder(), Clock()
    target.failure = BROKEN
    notifier = await begun(store, target, clock)
    poison = await new_key(store)
    await notifier.tick()
    clock.seconds += PATIENCE_SECONDS - 60
    await notifier.tick()
    assert notifier.attempts == {"refused": 2}
    clock.seconds += 400
    with caplog.at_level(logging.ERROR):
        await notifier.tick()
    assert notifier.attempts == {"refused": 3, "skipped": 1}
    assert "skipped: it answered 500" in caplog.text
    target.failure = None
    await new_key(store)
    await notifier.tick()
    assert poison.id not in {event.key.id for event in target.events if event.key}
    assert target.types == ["key.created"]


async def test_no_event_is_skipped_because_its_target_cannot_be_reached(store: Store) -> None:
    target, clock = Recorder(), Clock()
    target.failure = DOWN
    notifier = await begun(store, target, clock)
    await new_key(store)
    await notifier.tick()
    clock.seconds += 30 * PATIENCE_SECONDS
    await notifier.tick()
    target.failure = None
    clock.seconds += MOST_GAP
    await notifier.tick()
    assert target.types == ["key.created"]


@pytest.mark.parametrize("wrong", [{"sequence": 10_000}, {"hash": "00" * 32}])
async def test_a_trail_that_was_set_back_is_followed_from_its_end(
    store: Store, wrong: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    await new_key(store)
    await notifier.tick()
    position = await position_of(store)
    assert await store.transact(OPERATOR, Replace(position, replace(position, **wrong)))
    with caplog.at_level(logging.ERROR):
        await notifier.tick()
    assert "it was set back or replaced" in caplog.text
    await new_key(store)
    await notifier.tick()
    assert target.types == ["key.created"] * 2


async def test_unsent_events_are_counted_with_the_age_of_the_oldest(store: Store) -> None:
    assert await store.read(unsent(0)) is None
    target, clock = Recorder(), Clock()
    target.failure = DOWN
    notifier = await begun(store, target, clock)
    assert await notifier.unsent() == (0, 0)
    for _ in range(3):
        await new_key(store)
    await notifier.tick()
    clock.seconds += 100
    waiting = await notifier.unsent()
    assert waiting is not None
    assert waiting.events == 3
    assert 90 < waiting.oldest_seconds < 200
