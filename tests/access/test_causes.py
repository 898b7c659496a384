"""The causes of refused requests: on both stores, for a day, and bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sunshine_keys.access import causes
from sunshine_keys.access.causes import CAUSES, Cause, RecordCauses
from sunshine_keys.access.refusals import MOST_LIMITED, Refusals
from sunshine_keys.errors import TooManyRequests, Unauthorized
from sunshine_keys.store import Origin, Store, audit

KEY = "int_0123456789abcdef01234567"


def cause(number: int, age: timedelta = timedelta()) -> Cause:
    time = audit.format_time(datetime.now(UTC) - age)
    return Cause(f"{number:024x}", time, "192.0.2.1", KEY, "unauthorized", "wrong secret")


async def ids(store: Store) -> list[int]:
    return [int(item.request_id, 16) for item in await store.select(CAUSES, "ORDER BY request_id")]


async def test_causes_are_stored_and_those_older_than_a_day_are_deleted(store: Store) -> None:
    await store.transact(Origin(), RecordCauses([cause(1, timedelta(hours=25)), cause(2, timedelta(hours=23))]))
    await store.transact(Origin(), RecordCauses([cause(3)]))
    assert await ids(store) == [2, 3]
    assert (await store.get(CAUSES, f"{3:024x}")).cause == "wrong secret"  # type: ignore[union-attr]


async def test_a_flood_deletes_the_oldest(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "MOST_CAUSES", 120)
    for batch in range(3):
        numbers = range(batch * 60, batch * 60 + 60)
        await store.transact(
            Origin(), RecordCauses([cause(number, timedelta(seconds=200 - number)) for number in numbers])
        )
    assert await ids(store) == list(range(60, 180))


async def test_every_refusal_of_a_key_is_stored_beside_one_entry_of_the_trail(store: Store) -> None:
    before = await store.trail_end()
    refusals = Refusals(store)
    for number in range(5):
        origin = Origin(None, "192.0.2.1", f"{number:024x}")
        refusals.add(origin, KEY, Unauthorized("title", cause=f"cause {number}"))
    refusals.explain(Origin(None, "192.0.2.1", f"{5:024x}"), "not an id: a secret", Unauthorized("JWT is malformed"))
    await refusals.close()
    stored = await store.select(CAUSES, "ORDER BY request_id")
    assert [item.cause for item in stored] == [*(f"cause {number}" for number in range(5)), "JWT is malformed"]
    assert [item.key_id for item in stored] == [*[KEY] * 5, "unknown"]
    assert await store.trail_end() == before + 2  # the first refusal, and the count


async def test_a_flood_of_limited_requests_leaves_room_for_other_causes(store: Store) -> None:
    refusals = Refusals(store)
    for number in range(2 * MOST_LIMITED):
        refusals.explain(Origin(None, "192.0.2.1", f"{number:024x}"), "", TooManyRequests(1.0, "limited"))
    refusals.explain(Origin(None, "192.0.2.1", "f" * 24), KEY, Unauthorized(cause="wrong secret"))
    await refusals.close()
    stored = await store.select(CAUSES, "ORDER BY request_id")
    assert [item.cause for item in stored] == ["limited"] * MOST_LIMITED + ["wrong secret"]
