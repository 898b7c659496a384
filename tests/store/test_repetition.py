"""A create with an Idempotency-Key runs once; repetitions get the first answer."""

from __future__ import annotations

import asyncio

import pytest
from support.stores import Open, fill, key, open_postgres, opened

from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import BadRequest, Conflict, Unauthorized
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.table import keys_of_integration
from sunshine_keys.store import OPERATOR, Origin, Store, transaction
from sunshine_keys.store.change import IDEMPOTENCY_SECONDS, Change, Idempotency
from sunshine_keys.store.statements import Statements, execute


def origin(key_id: str = "app_1", name: str = "once", request: bytes = b"body") -> Origin:
    return Origin(key_id, "192.0.2.7", "r", Idempotency.of(key_id, name, request))


def create(store: Store, key_id: str, by: Origin | None = None) -> asyncio.Future[bytes | None]:
    change = CreateKey(key(key_id))
    return asyncio.ensure_future(store.transact_once(by or origin(), change, f"sealed answer {key_id}".encode()))


async def present(store: Store) -> list[str]:
    return [integration_key.id for integration_key in await keys_of_integration(store, "i")]


async def test_a_repeated_create_gets_the_first_answer_and_creates_nothing(store: Store) -> None:
    assert await create(store, "int_2") is None
    assert await create(store, "int_3") == b"sealed answer int_2"
    assert await present(store) == ["int_1", "int_2"]
    assert len(await store.audit_entries(0, 100)) == 2


async def test_a_repeated_create_after_reopening_gets_the_first_answer(open_store: Open) -> None:
    async with opened(open_store) as store:
        await fill(store)
        assert await create(store, "int_2") is None
    async with opened(open_store) as store:
        assert await create(store, "int_3") == b"sealed answer int_2"


async def test_concurrent_repeated_creates_create_one_key(open_store: Open) -> None:
    async with opened(open_store) as first, opened(open_store) as second:
        await fill(first)
        outcomes = await asyncio.gather(*(create((first, second)[number % 2], f"int_t{number}") for number in range(8)))
        keys = await present(first)
        assert len(keys) == 2
        assert sorted(set(outcomes), key=str) == sorted({None, f"sealed answer {keys[1]}".encode()}, key=str)
        assert outcomes.count(None) == 1


async def test_another_body_under_the_same_idempotency_key_is_a_conflict(store: Store) -> None:
    await create(store, "int_2")
    with pytest.raises(Conflict):
        await create(store, "int_3", origin(request=b"another body"))
    assert await present(store) == ["int_1", "int_2"]


async def test_idempotency_keys_belong_to_one_api_key(store: Store) -> None:
    await create(store, "int_2")
    assert await create(store, "int_3", origin("act_1")) is None
    assert await create(store, "int_4", origin(name="twice")) is None


async def test_a_failed_create_can_be_repeated(store: Store) -> None:
    for number in range(9):
        await store.transact(OPERATOR, CreateKey(key(f"int_n{number}")))
    with pytest.raises(BadRequest):
        await create(store, "int_2")
    await store.transact(OPERATOR, DeleteKey("a", "i", "int_n0"))
    assert await create(store, "int_2") is None


async def test_a_deleted_key_gets_no_stored_answer(store: Store) -> None:
    await store.transact(OPERATOR, CreateKey(key("app_2", Scope.APP, "a", None)))
    await create(store, "int_2", origin("app_2"))
    await store.transact(OPERATOR, DeleteKey("a", None, "app_2"))
    with pytest.raises(Unauthorized):
        await create(store, "int_3", origin("app_2"))


class Age(Change[None], frozen=True):
    """Make all stored answers older."""

    action = "test.age"
    audited = False
    seconds: int

    def apply(self) -> Statements[None]:
        yield from execute("UPDATE idempotency SET created = created - $1 RETURNING created", self.seconds)


async def test_an_idempotency_key_can_be_reused_after_a_day(store: Store) -> None:
    await create(store, "int_2")
    await store.transact(OPERATOR, Age(IDEMPOTENCY_SECONDS - 60))
    assert await create(store, "int_3") == b"sealed answer int_2"
    await store.transact(OPERATOR, Age(60))
    assert await create(store, "int_4", origin(request=b"another body")) is None
    assert await create(store, "int_5", origin(request=b"another body")) == b"sealed answer int_4"


@pytest.mark.parametrize("days", [1.1, -1.1])
async def test_a_node_with_a_wrong_clock_keeps_the_answers_of_others(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    now = transaction.time.time()
    async with opened(lambda: open_postgres(postgres_url)) as store:
        await fill(store)
        await create(store, "int_2")
        monkeypatch.setattr(transaction.time, "time", lambda: now + days * 24 * 60 * 60)
        assert await create(store, "int_3") == b"sealed answer int_2"
        await create(store, "int_4", origin(name="of the node with the wrong clock"))
        monkeypatch.undo()
        assert await create(store, "int_5") == b"sealed answer int_2"
        assert await create(store, "int_6", origin(name="of the node with the wrong clock")) == b"sealed answer int_4"
