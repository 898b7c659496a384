"""SQLite alone: files, schema versions and a full disk."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from support.stores import entered, open_sqlite, opened

from sunshine_keys.apps.changes import CreateApp
from sunshine_keys.apps.model import App
from sunshine_keys.apps.table import APPS
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.table import KEYS
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, StoreError, StoreTooNew
from sunshine_keys.store.sqlite import SqliteStore, schema, writer


def execute(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store"
    SqliteStore.prepare(path, CATALOG)
    execute(path, "PRAGMA user_version = 99")
    with pytest.raises(
        StoreTooNew, match=f"schema version 99, this program knows {schema.version_of(CATALOG)}: use the newer program"
    ):
        SqliteStore.prepare(path, CATALOG)


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store"
    execute(path, "CREATE TABLE precious (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        SqliteStore.prepare(path, CATALOG)
    assert path.read_bytes() == before


def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore.prepare(path, CATALOG)


def test_every_commit_is_synced(tmp_path: Path) -> None:
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    store = SqliteStore(tmp_path / "store", CATALOG)
    connection = store._writer._connection  # only this connection shows its own settings
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    asyncio.run(store.close())


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("SELECT $1, $2", ("a", "b")),
        ("SELECT $2, $1, $2", ("b", "a", "b")),
        ("SELECT $2", ("b",)),
        ("SELECT $1, $1 || $2", ("a", "ab")),
    ],
)
async def test_values_are_bound_by_their_numbers(tmp_path: Path, sql: str, row: tuple[str, ...]) -> None:
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    store = SqliteStore(tmp_path / "store", CATALOG)
    assert await store.rows(sql, "a", "b") == [row]
    await store.close()


@pytest.fixture
def store(runner: asyncio.Runner, tmp_path: Path) -> Iterator[SqliteStore]:
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    yield from entered(runner, opened(lambda: open_sqlite(tmp_path / "store")))


def new_app(number: int) -> CreateApp:
    return CreateApp(App(f"app-{number}", "An app", {}, None))


async def test_changes_of_one_tick_are_one_group(store: SqliteStore) -> None:
    await asyncio.gather(*(store.transact(OPERATOR, new_app(number)) for number in range(20)))
    sizes = dict(zip(store.commits.sizes.bounds, store.commits.sizes.counts, strict=False))
    assert {bound: count for bound, count in sizes.items() if count} == {32.0: 1}


async def test_a_large_tick_is_several_groups(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_GROUP_LIMIT", 8)
    await asyncio.gather(*(store.transact(OPERATOR, new_app(number)) for number in range(20)))
    assert store.commits.sizes.total == 20
    assert sum(store.commits.sizes.counts) == 3


class SlowCommits:
    """A connection whose COMMIT takes `seconds` longer."""

    def __init__(self, connection: sqlite3.Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            time.sleep(self._seconds)
        return self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


async def test_callers_that_come_back_are_in_one_group(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_PATIENCE", 1)
    monkeypatch.setattr(store._writer, "_connection", SlowCommits(store._writer._connection, 0.05))

    async def call(caller: int) -> None:
        for number in range(8):
            await store.transact(OPERATOR, new_app(10 * caller + number))
            await asyncio.sleep(0.001 * caller)

    await asyncio.gather(*(call(caller) for caller in range(4)))
    assert store.commits.sizes.total == 32
    assert sum(store.commits.sizes.counts) < 12


async def test_a_wait_for_callers_ends_in_time(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it is over before the thread begins to wait. Otherwise what is queued waits until the next change."""
    monkeypatch.setattr(store._writer, "_connection", SlowCommits(store._writer._connection, 0.002))
    for number in range(200):
        monkeypatch.setattr(writer, "MOST_PATIENCE", number % 40 / 1e7)
        change = asyncio.create_task(store.transact(OPERATOR, new_app(number)))
        await asyncio.sleep(0.001)
        async with asyncio.timeout(20):
            await asyncio.gather(change, store.count_usage([]))


async def test_changes_that_were_submitted_before_close_are_committed(tmp_path: Path) -> None:
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    store = SqliteStore(tmp_path / "store", CATALOG)
    submitted = [asyncio.create_task(store.transact(OPERATOR, new_app(number))) for number in range(3)]
    await asyncio.gather(*submitted[1:], asyncio.create_task(store.close()))
    await submitted[0]
    connection = sqlite3.connect(tmp_path / "store")
    assert connection.execute("SELECT id FROM apps ORDER BY id").fetchall() == [("app-0",), ("app-1",), ("app-2",)]
    connection.close()


async def test_a_closed_store_refuses_at_once(tmp_path: Path) -> None:
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    store = SqliteStore(tmp_path / "store", CATALOG)
    await store.close()
    async with asyncio.timeout(5):
        for call in (store.transact(OPERATOR, new_app(1)), store.count_usage([]), store.get(KEYS, "int_1")):
            with pytest.raises(StoreUnavailable):
                await call


async def test_a_caller_that_gives_up_changes_no_limit_of_others(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ANSWER_SECONDS", 0.3)
    other = sqlite3.connect(tmp_path / "store", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tasks = [asyncio.create_task(store.transact(OPERATOR, new_app(number))) for number in range(3)]
    await asyncio.sleep(0.1)
    tasks[2].cancel()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable, asyncio.CancelledError]
    other.close()


async def test_a_full_database_refuses_writes_answers_reads_and_recovers(tmp_path: Path) -> None:
    """SQLite's own page limit stands in for a full disk: it fails with the same error at the same place."""
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    store = SqliteStore(tmp_path / "store", CATALOG)
    await store.transact(OPERATOR, CreateApp(App("a", "x", {}, None)))
    connection = store._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = App("b", "x" * 100_000, {}, None)
    outcomes = await asyncio.gather(
        store.transact(OPERATOR, CreateApp(big)),
        store.transact(OPERATOR, CreateApp(App("c", "x", {}, None))),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], StoreUnavailable)
    assert await store.get(APPS, "a") is not None
    assert await store.get(APPS, "b") is None
    if isinstance(outcomes[1], StoreUnavailable):  # it was in the same group
        assert await store.get(APPS, "c") is None

    connection.execute("PRAGMA max_page_count = 1000000")
    await store.transact(OPERATOR, CreateApp(big))
    assert await store.get(APPS, "b") == big
    await store.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_reads_of_one_pass_share_a_snapshot_and_later_reads_see_newer_commits(
    tmp_path: Path, run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    path = tmp_path / "store"
    SqliteStore.prepare(path, CATALOG)
    execute(path, "INSERT INTO keys VALUES ('act_1', 'account', NULL, NULL, 'Before', x'00', NULL, NULL)")
    seen: dict[str, str | None] = {}

    async def test() -> None:
        store = SqliteStore(path, CATALOG)

        async def ask(name: str) -> None:
            key = await store.credential("act_1")
            seen[name] = key and key.display_name

        async def come_later() -> None:
            """Commit as another process, then add a request while earlier requests still wait."""
            execute(path, "UPDATE keys SET display_name = 'After'")
            later.append(asyncio.create_task(ask("come later")))

        later: list[asyncio.Task[None]] = []
        waiting = [asyncio.create_task(coroutine) for coroutine in (ask("first"), come_later(), ask("waiting"))]
        await asyncio.wait(waiting)
        await asyncio.wait(later)
        await store.close()

    run(test())
    assert seen == {"first": "Before", "waiting": "Before", "come later": "After"}


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_committed_change_is_visible_to_its_caller(
    tmp_path: Path, run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    SqliteStore.prepare(tmp_path / "store", CATALOG)

    async def test() -> None:
        store = SqliteStore(tmp_path / "store", CATALOG)

        async def change(number: int) -> None:
            await store.transact(OPERATOR, CreateApp(App(f"app-{number}", "An app", {}, None)))
            assert await store.get(APPS, f"app-{number}") is not None

        async def read() -> None:
            while not done:
                await store.get(APPS, "none")
                await asyncio.sleep(0)

        done: list[bool] = []
        reading = asyncio.create_task(read())
        for first in range(0, 200, 10):
            await asyncio.gather(*(change(number) for number in range(first, first + 10)))
        done.append(True)
        await reading
        await store.close()

    run(test())
