"""The ends of keys, on both stores: who may use an ended key, what counts, and what the work in the background does."""

from __future__ import annotations

import time

import msgspec
import pytest
from support.stores import ACCOUNT_KEY, KEY, key

from sunshine_keys.errors import BadRequest, Unauthorized
from sunshine_keys.integrations.changes import CreateIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.ends import AnnounceEnd, DeleteEndedKey, ExpireKey
from sunshine_keys.keys.lifetime import DAY_SECONDS, Lifetime
from sunshine_keys.keys.model import Key, Notice
from sunshine_keys.keys.sweep import SETTLING_SECONDS, Sweep
from sunshine_keys.keys.table import KEYS, keys_of_integration
from sunshine_keys.store import OPERATOR, Origin, Store
from sunshine_keys.store.change import Superseded

WEEK_SECONDS = 7 * DAY_SECONDS


class Clocks:
    """The clock of the store, and one that never steps, as a test moves them."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.now = time.time()
        self.monotonic = 1000.0
        monkeypatch.setattr(store, "now", lambda: self.now)
        self.sweep = Sweep(store, 30, monotonic=lambda: self.monotonic)

    async def go(self, seconds: float) -> None:
        """Let both clocks go on, without a step, and do what is due."""
        await self.store.ready()  # on PostgreSQL, nothing is done without a lease
        for part in (seconds / 2, seconds / 2):
            self.now, self.monotonic = self.now + part, self.monotonic + part
            await self.sweep.once()

    async def step(self, seconds: float) -> None:
        """Set the store's clock forward or back, and do what is due."""
        self.now += seconds
        await self.store.ready()
        await self.sweep.once()


@pytest.fixture
def clocks(store: Store, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(store, monkeypatch)


def ending(key_id: str, now: float, seconds: float) -> Key:
    lifetime = Lifetime(now, now + seconds)
    return msgspec.structs.replace(key(key_id), expires_at=lifetime.end, notice=lifetime.notice)


async def actions(store: Store, key_id: str) -> list[str]:
    return [entry.action for entry in await store.audit_entries(0, 1000) if entry.resource.endswith(key_id)]


async def test_a_key_keeps_its_end(store: Store, clocks: Clocks) -> None:
    created = ending("int_2", clocks.now, 0.125)
    await store.transact(OPERATOR, CreateKey(created))
    assert await store.get(KEYS, "int_2") == await store.credential("int_2") == created
    assert not created.has_ended(clocks.now)
    assert created.has_ended(clocks.now + 0.125)
    assert not KEY.has_ended(1e12)


async def test_the_trail_has_each_announcement_once(store: Store, clocks: Clocks) -> None:
    await store.transact(OPERATOR, CreateKey(ending("int_2", clocks.now, 30 * DAY_SECONDS)))
    for _ in range(3):
        await clocks.go(SETTLING_SECONDS)
    assert await actions(store, "int_2") == ["key.create"]
    await clocks.go(24 * DAY_SECONDS)
    await clocks.go(60)
    assert await actions(store, "int_2") == ["key.create", "key.expiring"]
    await clocks.go(5 * DAY_SECONDS)
    await clocks.go(60)
    assert await actions(store, "int_2") == ["key.create", "key.expiring", "key.expiring"]
    await clocks.go(DAY_SECONDS)
    await clocks.go(60)
    assert await actions(store, "int_2") == ["key.create", "key.expiring", "key.expiring", "key.expire"]
    assert (await store.get(KEYS, "int_2")).notice is Notice.ENDED  # type: ignore[union-attr]  # it is listed
    await clocks.go(29 * DAY_SECONDS)
    assert len(await keys_of_integration(store, "i")) == 2
    await clocks.go(2 * DAY_SECONDS)
    assert (await actions(store, "int_2"))[4:] == ["key.delete"]
    assert await store.get(KEYS, "int_2") is None
    assert (await actions(store, "int_1"))[1:] == []  # a key without an end is left alone


@pytest.mark.parametrize(
    ("seconds", "announcements"), [(DAY_SECONDS / 2, 0), (6 * DAY_SECONDS, 1), (8 * DAY_SECONDS, 2)]
)
async def test_an_announcement_that_was_due_when_the_key_was_made_is_left_out(
    store: Store, clocks: Clocks, seconds: float, announcements: int
) -> None:
    await store.transact(OPERATOR, CreateKey(ending("int_2", clocks.now, seconds)))
    for _ in range(10):
        await clocks.go(DAY_SECONDS)
    assert (await actions(store, "int_2")).count("key.expiring") == announcements


async def test_a_key_that_ended_while_nothing_ran_is_not_announced(store: Store, clocks: Clocks) -> None:
    await store.transact(OPERATOR, CreateKey(ending("int_2", clocks.now, 30 * DAY_SECONDS)))
    clocks.now, clocks.monotonic = clocks.now + 40 * DAY_SECONDS, clocks.monotonic + 40 * DAY_SECONDS
    await clocks.sweep.finish()
    assert await actions(store, "int_2") == ["key.create", "key.expire"]


async def test_a_recorded_end_is_final(store: Store, clocks: Clocks) -> None:
    await store.transact(OPERATOR, CreateKey(ending("int_2", clocks.now, 60)))
    await clocks.go(SETTLING_SECONDS)
    await clocks.go(300)
    await clocks.step(-DAY_SECONDS)
    ended = await store.credential("int_2")
    assert ended.has_ended(clocks.now)
    with pytest.raises(Unauthorized):
        await store.transact(Origin("int_2", request_id="r"), DeleteKey("a", "i", "int_1"))


async def test_a_clock_that_is_wrong_for_a_moment_ends_no_key_for_good(store: Store, clocks: Clocks) -> None:
    created = ending("int_2", clocks.now, DAY_SECONDS / 2)
    await store.transact(OPERATOR, CreateKey(created))
    await clocks.go(SETTLING_SECONDS)
    await clocks.go(SETTLING_SECONDS)
    await clocks.step(365 * DAY_SECONDS)
    assert (await store.credential("int_2")).has_ended(clocks.now)
    await clocks.go(SETTLING_SECONDS / 2)
    await clocks.step(-365 * DAY_SECONDS)
    assert await store.credential("int_2") == created
    assert not created.has_ended(clocks.now)
    assert await actions(store, "int_2") == ["key.create"]


@pytest.mark.parametrize("origin", ["key", "operator"])
async def test_a_change_by_an_ended_key_is_refused(store: Store, clocks: Clocks, origin: str) -> None:
    await store.transact(OPERATOR, CreateKey(ending("int_2", time.time() - 10, 5)))
    change = CreateKey(key("int_3"))
    if origin == "operator":
        await store.transact(OPERATOR, change)
        return
    with pytest.raises(Unauthorized):
        await store.transact(Origin("int_2", request_id="r"), change)
    assert await store.get(KEYS, "int_3") is None


async def test_ended_keys_do_not_count_towards_the_ten(store: Store, clocks: Clocks) -> None:
    for number in range(2, 11):
        await store.transact(OPERATOR, CreateKey(ending(f"int_{number}", clocks.now, 60), clocks.now))
    with pytest.raises(BadRequest, match="limited to 10"):
        await store.transact(OPERATOR, CreateKey(key("int_11"), clocks.now + 59))
    await store.transact(OPERATOR, CreateKey(key("int_11"), clocks.now + 60))
    assert len(await keys_of_integration(store, "i")) == 11


async def test_a_change_that_another_process_has_made_is_superseded_without_an_entry(
    store: Store, clocks: Clocks
) -> None:
    read = ending("int_2", clocks.now, 60)
    await store.transact(OPERATOR, CreateKey(read))
    await store.transact(OPERATOR, ExpireKey(read, clocks.now))
    before = len(await store.audit_entries(0, 1000))
    for change in (AnnounceEnd(read, Notice.DAY), ExpireKey(read, clocks.now), DeleteEndedKey(read)):
        with pytest.raises(Superseded):
            await store.transact(OPERATOR, change)
    assert len(await store.audit_entries(0, 1000)) == before


async def test_processes_that_sweep_together_record_each_end_once(store: Store, clocks: Clocks) -> None:
    import asyncio

    owners = ["i", "i2", "i3"]
    for owner in owners[1:]:
        await store.transact(OPERATOR, CreateIntegration(Integration(owner, "a", "custom", {}), []))
    for number in range(20):
        owner = owners[number // 8]
        item = msgspec.structs.replace(ending(f"int_x{number:02}", clocks.now, 60), integration_id=owner)
        await store.transact(OPERATOR, CreateKey(item, clocks.now))
    clocks.now += 120
    await asyncio.gather(*(Sweep(store, 30).finish() for _ in range(4)))
    entries = [entry for entry in await store.audit_entries(0, 1000) if entry.action == "key.expire"]
    assert len(entries) == len({entry.resource for entry in entries}) == 20


async def test_an_account_key_may_have_an_end(store: Store, clocks: Clocks) -> None:
    item = msgspec.structs.replace(ACCOUNT_KEY, id="act_2", expires_at=clocks.now + 60)
    await store.transact(OPERATOR, CreateKey(item))
    await clocks.go(300)
    await clocks.go(300)
    assert (await store.credential("act_2")).notice is Notice.ENDED


async def test_a_wrong_clock_announces_nothing_for_a_moment(store: Store, clocks: Clocks) -> None:
    await store.transact(OPERATOR, CreateKey(ending("int_2", clocks.now, 30 * DAY_SECONDS)))
    await clocks.go(2 * SETTLING_SECONDS)
    await clocks.step(25 * DAY_SECONDS)
    await clocks.step(-25 * DAY_SECONDS)
    assert await actions(store, "int_2") == ["key.create"]
    await clocks.go(2 * SETTLING_SECONDS)
    await clocks.go(25 * DAY_SECONDS)
    assert await actions(store, "int_2") == ["key.create", "key.expiring"]
