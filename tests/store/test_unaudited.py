"""A store without an audit trail and without keys, beside the store of keys: in a file or a schema of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from support.stores import STORES, entered, opened

from sunshine_keys.errors import BadRequest, Conflict
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, Origin, Store, StoreError
from sunshine_keys.store.answers import StoredAnswer
from sunshine_keys.store.change import Change, Idempotency
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.statements import Statements
from sunshine_keys.store.table import Catalog, Table


class Toy(msgspec.Struct, frozen=True):
    id: str
    name: str


TOYS = Table("toys", Toy)
ANSWERS = Table("idempotency", StoredAnswer)
TOY_CATALOG = Catalog((TOYS, ANSWERS), number=0x54304F59, schema="toys")


class CreateToy(Change[bytes], frozen=True):
    """Create a toy. `fails` raises BadRequest after it is written."""

    toy: Toy
    fails: bool = False

    def apply(self) -> Statements[bytes]:
        if (yield from TOYS.get(self.toy.id)) is not None:
            raise BadRequest("exists")
        yield from TOYS.insert(self.toy)
        if self.fails:
            raise BadRequest("too late")
        return self.toy.name.encode()


OpenToys = Callable[[], Awaitable[Store]]


@pytest.fixture(params=STORES)
def open_toys(request: pytest.FixtureRequest, tmp_path: Path) -> OpenToys:
    url = request.getfixturevalue("postgres").new_store() if request.param == "postgres" else ""

    async def open_toys() -> Store:
        if url:
            await PostgresStore.prepare(url, CATALOG)
            await PostgresStore.prepare(url, TOY_CATALOG)
            return PostgresStore(url, TOY_CATALOG)
        SqliteStore.prepare(tmp_path / "toys", TOY_CATALOG)
        return SqliteStore(tmp_path / "toys", TOY_CATALOG)

    return open_toys


@pytest.fixture
def toys(runner: asyncio.Runner, open_toys: OpenToys) -> Iterator[Store]:
    yield from entered(runner, opened(open_toys))


def origin(request: str, key: str = "k") -> Origin:
    return Origin("app_1", idempotency=Idempotency.of("app_1", key, request.encode()))


async def test_written_rows_are_there_after_reopening(open_toys: OpenToys) -> None:
    async with opened(open_toys) as toys:
        assert await toys.transact(OPERATOR, CreateToy(Toy("1", "ball"))) == b"ball"
        await toys.ready()
        assert toys.lease is None
    async with opened(open_toys) as toys:
        assert await toys.get(TOYS, "1") == Toy("1", "ball")


async def test_change_that_fails_changes_nothing_and_others_of_its_group_succeed(toys: Store) -> None:
    changes = [CreateToy(Toy(str(number), "ball"), fails=number % 3 == 0) for number in range(30)]
    outcomes = await asyncio.gather(*(toys.transact(OPERATOR, change) for change in changes), return_exceptions=True)
    assert [isinstance(outcome, BadRequest) for outcome in outcomes] == [change.fails for change in changes]
    assert [toy.id for toy in await toys.select(TOYS, "ORDER BY id")] == sorted(
        change.toy.id for change in changes if not change.fails
    )


async def test_repetition_gets_the_first_answer(toys: Store) -> None:
    change = CreateToy(Toy("1", "ball"))
    answers = await asyncio.gather(*(toys.transact_answer(origin("a"), change) for _ in range(5)))
    assert sorted(answers) == [(b"ball", False)] + [(b"ball", True)] * 4
    with pytest.raises(Conflict):
        await toys.transact_answer(origin("b"), CreateToy(Toy("2", "doll")))
    assert await toys.transact_answer(origin("b", "another"), CreateToy(Toy("2", "doll"))) == (b"doll", False)


async def test_refused_change_does_not_use_the_idempotency_key_up(toys: Store) -> None:
    with pytest.raises(BadRequest):
        await toys.transact_answer(origin("a"), CreateToy(Toy("1", "ball"), fails=True))
    assert await toys.transact_answer(origin("b"), CreateToy(Toy("1", "doll"))) == (b"doll", False)


def test_file_of_another_kind_of_store_is_refused(tmp_path: Path) -> None:
    SqliteStore.prepare(tmp_path / "keys", CATALOG)
    with pytest.raises(StoreError, match="of another program"):
        SqliteStore.prepare(tmp_path / "keys", TOY_CATALOG)
