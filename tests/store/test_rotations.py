"""Rotations of keys, on both stores: both keys, the limit, repetitions, and what the work in the background does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest
from support.stores import KEY, key

from sunshine_keys.errors import AppNotFound, BadRequest, IntegrationNotFound, NotFound
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.lifetime import DAY_SECONDS
from sunshine_keys.keys.model import Key, Notice
from sunshine_keys.keys.rotations import ROTATIONS, KeepKey, Rotated, RotateKey, Unchanged
from sunshine_keys.keys.sweep import Sweep
from sunshine_keys.keys.table import KEYS, keys_of_integration
from sunshine_keys.keys.usage import KeyHour, SourceOfUse, sources_of
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.change import Superseded

WEEK = int(7 * DAY_SECONDS)


@pytest.fixture
def now() -> float:
    return float(int(time.time()))


def rotation(now: float, successor: str = "int_2", **values: Any) -> RotateKey:
    fields = {"app_id": "a", "integration_id": "i", "key_id": "int_1", "grace_seconds": WEEK, "quiet_seconds": None}
    return RotateKey(successor_id=successor, sealed_secret=b"sealed-2", now=now, **fields | values)


async def actions(store: Store) -> list[str]:
    entries = await store.audit_entries(0, 1000)
    return [entry.action for entry in entries if entry.action not in ("store.initialise", "key.create")]


async def end_of(store: Store, key_id: str) -> float | None:
    read: Key | None = await store.credential(key_id)
    assert read is not None
    return read.expires_at


async def test_successor_has_name_scope_and_owner_and_the_key_ends(store: Store, now: float) -> None:
    rotated = await store.transact(OPERATOR, rotation(now))
    assert rotated.successor == msgspec.structs.replace(KEY, id="int_2", sealed_secret=b"sealed-2")
    assert rotated.key == msgspec.structs.replace(KEY, expires_at=now + WEEK, notice=Notice.WEEK)
    assert await store.credential("int_1") == rotated.key
    assert await store.credential("int_2") == rotated.successor
    assert await store.get(ROTATIONS, "int_1") == rotated.rotation
    (entry,) = [entry for entry in await store.audit_entries(0, 100) if entry.action == "key.rotate"]
    assert entry.resource == "apps/a/integrations/i/keys/int_1"
    assert entry.note == f"successor int_2, grace {WEEK} s"


async def test_a_repetition_keeps_the_successor_and_writes_nothing(store: Store, now: float) -> None:
    first = await store.transact(OPERATOR, rotation(now))
    with pytest.raises(Unchanged) as unchanged:
        await store.transact(OPERATOR, rotation(now + 3600, "int_3"))
    assert unchanged.value.rotated == first
    assert await store.get(KEYS, "int_3") is None
    assert await actions(store) == ["key.rotate"]


async def test_rotations_at_the_same_time_make_one_successor(store: Store, now: float) -> None:
    attempts = [store.transact(OPERATOR, rotation(now, f"int_{number}")) for number in range(2, 10)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, Rotated) for result in results) == 1
    assert all(isinstance(result, Rotated | Unchanged) for result in results)
    assert len(await keys_of_integration(store, "i")) == 2


@pytest.mark.parametrize("grace", [0, 3600, 30 * 86400])
async def test_another_grace_period_counts_from_the_beginning(store: Store, now: float, grace: int) -> None:
    await store.transact(OPERATOR, rotation(now))
    rotated = await store.transact(OPERATOR, rotation(now + 60, "int_3", grace_seconds=grace, quiet_seconds=90))
    assert rotated.key.expires_at == await end_of(store, "int_1") == now + grace
    assert (rotated.successor.id, rotated.rotation.quiet_seconds) == ("int_2", 90)
    assert rotated.key.has_ended(now + 60) is (grace == 0)


async def test_a_key_ends_no_later_than_it_would_have(store: Store, now: float) -> None:
    old = f"int_{int(now) - 86400:08x}{'0' * 16}"
    ending = msgspec.structs.replace(key(old), expires_at=now + 3600)
    await store.transact(OPERATOR, CreateKey(ending))
    rotated = await store.transact(OPERATOR, rotation(now, key_id=old))
    assert rotated.key.expires_at == now + 3600
    assert rotated.successor.expires_at == now + 86400 + 3600  # as long as the key would have lived
    with pytest.raises(Unchanged):
        await store.transact(OPERATOR, rotation(now + 5, key_id=old))


async def test_works_at_nine_and_ten_keys_and_not_at_eleven(store: Store, now: float) -> None:
    for number in range(10, 18):
        await store.transact(OPERATOR, CreateKey(key(f"int_{number}"), now))
    await store.transact(OPERATOR, rotation(now, "int_2"))
    await store.transact(OPERATOR, rotation(now, "int_3", key_id="int_10"))
    assert len(await keys_of_integration(store, "i")) == 11
    with pytest.raises(BadRequest, match="limited to 10 API keys and the successor"):
        await store.transact(OPERATOR, rotation(now, "int_4", key_id="int_11"))
    with pytest.raises(BadRequest, match="limited to 10"):
        await store.transact(OPERATOR, CreateKey(key("int_4"), now))
    await store.transact(OPERATOR, rotation(now + WEEK, "int_4", key_id="int_11"))  # the first two have ended


async def test_an_ended_key_is_not_rotated(store: Store, now: float) -> None:
    await store.transact(OPERATOR, CreateKey(msgspec.structs.replace(key("int_9"), expires_at=now)))
    with pytest.raises(BadRequest, match="has ended"):
        await store.transact(OPERATOR, rotation(now, key_id="int_9"))


async def test_a_missing_or_foreign_key_is_not_rotated(store: Store, now: float) -> None:
    for fields, error in (
        ({"key_id": "int_x"}, NotFound),
        ({"key_id": "app_1"}, NotFound),
        ({"app_id": "b"}, AppNotFound),
        ({"integration_id": "x"}, IntegrationNotFound),
        ({"integration_id": "w"}, BadRequest),
        ({"app_id": None, "integration_id": None}, NotFound),
    ):
        with pytest.raises(error):
            await store.transact(OPERATOR, rotation(now, **fields))
    assert len(await keys_of_integration(store, "i")) == 1


async def test_the_deleted_successor_gives_the_key_its_end_back(store: Store, now: float) -> None:
    rotated = await store.transact(OPERATOR, rotation(now))
    await store.transact(OPERATOR, KeepKey(rotated.key, "int_2", now))
    await store.transact(OPERATOR, DeleteKey("a", "i", "int_2"))
    assert await store.credential("int_1") == KEY
    assert await store.get(ROTATIONS, "int_1") is None
    with pytest.raises(Superseded):
        await store.transact(OPERATOR, KeepKey(rotated.key, "int_2", now))


async def test_the_entry_of_another_grace_period_names_the_successor_that_exists(store: Store, now: float) -> None:
    await store.transact(OPERATOR, rotation(now))
    await store.transact(OPERATOR, rotation(now + 60, "int_3", grace_seconds=3600))
    notes = [entry.note for entry in await store.audit_entries(0, 100) if entry.action == "key.rotate"]
    assert notes == [f"successor int_2, grace {WEEK} s", "successor int_2, grace 3600 s"]


async def test_the_deleted_key_leaves_its_successor(store: Store, now: float) -> None:
    await store.transact(OPERATOR, rotation(now))
    await store.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
    assert await store.get(ROTATIONS, "int_1") is None
    assert await end_of(store, "int_2") is None


class Watch:
    """The work in the background, with a clock that a test moves."""

    def __init__(self, store: Store, now: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store, self.now = store, now
        monkeypatch.setattr(store, "now", lambda: self.now)

    async def go(self, seconds: float, *, counts_usage: bool = True) -> None:
        self.now += seconds
        await Sweep(self.store, 30, counts_usage=counts_usage).finish()

    async def use(self, key_id: str = "int_1") -> None:
        await self.store.count_usage([KeyHour(key_id, int(self.now) // 3600 * 3600, 1, self.now, "192.0.2.7")])


@pytest.fixture
def watch(store: Store, now: float, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(store, now - 5 * 86400, monkeypatch)  # the store does not trust a use in the future


async def test_a_quiet_key_ends_early(store: Store, watch: Watch) -> None:
    await store.transact(OPERATOR, rotation(watch.now, quiet_seconds=7200))
    await watch.use()
    await watch.go(7100)
    await watch.use()
    await watch.go(7100)
    assert await actions(store) == ["key.rotate"]
    await watch.go(200, counts_usage=False)
    assert await actions(store) == ["key.rotate"]
    await watch.go(1)
    assert await actions(store) == ["key.rotate", "key.expire"]
    assert (await end_of(store, "int_1")) == watch.now
    entry = (await store.audit_entries(0, 100))[-1]
    assert entry.note == "nobody has used it for 7200 s, and it has a successor"


async def test_quiet_counts_from_the_beginning_of_the_rotation(store: Store, watch: Watch) -> None:
    await watch.use()
    await watch.go(86400)
    await store.transact(OPERATOR, rotation(watch.now, quiet_seconds=7200))
    await watch.go(7100)
    assert await actions(store) == ["key.rotate"]
    await watch.go(200)
    assert await actions(store) == ["key.rotate", "key.expire"]


async def test_a_use_after_a_rotation_is_recorded_once_a_day(store: Store, watch: Watch) -> None:
    await watch.use()
    await watch.go(10)
    await store.transact(OPERATOR, rotation(watch.now))
    await watch.go(2 * 86400)
    assert await actions(store) == ["key.rotate"]
    await watch.use()
    for _ in range(3):
        await watch.go(60)
    assert await actions(store) == ["key.rotate", "key.use_after_rotation"]
    entry = (await store.audit_entries(0, 100))[-1]
    assert "from 192.0.2.7; it ends 20" in entry.note
    await watch.use()
    await watch.go(80_000)
    assert await actions(store) == ["key.rotate", "key.use_after_rotation"]
    await watch.go(8_000)
    assert await actions(store) == ["key.rotate", "key.use_after_rotation", "key.use_after_rotation"]


async def test_sources_are_summed_up_and_go_with_the_key(store: Store, now: float) -> None:
    hour = int(now) // 3600 * 3600
    earlier = SourceOfUse("int_1", hour - 3600, "192.0.2.7", "bot/1", 2, hour - 5.0)
    later = SourceOfUse("int_1", hour, "192.0.2.7", "bot/1", 3, hour + 5.0)
    other = SourceOfUse("int_1", hour, "::1", "", 1, hour + 9.0)
    await store.count_usage(
        [
            KeyHour("int_1", hour - 3600, 2, hour - 5.0, "192.0.2.7", (earlier,)),
            KeyHour("int_1", hour, 4, hour + 9.0, "::1", (later, other)),
        ]
    )
    await store.count_usage([KeyHour("int_1", hour, 3, hour + 4.0, "192.0.2.7", (later,))])
    await store.count_usage(
        [KeyHour("int_gone", hour, 1, hour + 4.0, "", (SourceOfUse("int_gone", hour, "", "", 1, 1.0),))]
    )
    assert await store.read(sources_of("int_1", hour - 3600)) == [
        other,
        SourceOfUse("int_1", hour - 3600, "192.0.2.7", "bot/1", 8, hour + 5.0),
    ]
    assert len(await store.read(sources_of("int_1", hour))) == 2
    await store.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
    assert await store.rows("SELECT * FROM key_sources") == []
