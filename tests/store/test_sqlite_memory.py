"""The SQLite store caches keys until any process commits a change of an object."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.remembered import check_that_the_next_tick_sees, next_tick
from support.stores import entered, open_sqlite, opened

from sunshine_keys.apps.changes import CreateApp
from sunshine_keys.apps.model import App
from sunshine_keys.apps.table import APPS
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.table import KEYS, keys_of_integration
from sunshine_keys.keys.usage import KeyHour
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.sqlite import store as of_sqlite
from sunshine_keys.webhooks.table import read_webhooks_of_app


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection to a store that it has filled with a key of an account and one of an integration."""
    SqliteStore.prepare(tmp_path / "store", CATALOG)
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO apps VALUES ('a', 'An app', '{}', NULL)")
        connection.execute("INSERT INTO apps VALUES ('b', 'Another app', '{}', NULL)")
        connection.execute("INSERT INTO integrations VALUES ('i', 'a', 'custom', '{}')")
        connection.execute("INSERT INTO webhooks VALUES ('w', 'i', 'https://bot.example', '[]', 0, 0, x'00')")
        connection.execute("INSERT INTO keys VALUES ('act_1', 'account', NULL, NULL, 'Mine', x'00', NULL, NULL)")
        connection.execute("INSERT INTO keys VALUES ('int_1', 'integration', 'a', 'i', 'Its', x'00', NULL, NULL)")
        yield connection


@pytest.fixture
def store(runner: asyncio.Runner, connection: sqlite3.Connection, tmp_path: Path) -> Iterator[SqliteStore]:
    yield from entered(runner, opened(lambda: open_sqlite(tmp_path / "store")))


async def everything(store: SqliteStore) -> list[Any]:
    """Return what the store remembers of its rows."""
    return [
        *[await store.get(KEYS, key_id) for key_id in ("act_1", "int_1", "int_2")],
        *[await store.credential(key_id) for key_id in ("act_1", "int_1", "int_2")],
        await keys_of_integration(store, "i"),
        await store.get(APPS, "a"),
        await read_webhooks_of_app(store, "a"),
    ]


async def test_rows_are_read_once_until_the_next_commit(store: SqliteStore) -> None:
    statements: list[str] = []
    credential, key = await store.credential("act_1"), await store.get(KEYS, "act_1")
    keys = await keys_of_integration(store, "i")
    app, webhooks = await store.get(APPS, "a"), await read_webhooks_of_app(store, "a")
    store._reader.set_trace_callback(statements.append)
    for _ in range(3):
        await next_tick()
        assert await store.credential("act_1") is credential
        assert await store.get(KEYS, "act_1") is key
        assert await keys_of_integration(store, "i") is keys
        assert await store.get(APPS, "a") is app
        assert await read_webhooks_of_app(store, "a") is webhooks
    assert {sql.split()[0] for sql in statements} == {"BEGIN", "PRAGMA", "COMMIT"}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM keys",
        "DELETE FROM integrations",
        "DELETE FROM apps",
        """UPDATE apps SET settings = '{"useAnimalNames": true}'""",
        "DELETE FROM webhooks",
        "INSERT INTO webhooks VALUES ('v', 'i', 'https://bot.example', '[]', 0, 0, x'00')",
        "UPDATE integrations SET app_id = 'b'",
        "UPDATE keys SET sealed_secret = x'01'",
        "INSERT INTO keys VALUES ('int_2', 'integration', 'a', 'i', 'Another', x'00', NULL, NULL)",
    ],
)
async def test_the_next_tick_sees_a_commit_of_another_program(
    store: SqliteStore, connection: sqlite3.Connection, statement: str
) -> None:
    await check_that_the_next_tick_sees(connection, statement, store, everything)


async def test_a_read_is_never_older_than_the_last_commit(store: SqliteStore, connection: sqlite3.Connection) -> None:
    """A checkpoint that truncates the WAL must not hide a commit."""
    for number in range(300):
        connection.execute("UPDATE keys SET display_name = ? WHERE id = 'int_1'", (str(number),))
        if number % 3 == 0:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        key = await store.get(KEYS, "int_1")
        assert key is not None
        assert key.display_name == str(number)
        assert [listed.display_name for listed in await keys_of_integration(store, "i")] == [str(number)]
        await next_tick()


async def test_counts_and_other_commits_leave_the_objects_in_memory(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    before = await everything(store)
    for number in range(3):
        await next_tick()
        await store.count_usage([KeyHour("int_1", 3600 * number, 1, 3600.0 * number, "192.0.2.1")])
        connection.execute("INSERT INTO refused_requests VALUES (?, '', '', '', '', '')", (str(number),))
        await next_tick()
        after = await everything(store)
        assert [id(item) for item in after if item] == [id(item) for item in before if item]


async def test_all_tables_that_are_read_for_the_memory_have_triggers(store: SqliteStore) -> None:
    tables = set()

    def note(action: int, table: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ:
            tables.add(table)
        return sqlite3.SQLITE_OK

    store._reader.set_authorizer(note)
    await everything(store)
    store._reader.set_authorizer(None)
    watched = {table.name for table in CATALOG.resources}
    assert watched >= {table.name for table in CATALOG.tables if table.remembered}
    assert tables - {"object_state", "sqlite_master"} <= watched
    assert tables > {"apps", "integrations", "keys", "webhooks"}


REBUILD = "CREATE TABLE n AS SELECT * FROM keys; DROP TABLE keys; ALTER TABLE n RENAME TO keys;"
"""What tools do to change a column: the table loses its triggers."""


@pytest.mark.parametrize(
    "unguarded",
    [
        REBUILD,
        f"BEGIN; {REBUILD} COMMIT;",
        "DROP TRIGGER keys_delete",
        "DROP TRIGGER keys_delete; CREATE TRIGGER keys_delete AFTER DELETE ON keys BEGIN SELECT 1; END",
        "DELETE FROM object_state",
        "CREATE TRIGGER note AFTER DELETE ON keys BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TEMP TRIGGER note BEFORE DELETE ON keys WHEN old.id <> 'act_1' BEGIN SELECT RAISE(IGNORE); END",
    ],
)
async def test_a_deletion_counts_whatever_was_done_to_the_triggers(
    store: SqliteStore, connection: sqlite3.Connection, unguarded: str
) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")
    await everything(store)
    await next_tick()
    connection.executescript(unguarded)
    await everything(store)
    await next_tick()
    await check_that_the_next_tick_sees(connection, "DELETE FROM keys WHERE id = 'act_1'", store, everything)


async def test_rows_that_a_rebuild_of_their_table_leaves_out_are_forgotten(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    triggers = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'keys'")
    recreated = ";".join(sql for (sql,) in triggers.fetchall())
    before = await everything(store)
    await next_tick()
    connection.execute("PRAGMA foreign_keys = OFF")
    rebuild = REBUILD.replace("FROM keys", "FROM keys WHERE id <> 'act_1'")
    connection.executescript(f"BEGIN; {rebuild} {recreated}; COMMIT;")
    assert before[0] is not None
    assert await store.credential("act_1") is None
    await next_tick()
    await check_that_the_next_tick_sees(connection, "DELETE FROM keys", store, everything)


async def test_a_table_that_is_gone_is_not_served_from_memory(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")
    await everything(store)
    await next_tick()
    connection.execute("DROP TABLE keys")
    with pytest.raises(StoreUnavailable):
        await store.credential("act_1")


async def test_a_copy_that_is_restored_into_the_file_replaces_what_is_remembered(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    with closing(sqlite3.connect(":memory:")) as backup:
        connection.backup(backup)
        for restored in range(2):
            connection.execute("UPDATE keys SET display_name = ? WHERE id = 'act_1'", (str(restored),))
            assert (await everything(store))[0].display_name == str(restored)
            await next_tick()
            backup.backup(connection)
            assert (await everything(store))[0].display_name == "Mine"
            await next_tick()


async def test_a_change_of_the_store_itself_clears_the_cache(store: SqliteStore) -> None:
    await store.get(KEYS, "act_1")
    await store.transact(OPERATOR, CreateApp(App("c", "x", {}, None)))
    await store.get(KEYS, "int_1")
    assert store._tick.items.keys() == {("keys", "int_1")}


async def test_nothing_is_cached_if_the_file_cannot_be_read(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.get(KEYS, "act_1")
    await next_tick()

    class Broken:
        in_transaction = False

        def execute(self, *_: Any) -> Any:
            raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_reader", Broken())
        patch.setattr(store._tick, "_reader", Broken())
        for _ in range(2):  # the second read is in the pass of the first
            with pytest.raises(StoreUnavailable):
                await store.get(KEYS, "act_1")
    await next_tick()
    assert await store.get(KEYS, "act_1") is not None


async def test_no_more_than_a_bounded_number_is_remembered(
    store: SqliteStore, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_sqlite, "_MOST_ROWS", 10)
    monkeypatch.setattr(of_sqlite, "CREDENTIALS_REMEMBERED", 40)
    monkeypatch.setattr(of_sqlite, "_MOST_LISTS", 3)
    for number in range(100):
        connection.execute(
            "INSERT INTO keys VALUES (?, 'account', NULL, NULL, 'x', x'00', NULL, NULL)", (f"act_m{number}",)
        )
    for number in range(100):
        assert await store.get(KEYS, f"act_m{number}") is not None
        await keys_of_integration(store, f"none-{number}")
        assert await store.get(KEYS, "none") is None
        assert await store.credential(f"act_m{number}") is not None
        assert await store.credential("none") is None
    assert (len(store._tick.items), len(store._tick.lists), len(store._tick.credentials)) == (10, 1, 20)


async def test_other_rows_do_not_displace_credentials(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_sqlite, "_MOST_ROWS", 1)
    statements: list[str] = []
    credential = await store.credential("act_1")
    for app_id in ("a", "b"):
        await store.get(APPS, app_id)
    store._reader.set_trace_callback(statements.append)
    assert await store.credential("act_1") is credential
    assert statements == []


async def test_a_long_list_is_not_remembered(store: SqliteStore, connection: sqlite3.Connection) -> None:
    for number in range(of_sqlite._LONGEST_LIST - 1):
        connection.execute(f"INSERT INTO webhooks VALUES ('w{number}', 'i', 'https://bot.example', '[]', 0, 0, x'00')")
    assert len(await read_webhooks_of_app(store, "a")) == of_sqlite._LONGEST_LIST
    assert len(store._tick.lists) == 1
    connection.execute("INSERT INTO webhooks VALUES ('x', 'i', 'https://bot.example', '[]', 0, 0, x'00')")
    await next_tick()
    assert len(await read_webhooks_of_app(store, "a")) == of_sqlite._LONGEST_LIST + 1
    assert store._tick.lists == {}
