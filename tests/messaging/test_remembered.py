"""The SQLite store of conversations caches conversations, users and switchboards until the next commit of any process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from support.remembered import check_that_the_next_tick_sees, next_tick
from support.stores import entered

from sunshine_keys.errors import ConversationNotFound
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_messaging.conversations.table import CONVERSATIONS, read_conversation
from sunshine_messaging.plane import CATALOG
from sunshine_messaging.switchboards.table import read_switchboard
from sunshine_messaging.users.table import USERS

_CONVERSATION = (
    "INSERT INTO conversations (id, app_id, type, is_default, created_at, last_updated_at, messages, last_received)"
    " VALUES (?, 'a', 'personal', 1, 'x', 'x', 0, 0)"
)

_USER = (
    "INSERT INTO users (id, app_id, signed_up_at, authenticated, profile, metadata, identities)"
    " VALUES ('u', 'a', 'x', 0, '{}', '{}', '[]')"
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection to a store that it has filled with a conversation and an enabled switchboard."""
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO apps VALUES ('a')")
        connection.execute("INSERT INTO switchboards VALUES ('s', 'a', 1, 'e')")
        connection.execute("INSERT INTO switchboard_entries VALUES ('e', 's', 'bot', 'i', 'custom', 1, NULL, NULL)")
        connection.execute(_CONVERSATION, ("c",))
        connection.execute(_USER)
        yield connection


@pytest.fixture
def store(runner: asyncio.Runner, connection: sqlite3.Connection, tmp_path: Path) -> Iterator[SqliteStore]:
    @asynccontextmanager
    async def opened() -> Any:
        store = SqliteStore(tmp_path / "store", CATALOG)
        yield store
        await store.close()

    yield from entered(runner, opened())


async def everything(store: SqliteStore) -> list[Any]:
    conversations = [await store.get(CONVERSATIONS, id) for id in ("c", "d")]
    return [*conversations, await read_switchboard(store, "a"), await store.get(USERS, "u")]


async def test_rows_are_read_once_until_the_next_commit(store: SqliteStore) -> None:
    statements: list[str] = []
    before = await everything(store)
    store._reader.set_trace_callback(statements.append)
    for _ in range(3):
        await next_tick()
        assert await everything(store) == before
    assert {sql.split()[0] for sql in statements} == {"BEGIN", "PRAGMA", "COMMIT"}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM conversations",
        "DELETE FROM apps",
        "UPDATE conversations SET messages = 1, last_received = 9",
        "UPDATE conversations SET active_entry = 'e'",
        _CONVERSATION.replace("?", "'d'"),
        "UPDATE switchboards SET enabled = 0",
        "UPDATE switchboards SET default_entry_id = NULL",
        "DELETE FROM switchboards",
        "DELETE FROM switchboard_entries",
        "UPDATE switchboard_entries SET name = 'human'",
        """UPDATE users SET profile = '{"givenName": "Jane"}'""",
        "DELETE FROM users",
    ],
)
async def test_the_next_tick_sees_a_commit_of_another_program(
    store: SqliteStore, connection: sqlite3.Connection, statement: str
) -> None:
    await check_that_the_next_tick_sees(connection, statement, store, everything)


async def test_a_remembered_conversation_is_of_one_app(store: SqliteStore) -> None:
    assert (await read_conversation(store, "a", "c")).id == "c"
    with pytest.raises(ConversationNotFound):
        await read_conversation(store, "b", "c")
