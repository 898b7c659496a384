"""Sessions, and queries of the audit trail, in every store."""

from __future__ import annotations

import pytest
from support.stores import ACCOUNT_KEY, APP, APP_KEY, KEY, Open, fill, key, opened, remember

from sunshine_keys.apps.changes import CreateApp, DeleteApp
from sunshine_keys.apps.model import App
from sunshine_keys.console.changes import CloseSession, OpenSession, TouchSession
from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.console.table import SESSIONS
from sunshine_keys.errors import Unauthorized
from sunshine_keys.keys.changes import CreateKey, DeleteKey, ShowKey
from sunshine_keys.store import OPERATOR, Origin, Store
from sunshine_keys.store.audit import Wanted
from sunshine_keys.store.change import Refused

SESSION = ConsoleSession(b"s" * 32, APP_KEY.id, 1000, 1000)
MEMBER = Origin(APP_KEY.id, "192.0.2.1", "r")


async def open_session(store: Store, session: ConsoleSession = SESSION, idle_since: int = 0) -> None:
    await store.transact(Origin(session.key_id), OpenSession(session, "a", idle_since))


async def test_a_session_exists_until_it_is_closed(store: Store) -> None:
    assert await store.get(SESSIONS, SESSION.id) is None
    await open_session(store)
    assert await store.get(SESSIONS, SESSION.id) == SESSION
    assert await store.transact(MEMBER, CloseSession(SESSION, "a")) is True
    assert await store.get(SESSIONS, SESSION.id) is None
    assert await store.transact(MEMBER, CloseSession(SESSION, "a")) is False
    entries = await store.audit_entries(1, 10)
    assert [(entry.action, entry.resource, entry.outcome) for entry in entries] == [
        ("console.sign_in", "apps/a/keys/app_1", "done"),
        ("console.sign_out", "apps/a/keys/app_1", "done"),
        ("console.sign_out", "apps/a/keys/app_1", "unchanged"),
    ]


async def test_a_session_of_the_future_counts_from_when_it_is_seen(store: Store) -> None:
    """The clock of the node that opened it was a day ahead: it still ends twelve hours later."""
    await open_session(store, ConsoleSession(SESSION.id, APP_KEY.id, 90_000, 90_000))
    await store.transact(MEMBER, TouchSession(SESSION.id, 2000))
    assert await store.get(SESSIONS, SESSION.id) == ConsoleSession(SESSION.id, APP_KEY.id, 2000, 2000)


async def test_touching_a_session_never_sets_it_back_and_is_not_audited(store: Store) -> None:
    await open_session(store)
    for moment, seen in ((2000, 2000), (1500, 2000)):
        await store.transact(MEMBER, TouchSession(SESSION.id, moment))
        session = await store.get(SESSIONS, SESSION.id)
        assert session is not None and session.last_seen == seen
    assert len(await store.audit_entries(0, 10)) == 2


@pytest.mark.parametrize("change", [DeleteKey("a", None, APP_KEY.id), DeleteApp("a")], ids=lambda change: change.action)
async def test_deleting_a_key_deletes_its_sessions(store: Store, change: DeleteKey | DeleteApp) -> None:
    await open_session(store)
    await open_session(store, ConsoleSession(b"t" * 32, ACCOUNT_KEY.id, 1, 1))
    await store.transact(OPERATOR, change)
    assert await store.get(SESSIONS, SESSION.id) is None
    assert await store.get(SESSIONS, b"t" * 32) is not None
    with pytest.raises(Unauthorized):
        await open_session(store)
    with pytest.raises(Unauthorized):
        await store.transact(MEMBER, TouchSession(SESSION.id, 2000))


async def test_opening_a_session_deletes_idle_sessions(store: Store) -> None:
    for number in range(3):
        await open_session(store, ConsoleSession(bytes([number]) * 32, APP_KEY.id, number, number))
    await open_session(store, SESSION, idle_since=1)
    remaining = [await store.get(SESSIONS, bytes([number]) * 32) is not None for number in range(3)]
    assert remaining == [False, False, True]


async def test_signing_in_leaves_cached_keys_valid(store: Store) -> None:
    if store.lease is not None:
        await remember(store, KEY.id)
    assert await store.credential(KEY.id) == KEY
    await open_session(store)
    await store.transact(MEMBER, ShowKey(KEY))
    await store.transact(MEMBER, CloseSession(SESSION, "a"))
    assert await store.credential(KEY.id) == KEY
    await store.ready()
    assert store.lease is None or store.lease.remembered == 1


async def fill_trail(store: Store) -> None:
    await store.transact(Origin("act_1"), CreateApp(App("b", "Another", {})))  # 2
    await store.transact(MEMBER, CreateKey(key("int_2")))  # 3
    await store.transact(Origin(None, "192.0.2.9", "x"), Refused("keys/int_2", "unauthorized"))  # 4
    await store.transact(Origin(None, "192.0.2.9", "x"), Refused("keys/int_x2", "unauthorized"))  # 5
    await store.transact(Origin(APP_KEY.id, "", "y"), Refused("keys/app_1", "forbidden"))  # 6
    await store.transact(MEMBER, DeleteKey("a", "i", KEY.id))  # 7
    await store.transact(Origin("act_1"), DeleteApp("b"))  # 8


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [8, 7, 6, 5, 4, 3, 2, 1]),
        (Wanted(app_id="a"), [7, 6, 4, 3]),
        (Wanted(app_id="b"), [8, 2]),
        (Wanted(key_id="int_2"), [4, 3]),
        (Wanted(key_id="int_1"), [7]),
        (Wanted(key_id="app_1"), [7, 6, 3]),
        (Wanted(key_id="stranger"), [5, 4]),
        (Wanted(owner_id="a"), [7, 3]),
        (Wanted(action="app.delete"), [8]),
        (Wanted(app_id="a", action="key.delete"), [7]),
        (Wanted(outcome="refused"), [6, 5, 4]),
        (Wanted(outcome="unauthorized"), [5, 4]),
        (Wanted(outcome="done"), [8, 7, 3, 2, 1]),
        (Wanted(request_id="x"), [5, 4]),
        (Wanted(app_id="a", outcome="refused", request_id="y"), [6]),
        (Wanted(since="2999"), []),
        (Wanted(since="2020"), [8, 7, 6, 5, 4, 3, 2, 1]),
    ],
    ids=str,
)
async def test_the_trail_is_filtered(store: Store, wanted: Wanted, expected: list[int]) -> None:
    assert APP.id == "a"
    await fill_trail(store)
    assert [entry.sequence for entry in await store.trail(wanted, 9, 100, 100)] == expected


async def test_a_search_of_the_trail_is_bounded(store: Store) -> None:
    await fill_trail(store)
    assert [entry.sequence for entry in await store.trail(Wanted(), 7, 3, 100)] == [6, 5, 4]
    assert [entry.sequence for entry in await store.trail(Wanted(), 7, 100, 2)] == [6, 5]
    assert await store.trail(Wanted(), 1, 100, 100) == []


async def test_the_end_of_the_trail_at_a_time(open_store: Open) -> None:
    async with opened(open_store) as store:
        assert await store.trail_end() == await store.trail_end("2999") == 0
        await fill(store)
        await fill_trail(store)
        entries = await store.audit_entries(0, 100)
        assert await store.trail_end() == await store.trail_end("2999") == 8
        assert await store.trail_end("2020") == 0
        for entry in entries:
            same = [other.sequence for other in entries if other.time <= entry.time]
            assert await store.trail_end(entry.time) == max(same)
