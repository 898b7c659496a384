"""Changes that are committed together: as if one after the other, and in few round trips."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from support.postgres import Postgres
from support.stores import ACCOUNT_KEY, APP_KEY, STORES, fill, filled, key, open_postgres, open_sqlite

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.changes import CreateApp, UpdateApp
from sunshine_keys.apps.model import App, AppPatch
from sunshine_keys.apps.table import APPS
from sunshine_keys.integrations.changes import CreateIntegration, DeleteIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import INTEGRATIONS
from sunshine_keys.keys import rotating
from sunshine_keys.keys.changes import CreateKey, DeleteKey, ShowKey
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.rotations import ROTATIONS, RotateKey
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store import OPERATOR, Origin, Store, audit
from sunshine_keys.store.answers import TABLE as ANSWERS
from sunshine_keys.store.change import Change, Idempotency, Refused
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.transaction import Job, waves

NOW = 1_000_000.0
KEY_IDS = [f"int_{number}" for number in range(12)]
OLD_IDS = [f"int_old{number}" for number in range(9)]
"""The keys of the integration `i` before a group, so that one more reaches the limit."""

FULL = ("a", "i")
owners = st.sampled_from(
    [FULL, FULL, FULL, FULL, ("a", "j"), ("a", "w"), ("a", "x"), ("b", "i"), ("a", None), ("x", None)]
)
new_ids = st.sampled_from(KEY_IDS)
key_ids = st.sampled_from([*KEY_IDS[:3], *OLD_IDS[:3], "app_1"])


@st.composite
def created_keys(draw: st.DrawFn) -> CreateKey:
    app_id, integration_id = draw(owners)
    secret = draw(st.sampled_from([b"sealed-x", b"sealed-x", b"sealed-x", b"other-seal"]))
    scope = Scope.APP if integration_id is None else Scope.INTEGRATION
    end = draw(st.sampled_from([None, None, NOW + 60, NOW - 60]))
    return CreateKey(Key(draw(new_ids), scope, app_id, integration_id, "new", secret, end), NOW)


changes: st.SearchStrategy[Change[Any]] = st.one_of(
    created_keys(),
    created_keys(),
    created_keys(),
    st.builds(lambda id: DeleteKey(*FULL, id), st.sampled_from(OLD_IDS)),
    st.builds(
        lambda owner, id, unless: DeleteKey(owner[0], owner[1], id, unless_successor=unless),
        owners,
        key_ids,
        st.booleans(),
    ),
    st.builds(lambda id: ShowKey(key(id)), key_ids),
    st.builds(
        lambda owner, id, successor: RotateKey(owner[0], owner[1], id, successor, b"sealed-y", 60, None, NOW),
        owners,
        key_ids,
        new_ids,
    ),
    st.just(Refused("apps/a", "forbidden")),
    st.builds(lambda name: UpdateApp("a", AppPatch(display_name=name)), st.sampled_from(["One", "Two"])),
    st.builds(DeleteIntegration, st.just("a"), st.sampled_from(["j", "x"])),
    st.builds(lambda id: CreateIntegration(Integration(id, "a", "custom", {}), []), st.sampled_from(["x", "j"])),
)
origins = st.builds(
    lambda actor, name, body: Origin(
        actor, "192.0.2.1", "r", None if name is None else Idempotency.of(actor or "", name, body)
    ),
    st.sampled_from([None, "app_1", "app_1", "act_1", *OLD_IDS[:3], KEY_IDS[0]]),
    st.sampled_from([None, None, "n0", "n1"]),
    st.sampled_from([b"b0", b"b1"]),
)


def at_the_limit(steps: list[str]) -> list[tuple[Origin, Change[Any]]]:
    """Return changes of the owner that is nearly full: each step deletes a key, or is "" and creates a new one."""
    own: list[Change[Any]] = [
        DeleteKey(*FULL, id) if id else CreateKey(key(KEY_IDS[place], Scope.INTEGRATION, *FULL), NOW)
        for place, id in enumerate(steps)
    ]
    return [(Origin("app_1"), change) for change in own]


groups = st.one_of(
    st.lists(st.tuples(origins, changes), min_size=2, max_size=14),
    st.lists(st.sampled_from(["", "", *OLD_IDS[:3]]), min_size=3, max_size=len(KEY_IDS)).map(at_the_limit),
)


def renamed(value: Any, names: dict[str, str]) -> Any:
    """Return a change, an origin or a key with other ids."""
    if isinstance(value, msgspec.Struct):
        return type(value)(*(renamed(field, names) for field in msgspec.structs.astuple(value)))
    return names.get(value, value) if isinstance(value, str) and not isinstance(value, Scope) else value


async def outcome(store: Store, origin: Origin, change: Change[Any]) -> str:
    try:
        if origin.idempotency is not None:
            return f"{await store.transact_once(origin, change, b'sealed-answer')!r}"
        return f"{await store.transact(origin, change)!r}"
    except Exception as error:  # any error is an outcome to compare
        return f"{type(error).__name__}: {error}"


async def state(store: Store, after: int) -> list[Any]:
    """Return all rows, and the entries of the trail after a number, without their times."""
    rows: list[Any] = [await store.read(table.select("ORDER BY 1")) for table in (APPS, INTEGRATIONS, KEYS, ROTATIONS)]
    answers = await store.read(ANSWERS.select("ORDER BY id"))
    entries = await store.audit_entries(after, 100)
    return [
        *rows,
        [(answer.id, answer.fingerprint, answer.sealed_answer) for answer in answers],
        [entry.hashed_fields()[2:] for entry in entries],
    ]


class Pair:
    """Two stores with the same content. One commits changes together, the other one after the other."""

    def __init__(self, grouped: Store, single: Store) -> None:
        self._stores = grouped, single
        self.examples = 80 if grouped.lease is None else 25
        """On PostgreSQL an example takes about a second."""
        self._examples = itertools.count()
        self._names: dict[str, str] = {}

    async def check(self, group: list[tuple[Origin, Change[Any]]]) -> None:
        await self._begin()
        before = (await self._stores[0].read(audit.read_head())).sequence
        group = [(renamed(origin, self._names), renamed(change, self._names)) for origin, change in group]
        together = await asyncio.gather(*(outcome(self._stores[0], *member) for member in group))
        singly = [await outcome(self._stores[1], *member) for member in group]
        assert list(together) == singly
        states = [await state(store, before) for store in self._stores]
        assert states[0] == states[1]
        trail = await self._stores[0].audit_entries(0, 100_000)
        audit.check(trail, audit.Head())
        event(f"waves: {min(len(waves([Job(*member) for member in group])), 5)} of {min(len(group), 5)}")

    async def _begin(self) -> None:
        """Create the apps of the next example under new ids."""
        number = next(self._examples)
        ids = ["a", "b", "i", "j", "w", "x", "app_1", *OLD_IDS, *KEY_IDS]
        self._names = new = {id: f"{id}.{number}" for id in ids}
        types = {"i": "custom", "j": "custom", "w": "web"}
        steps: list[list[Change[Any]]] = [
            [CreateApp(App(new[id], "An app", {}, {})) for id in ("a", "b")],
            [CreateIntegration(Integration(new[id], new["a"], type, {}), []) for id, type in types.items()],
            [CreateKey(key(new[id], app=new["a"], integration=new["i"])) for id in OLD_IDS],
            [CreateKey(key(new["app_1"], Scope.APP, new["a"], None))],
        ]
        for store in self._stores:
            for step in steps:
                await asyncio.gather(*(store.transact(OPERATOR, change) for change in step))


@pytest.fixture(params=STORES)
def pair(request: pytest.FixtureRequest, tmp_path: Path, runner: asyncio.Runner) -> Iterator[Pair]:
    postgres: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgres" else None
    urls = [] if postgres is None else [postgres.new_store() for _ in range(2)]

    async def opened_pair() -> list[Store]:
        stores: list[Store] = [await open_postgres(url) for url in urls]
        stores = stores or [await open_sqlite(tmp_path / name) for name in ("grouped", "single")]
        for store in stores:
            await fill(store)
        return stores

    stores = runner.run(opened_pair())
    yield Pair(*stores)
    for store in stores:
        runner.run(store.close())


def test_changes_committed_together_are_as_one_after_the_other(pair: Pair, runner: asyncio.Runner) -> None:
    @settings(max_examples=pair.examples)
    @given(groups)
    def check(group: list[tuple[Origin, Change[Any]]]) -> None:
        runner.run(pair.check(group))

    check()


@contextlib.contextmanager
def statements_of(store: PostgresStore) -> Generator[list[str]]:
    """Yield the first words of the statements that the writer sends; each takes a round trip."""
    statements: list[str] = []
    connection = store._writer._connection  # only this connection carries changes
    assert connection is not None
    with connection.query_logger(lambda logged: statements.append(logged.query.split()[0])):
        yield statements


async def test_a_group_of_creates_takes_five_round_trips_however_large(postgres_url: str) -> None:
    async with filled(lambda: open_postgres(postgres_url)) as store:
        for place in range(32):
            await store.transact(OPERATOR, CreateIntegration(Integration(f"i{place}", "a", "custom", {}), []))
        await store.ready()  # the node has a lease, and so the database's time
        for count in (2, 32):
            new = [key(f"int_{count}_{place}", integration=f"i{place}") for place in range(count)]
            with statements_of(store) as statements:
                await asyncio.gather(*(store.transact(Origin("app_1"), CreateKey(created)) for created in new))
            assert statements == ["BEGIN;", "SELECT", "WITH", "INSERT", "COMMIT"]
        (keys,) = (await store.rows("SELECT count(*) FROM keys WHERE integration_id LIKE 'i_%'"))[0]
        assert keys == 34


async def test_a_deletion_takes_one_statement_beside_those_of_every_group(postgres_url: str) -> None:
    async with filled(lambda: open_postgres(postgres_url)) as store:
        await store.ready()  # the node has a lease, and so the database's time
        with statements_of(store) as statements:
            await rotating.delete(store, Origin("app_1"), "a", "i", "int_1")
        assert statements == ["BEGIN;", "SELECT", "DELETE", "INSERT", "NOTIFY", "SELECT"]  # the last reads the nodes


async def test_a_key_is_deleted_without_a_read_before_its_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "rows", None)
        await rotating.delete(store, Origin("app_1"), "a", "i", "int_1")
    assert await store.get(KEYS, "int_1") is None


def jobs(*members: tuple[str | None, Change[Any]]) -> list[Job]:
    return [Job(Origin(actor), change) for actor, change in members]


def test_changes_of_different_owners_share_a_wave() -> None:
    group = jobs(*(("app_1", CreateKey(key(f"int_{place}", integration=f"i{place}"))) for place in range(5)))
    assert waves(group) == [group]


def test_changes_of_one_owner_are_in_consecutive_waves() -> None:
    first, other, second = group = jobs(
        ("app_1", CreateKey(key("int_2"))), ("app_1", CreateKey(key("int_3", integration="j"))), ("app_1", CreateKey(key("int_4")))
    )  # fmt: skip
    assert waves(group) == [[first, other], [second]]


def test_a_key_is_deleted_between_its_last_use_and_its_next() -> None:
    before, deletion, after = group = jobs(
        ("app_2", CreateKey(key("int_2"))), ("app_1", DeleteKey("a", None, "app_2")), ("app_2", CreateKey(key("int_3", integration="j")))
    )  # fmt: skip
    assert waves(group) == [[before], [deletion], [after]]


def test_a_change_that_may_touch_anything_is_alone() -> None:
    first, update, last = group = jobs(
        (None, CreateKey(ACCOUNT_KEY)), (None, UpdateApp("a", AppPatch())), (None, CreateKey(APP_KEY))
    )
    assert waves(group) == [[first], [update], [last]]


def test_repetitions_are_in_consecutive_waves() -> None:
    origin = Origin("app_1", idempotency=Idempotency.of("app_1", "name", b"body"))
    first, second = group = [
        Job(origin, CreateKey(key(f"int_{place}", integration=f"i{place}")), b"sealed-answer") for place in (1, 2)
    ]
    assert waves(group) == [[first], [second]]
