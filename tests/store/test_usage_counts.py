"""Usage counts of keys, in every store."""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing
import sqlite3
import time
from pathlib import Path

import asyncpg
import pytest
from support.stores import ACCOUNT_KEY, APP_KEY, KEY, Open, fill, key, open_sqlite, opened

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.changes import DeleteApp
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.integrations.changes import DeleteIntegration
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.usage import USAGE_DAYS, KeyHour, Usage, usage_of
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore, usage
from sunshine_keys.store.statements import execute
from sunshine_keys.store.store import USAGE_BATCH

HOUR = 3600
NOW = int(time.time()) // HOUR * HOUR
"""The beginning of the hour. A test that needs the current hour itself, which is not folded, uses `current_hour`."""


def current_hour() -> int:
    return int(time.time()) // HOUR * HOUR


def used(key_id: str, requests: int = 1, *, hour: int = NOW, at: float = 5.0, source: str = "192.0.2.7") -> KeyHour:
    """Return a count of requests in one hour. The last request came `at` seconds after the hour began."""
    return KeyHour(key_id, hour, requests, hour + at, source)


async def write(store: Store, sql: str) -> None:
    """Change the tables of usage directly."""
    if isinstance(store, SqliteStore):
        with contextlib.closing(sqlite3.connect(store._path)) as connection:
            connection.execute(sql)
            connection.commit()
        await asyncio.sleep(0.01)  # reads of one tick of the event loop share a transaction
    else:
        assert isinstance(store, PostgresStore)
        connection = await asyncpg.connect(store._url)
        await connection.execute(sql)
        await connection.close()


async def test_counts_are_added_by_key_and_hour(store: Store) -> None:
    assert await store.read(usage_of(["int_1", "app_1"], 0)) == {}
    await store.count_usage([used("int_1", 2, hour=NOW - HOUR), used("int_1", 3), used("app_1", 7, source="")])
    await store.count_usage([used("int_1", 40, at=9.25, source="2001:db8::1")])
    expected = Usage(NOW + 9.25, "2001:db8::1", {NOW - HOUR: 2, NOW: 43})
    assert await store.read(usage_of(["int_1", "app_1", "act_1", "int_9"], 0)) == {
        "int_1": expected,
        "app_1": Usage(NOW + 5.0, "", {NOW: 7}),
    }
    assert await store.read(usage_of([], 0)) == {}


async def test_hours_before_a_time_are_omitted_and_the_last_use_is_not(store: Store) -> None:
    await store.count_usage([used("int_1", 2, hour=NOW - HOUR), used("int_1", 3)])
    for since, hours in ((NOW, {NOW: 3}), (NOW + 0.5, {}), (NOW - HOUR, {NOW - HOUR: 2, NOW: 3})):
        assert (await store.read(usage_of(["int_1"], since)))["int_1"] == Usage(NOW + 5.0, "192.0.2.7", hours)


async def test_a_use_from_the_future_does_not_hide_later_ones(store: Store) -> None:
    await store.count_usage([used("int_1", hour=NOW + 24 * HOUR)])
    await store.count_usage([used("int_1", source="192.0.2.8")])
    use = (await store.read(usage_of(["int_1"], NOW)))["int_1"]
    assert (use.last_used, use.last_source) == (NOW + 5.0, "192.0.2.8")


async def test_the_last_use_only_moves_forward(store: Store) -> None:
    await store.count_usage([used("int_1", at=30, source="newest"), used("int_1", hour=NOW - HOUR, source="old")])
    await store.count_usage([used("int_1", at=20, source="late"), used("int_1", hour=NOW - HOUR, source="later")])
    assert await store.read(usage_of(["int_1"], 0)) == {
        "int_1": Usage(NOW + 30.0, "newest", {NOW - HOUR: 2, NOW: 2}),
    }


async def test_hours_are_deleted_after_thirty_days_and_the_last_use_stays(store: Store) -> None:
    old = NOW - (USAGE_DAYS * 24 + 1) * HOUR
    recent = NOW - (USAGE_DAYS * 24 - 2) * HOUR  # not the oldest hour, since an hour may have passed since NOW
    await store.count_usage([used("int_1", hour=old), used("app_1", hour=recent)])
    await store.count_usage([used("act_1")])
    assert await store.read(usage_of(["int_1", "app_1"], 0)) == {
        "int_1": Usage(old + 5.0, "192.0.2.7", {}),
        "app_1": Usage(recent + 5.0, "192.0.2.7", {recent: 1}),
    }


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (DeleteKey("a", "i", "int_1"), {"app_1", "act_1"}),
        (DeleteIntegration("a", "i"), {"app_1", "act_1"}),
        (DeleteApp("a"), {"act_1"}),
    ],
    ids=["key", "integration", "app"],
)
async def test_usage_is_deleted_with_its_key(
    store: Store, change: DeleteKey | DeleteIntegration | DeleteApp, left: set[str]
) -> None:
    ids = [KEY.id, APP_KEY.id, ACCOUNT_KEY.id]
    await store.count_usage([used(key_id) for key_id in ids])
    await store.transact(OPERATOR, change)
    counts = [used(key_id, hour=hour) for key_id in (*ids, "int_never") for hour in (NOW, NOW - 2 * HOUR)]
    await store.count_usage(counts)  # from before the change
    assert (await store.read(usage_of([*ids, "int_never"], 0))).keys() == left


async def test_last_uses_of_hours_that_are_over_are_folded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are then found without their hours, which a direct change deletes here."""
    monkeypatch.setattr(usage, "FOLDED_HOURS", 2)
    ids, now = ["act_1", "app_1", "int_1"], current_hour()
    hours = [now - 3 * HOUR, now - 2 * HOUR]
    await store.count_usage([used(key_id, hour=hour, at=7) for key_id in ids for hour in hours])
    await store.count_usage([used(key_id, hour=hour) for key_id in ("act_1", "int_gone") for hour in (hours[1], now)])
    before = await store.read(usage_of(ids, 0))
    for _ in range(6):
        assert await store.read(usage_of(ids, 0)) == before
        await store.count_usage([])
    assert await store.read(usage_of(ids, 0)) == before
    await write(store, "DELETE FROM key_use_hours")
    last = {key_id: Usage(hours[1] + 7.0, "192.0.2.7", {}) for key_id in ids}
    assert await store.read(usage_of([*ids, "int_gone"], 0)) == last


async def test_hours_are_folded_and_deleted_in_parts_on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one hour, too. A row that is not folded stays, between others that are deleted."""
    monkeypatch.setattr(usage, "FOLDED_HOURS", 0)
    monkeypatch.setattr(usage, "PRUNED_HOURS", 4)
    left = "SELECT folded, count(*) FROM key_use_hours GROUP BY folded ORDER BY folded"
    async with opened(lambda: open_sqlite(tmp_path / "store")) as store:
        hour = current_hour()
        await store.count_usage([used(f"int_m{number}", hour=hour) for number in range(10)])
        await write(store, f"UPDATE key_use_hours SET folded = key_id <> 'int_m1', hour = {hour - 40 * 24 * HOUR}")
        for count in (5, 1, 0):
            await store.count_usage([])
            expected = [(0, 1), (1, count)] if count else [(0, 1)]
            assert await store.read(execute(left)) == expected
        await store.count_usage([used(f"int_m{number}", hour=hour - 2 * HOUR) for number in range(10)])
        monkeypatch.setattr(usage, "FOLDED_HOURS", 4)
        for count in (7, 3):
            await store.count_usage([])
            assert (0, count) in await store.read(execute(left))


async def test_use_in_an_hour_that_was_folded_too_early_is_folded_again(store: Store) -> None:
    """A clock that was ahead for a time does so."""
    await store.count_usage([used("int_1")])
    await write(store, "UPDATE key_use_hours SET folded = 1")
    await store.count_usage([used("int_1", at=9)])
    # Without the hours since a time, a read looks only at rows that are not folded.
    assert await store.read(usage_of(["int_1"], NOW + 9 * HOUR)) == {"int_1": Usage(NOW + 9.0, "192.0.2.7", {})}


async def test_last_use_outlives_its_hour(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if nothing was counted, and so nothing folded, since then."""
    monkeypatch.setattr(usage, "FOLDED_HOURS", 1)
    ids = ["act_1", "app_1", "int_1"]
    hour = NOW - USAGE_DAYS * 24 * HOUR - 2 * HOUR
    await store.count_usage([used(key_id, hour=current_hour()) for key_id in ids])  # not folded
    await write(store, f"UPDATE key_use_hours SET hour = {hour}, last_used = {hour + 5}")
    for _ in range(5):
        usages = await store.read(usage_of(ids, NOW))
        assert {key_id: use.last_used for key_id, use in usages.items()} == dict.fromkeys(ids, hour + 5.0)
        await store.count_usage([])
    assert await store.read(usage_of(ids, 0)) == dict.fromkeys(ids, Usage(hour + 5.0, "192.0.2.7", {}))


async def test_last_use_by_a_clock_that_is_ahead_is_shown(store: Store) -> None:
    now = current_hour()
    await store.count_usage([used("int_1", hour=now + 2 * HOUR)])
    for since, hours in ((now, {now + 2 * HOUR: 1}), (now + 9 * HOUR, {})):
        use = Usage(now + 2 * HOUR + 5.0, "192.0.2.7", hours)
        assert await store.read(usage_of(["int_1"], since)) == {"int_1": use}


async def test_folding_never_sets_a_last_use_back(store: Store) -> None:
    await store.count_usage([used("int_1", hour=NOW - 3 * HOUR), used("int_1", hour=NOW - 2 * HOUR, source="newest")])
    await write(store, f"UPDATE key_use_hours SET folded = 0 WHERE hour = {NOW - 3 * HOUR}")
    await store.count_usage([])
    await write(store, "DELETE FROM key_use_hours")
    assert (await store.read(usage_of(["int_1"], 0)))["int_1"].last_source == "newest"


async def test_usage_is_not_in_the_audit_trail(store: Store) -> None:
    entries, commits = await store.audit_entries(0, 100), sum(store.commits.sizes.counts)
    await store.count_usage([used("int_1")])
    assert await store.audit_entries(0, 100) == entries
    assert sum(store.commits.sizes.counts) == commits


async def test_usage_of_many_keys_is_read_at_once(store: Store) -> None:
    ids = [f"act_m{number:04}" for number in range(1200)]
    await asyncio.gather(
        *(store.transact(OPERATOR, CreateKey(key(key_id, Scope.ACCOUNT, None, None))) for key_id in ids)
    )
    for first in range(0, len(ids), USAGE_BATCH):
        await store.count_usage([used(key_id, 2) for key_id in ids[first : first + USAGE_BATCH]])
    usages = await store.read(usage_of(ids, NOW))
    assert usages.keys() == set(ids)
    assert all(usage.hours == {NOW: 2} for usage in usages.values())


BATCHES = 60


async def count_when_free(store: Store, batch: list[KeyHour]) -> None:
    """Write a batch as the service does: changes go first, and the batch is retried."""
    while True:
        try:
            return await store.count_usage(batch)
        except StoreUnavailable:
            await asyncio.sleep(0.01)


def _in_a_process(place: Path | str, backwards: bool, hour: int) -> None:
    """Write batches for the same keys, in either order, while another process commits changes."""

    async def count() -> None:
        store = SqliteStore(place, CATALOG) if isinstance(place, Path) else PostgresStore(place, CATALOG)
        try:
            for number in range(BATCHES):
                keys = [("int_1", 1), ("app_1", 2), ("act_1", 3)]
                batch = [used(key_id, requests, hour=hour, at=number) for key_id, requests in keys]
                await count_when_free(store, batch[::-1] if backwards else batch)
        finally:
            await store.close()

    asyncio.run(count())


async def test_two_processes_and_changes_lose_no_counts(open_store: Open) -> None:
    async with opened(open_store) as store:
        await fill(store)
        assert isinstance(store, SqliteStore | PostgresStore)
        place = store._path if isinstance(store, SqliteStore) else store._url
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=_in_a_process, args=(place, backwards, NOW)) for backwards in (False, True)]
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            await store.transact(OPERATOR, CreateKey(key("int_2")))
            await count_when_free(store, [used("int_2")])
            await store.transact(OPERATOR, DeleteKey("a", "i", "int_2"))
        assert [process.exitcode for process in processes] == [0, 0]
        usages = await store.read(usage_of(["int_1", "app_1", "act_1", "int_2"], 0))
        assert {process: sum(usage.hours.values()) for process, usage in usages.items()} == {
            "int_1": 2 * BATCHES,
            "app_1": 4 * BATCHES,
            "act_1": 6 * BATCHES,
        }
        assert {usage.last_used for usage in usages.values()} == {NOW + BATCHES - 1.0}


async def test_since_may_be_a_fraction_of_a_second(store: Store) -> None:
    await store.count_usage([used("int_1")])
    assert (await store.read(usage_of(["int_1"], math.nextafter(NOW, 0))))["int_1"].hours == {NOW: 1}
