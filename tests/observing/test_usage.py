"""Usage of keys over real servers: counted in memory, written in batches, without delaying requests."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from support.commands import run
from support.servers import Server
from support.stores import SEALING_KEY_ID, entered, key, open_sqlite, opened
from support.wire import Key, Place, first_run

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import Scope
from sunshine_keys.first_run import Initialise
from sunshine_keys.keys.usage import KeyHour, Usage, sources_of, usage_of
from sunshine_keys.observing import usage
from sunshine_keys.observing.usage import UsageCounts
from sunshine_keys.opening import opened_store
from sunshine_keys.settings import STORE_FILE
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.sqlite import usage as of_sqlite
from sunshine_keys.wire.outcome import Outcome
from sunshine_keys.wire.request import Request

NEVER = "\nfrom sunshine_keys.observing import usage\nusage.SECONDS = 1e6\n"
ALWAYS = "\nfrom sunshine_keys.observing import usage\nusage.SECONDS = 0.05\n"
IMPATIENT = "\nfrom sunshine_keys.store.sqlite import usage as of_sqlite\nof_sqlite._BUSY_MS = 1\n"


class Used:
    """A store with the sample's objects, and their credentials."""

    def __init__(self, place: Place) -> None:
        sample = first_run(place, sample=True)
        self.place = place
        self.account, self.app_key, self.key = (Key.of(sample[name]) for name in ("account_key", "app_key", "key"))
        self.app = f"/v2/apps/{sample['app']['id']}"
        self.keys = f"{self.app}/integrations/{sample['integration']['id']}/keys"

    def usage(self, *more: str) -> dict[str, Usage]:
        async def ask() -> dict[str, Usage]:
            async with opened_store(self.place.settings) as store:
                return await store.read(usage_of([self.account.id, self.app_key.id, self.key.id, *more], 0))

        return asyncio.run(ask())

    def requests(self) -> dict[str, int]:
        return {key_id: sum(usage.hours.values()) for key_id, usage in self.usage().items()}

    def wait_for(self, is_there: Callable[[dict[str, int]], bool]) -> None:
        deadline = time.monotonic() + 30
        while not is_there(requests := self.requests()):
            assert time.monotonic() < deadline, requests
            time.sleep(0.05)


@pytest.fixture
def used(place: Place) -> Used:
    return Used(place)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Used:
    return Used(Place(tmp_path, None))


def test_requests_are_counted_by_the_key_that_authenticated(used: Used) -> None:
    began = time.time()
    with Server(used.place, patch=NEVER) as server:
        for _ in range(3):
            assert server.wire.get(used.keys, used.app_key).status == 200
        assert server.wire.get(used.keys, used.app_key.bearer()).status == 200
        assert server.wire.get(used.keys, used.key).status == 403
        assert server.wire.get(used.keys, Key(used.account.id, "wrong")).status == 401
        assert server.wire.get(used.keys).status == 401
        assert server.wire.get("/healthz").status == 200
        assert server.kill(signal.SIGTERM) == 0
    usages = used.usage()
    assert {key_id: sum(usages[key_id].hours.values()) for key_id in usages} == {used.app_key.id: 4, used.key.id: 1}
    for key_usage in usages.values():
        assert began - 1 < (key_usage.last_used or 0) < time.time()
        assert key_usage.last_source == "127.0.0.1"
        assert set(key_usage.hours) <= {int(began) // 3600 * 3600, int(time.time()) // 3600 * 3600}


def test_two_workers_write_their_counts_at_sigterm(used: Used) -> None:
    with Server(used.place, "--workers", "2") as server:
        for _ in range(40):
            assert server.wire.get(used.keys, used.app_key).status == 200
        assert server.kill(signal.SIGTERM) == 0
    assert used.requests() == {used.app_key.id: 40}


def test_a_batch_is_written_while_it_serves(used: Used) -> None:
    with Server(used.place, patch=ALWAYS) as server:
        for _ in range(3):
            assert server.wire.get(used.keys, used.app_key).status == 200
        used.wait_for(lambda requests: requests == {used.app_key.id: 3})
        assert server.wire.get(used.keys, used.app_key).status == 200
        used.wait_for(lambda requests: requests == {used.app_key.id: 4})


def test_after_kill_9_keys_and_written_usage_are_present(used: Used) -> None:
    with Server(used.place, patch=ALWAYS) as server:
        assert server.wire.get(used.keys, used.app_key).status == 200
        used.wait_for(lambda requests: requests == {used.app_key.id: 1})
        created = server.wire.post(used.keys, used.app_key, {"displayName": "x"}).json["key"]
        server.kill()
    assert used.requests()[used.app_key.id] in (1, 2)
    with Server(used.place) as server:
        assert created in server.wire.get(used.keys, used.app_key).json["keys"]


def test_usage_of_a_key_that_is_deleted_before_the_batch_is_dropped(used: Used) -> None:
    with Server(used.place, patch=NEVER) as server:
        deleted = Key.of(server.wire.post(used.keys, used.app_key, {"displayName": "x"}).json["key"])
        assert server.wire.get(used.keys.replace("/keys", "/webhooks"), deleted).status == 200
        assert server.wire.delete(f"{used.keys}/{deleted.id}", used.app_key).status == 200
        assert server.kill(signal.SIGTERM) == 0
    assert used.usage(deleted.id).keys() == {used.app_key.id}


def test_it_can_be_turned_off(used: Used) -> None:
    for options, environment in ((["--no-usage"], {}), ([], {"SUNSHINE_KEYS_USAGE": "off"})):
        for workers in ("1", "2"):
            with Server(used.place, *options, "--workers", workers, **environment) as server:
                assert server.wire.get(used.keys, used.app_key).status == 200
                assert server.kill(signal.SIGTERM) == 0
    assert used.usage() == {}


def test_a_backup_contains_usage_and_a_copy_does_not(on_sqlite: Used, tmp_path: Path) -> None:
    with Server(on_sqlite.place, patch=NEVER) as server:
        assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
        assert server.kill(signal.SIGTERM) == 0
    backed_up, options = on_sqlite.usage(), on_sqlite.place.options
    assert backed_up.keys() == {on_sqlite.app_key.id}
    assert run("backup", str(tmp_path / "backup"), *options).returncode == 0
    copied = run("copy", "--from", f"sqlite:{tmp_path / STORE_FILE}", "--to", f"sqlite:{tmp_path / 'copy'}")
    assert copied.returncode == 0, copied.stderr
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT count(*) FROM keys").fetchone() == (3,)
        assert copy.execute("SELECT count(*) FROM key_use_hours").fetchone() == (0,)
    with Server(on_sqlite.place, patch=NEVER) as server:
        assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
        assert server.kill(signal.SIGTERM) == 0
    assert on_sqlite.usage() != backed_up
    restored = run("restore", str(tmp_path / "backup"), "--yes", *options)
    assert restored.returncode == 0, restored.stderr
    assert on_sqlite.usage() == backed_up


def data_version(path: Path) -> Iterator[int]:
    """Yield a number that changes with each commit of another connection."""
    with closing(sqlite3.connect(path)) as connection:
        while True:
            yield connection.execute("PRAGMA data_version").fetchone()[0]


def test_reading_requests_write_nothing_between_batches(on_sqlite: Used) -> None:
    wal = on_sqlite.place.data / f"{STORE_FILE}-wal"
    with Server(on_sqlite.place, patch=NEVER) as server:
        versions = data_version(on_sqlite.place.data / STORE_FILE)
        before = next(versions), wal.stat()
        for _ in range(20):
            assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
        after = next(versions), wal.stat()
        assert (before[0], before[1].st_size, before[1].st_mtime_ns) == (
            after[0],
            after[1].st_size,
            after[1].st_mtime_ns,
        )
        assert server.kill(signal.SIGTERM) == 0
        assert next(versions) != before[0]
    assert on_sqlite.requests() == {on_sqlite.app_key.id: 20}


def test_a_locked_store_fails_no_request_and_gets_the_counts_later(on_sqlite: Used, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Server(on_sqlite.place, patch=ALWAYS + IMPATIENT, log=log) as server:
        with closing(sqlite3.connect(on_sqlite.place.data / STORE_FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            deadline = time.monotonic() + 30
            asked = 0
            while "could not be written" not in log.read_text():
                assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
                asked += 1
                assert time.monotonic() < deadline
            for _ in range(20):  # of several batches more
                assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
                asked += 1
                time.sleep(0.02)
            other.execute("ROLLBACK")
        on_sqlite.wait_for(lambda requests: requests == {on_sqlite.app_key.id: asked})
    assert log.read_text().count("could not be written") == 1  # in a minute


def test_a_store_that_is_moved_away_and_back_gets_the_counts_later(on_sqlite: Used, tmp_path: Path) -> None:
    log, file = tmp_path / "log", on_sqlite.place.data / STORE_FILE
    with Server(on_sqlite.place, patch=ALWAYS, log=log) as server:
        assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
        on_sqlite.wait_for(lambda requests: requests == {on_sqlite.app_key.id: 1})
        assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
        file.rename(tmp_path / "elsewhere")
        while "no longer the one that is open" not in log.read_text():
            assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 503
        (tmp_path / "elsewhere").rename(file)
        assert server.wire.get(on_sqlite.keys, on_sqlite.app_key).status == 200
        on_sqlite.wait_for(lambda requests: requests == {on_sqlite.app_key.id: 3})


def outcome(key_id: str, began: float = 7200.5, source: str = "192.0.2.7", *, agent: str | None = None) -> Outcome:
    """A request with a key, which has an end if `agent` is set."""

    async def receive() -> None: ...

    headers = [] if agent is None else [(b"user-agent", agent.encode())]
    scope = {"method": "GET", "headers": headers, "raw_path": b"/", "client": (source, 1)}
    request = Request(scope, receive, "id")
    request.actor = Actor(key_id, Scope.ACCOUNT, None, None, is_ending=agent is not None)
    return Outcome(request, 200, "", False, began, 0.001)


@pytest.fixture
def store(runner: asyncio.Runner, tmp_path: Path) -> Iterator[Store]:
    """A store with twenty keys: `act_00` and so on."""

    @asynccontextmanager
    async def with_keys() -> AsyncIterator[Store]:
        async with opened(lambda: open_sqlite(tmp_path / "store")) as store:
            keys = [key(key_id, Scope.ACCOUNT, None, None) for key_id in ALL]
            await store.transact(OPERATOR, Initialise(SEALING_KEY_ID, [], [], [], keys))
            yield store

    yield from entered(runner, with_keys())


@pytest.fixture
def connection(store: Store, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection, which may lock the store."""
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
        yield connection


ALL = [f"act_{number:02}" for number in range(20)]


async def counted(store: Store) -> dict[str, int]:
    return {key_id: sum(usage.hours.values()) for key_id, usage in (await store.read(usage_of(ALL, 0))).items()}


async def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def recent() -> float:
    return time.time() // 3600 * 3600


async def test_memory_is_bounded_while_nothing_can_be_written(
    store: Store, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MOST", 10)
    monkeypatch.setattr(usage, "SECONDS", 0.01)
    monkeypatch.setattr(of_sqlite, "_BUSY_MS", 100)
    counts = UsageCounts(store)
    connection.execute("BEGIN IMMEDIATE")
    for key_id in ALL:
        counts(outcome(key_id, recent()))
    assert len(counts._counts) == 10
    for _ in range(3):
        await until(lambda: not counts._counts)  # a batch is under way
        for key_id in ALL[10:]:
            counts(outcome(key_id, recent()))
        await until(lambda: any(key_id == ALL[0] for key_id, _ in counts._counts))  # it has failed
        assert len(counts._counts) == 10
    connection.execute("ROLLBACK")
    await counts.close()
    assert (await counted(store)).keys() >= set(ALL[:10])  # the first ones stay


async def test_sources_count_for_the_bounds_of_memory_and_of_a_batch(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MOST", 300)
    monkeypatch.setattr(usage, "USAGE_BATCH", 100)
    monkeypatch.setattr(usage, "SECONDS", 1e6)
    sizes: list[int] = []
    count_usage = store.count_usage

    async def counting(batch: Sequence[KeyHour]) -> None:
        sizes.append(sum(1 + len(item.sources) for item in batch))
        await count_usage(batch)

    monkeypatch.setattr(store, "count_usage", counting)
    counts = UsageCounts(store)
    for key_id in ALL:
        for number in range(70):
            counts(outcome(key_id, recent(), agent=f"program/{number}"))
    for key_id in ALL[:2]:  # its sources are known, or there is no room for new ones
        counts(outcome(key_id, recent(), agent="another"))
    assert sum(count.size for count in counts._counts.values()) <= 300 + len(ALL)
    await counts.close()
    assert len(sizes) > 2
    assert max(sizes) <= 100 + 51
    assert await counted(store) == dict.fromkeys(ALL[:2], 71) | dict.fromkeys(ALL[2:6], 70)
    sources = await store.read(sources_of(ALL[0], 0))
    assert sum(source.requests for source in sources) == 71
    assert len(sources) == 51


async def test_the_keys_of_a_batch_are_neighbours(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "USAGE_BATCH", 3)
    monkeypatch.setattr(usage, "SECONDS", 1e6)
    batches: list[list[str]] = []

    async def counting(batch: Sequence[KeyHour]) -> None:
        batches.append([item.key_id for item in batch])

    monkeypatch.setattr(store, "count_usage", counting)
    counts = UsageCounts(store)
    for key_id in (*ALL[1:10:2], *ALL[8::-2]):
        counts(outcome(key_id, recent()))
    await counts.close()
    assert len(batches) > 2
    assert [key_id for batch in batches for key_id in batch] == sorted(ALL[:10])


async def test_a_batch_of_many_keys_is_written_early(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST", 20)
    monkeypatch.setattr(usage, "SECONDS", 1e6)
    counts = UsageCounts(store)
    for key_id in ALL[:11]:
        counts(outcome(key_id, recent()))
    deadline = time.monotonic() + 30
    while await counted(store) != dict.fromkeys(ALL[:11], 1):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await counts.close()


async def test_requests_of_two_hours_are_counted_in_each(store: Store) -> None:
    counts = UsageCounts(store)
    hour = int(recent())
    for seconds in (-1, 0, 1):
        counts(outcome("act_00", hour + seconds))
    await counts.close()
    assert (await store.read(usage_of(["act_00"], 0)))["act_00"] == Usage(
        hour + 1.0, "192.0.2.7", {hour - 3600: 1, hour: 2}
    )


async def test_an_invalid_source_address_is_cleaned_and_truncated(store: Store) -> None:
    counts = UsageCounts(store)
    counts(outcome("act_00", recent(), "<b>\0 \udcff" + "x" * 100))
    counts(outcome("act_01", recent(), ""))
    await counts.close()
    usages = await store.read(usage_of(ALL, 0))
    assert usages["act_00"].last_source == "<b>???" + "x" * 58
    assert usages["act_01"].last_source == ""


async def test_the_service_stops_in_time_if_the_last_batch_cannot_be_written(
    store: Store, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(usage, "LAST_SECONDS", 0.1)
    monkeypatch.setattr(of_sqlite, "_BUSY_MS", 3000)
    counts = UsageCounts(store)
    connection.execute("BEGIN IMMEDIATE")
    counts(outcome("act_00", recent()))
    await counts.close()
    assert "the usage of keys since the last batch is lost" in caplog.text
    connection.execute("ROLLBACK")
