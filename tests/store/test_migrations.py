"""Schema versions: an upgrade runs once, under a lock, and a program of the version before goes on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import ModuleType
from typing import Any

import asyncpg
import msgspec
import pytest
from support import schema_history
from support.postgres import Postgres
from support.stores import KEY, STORES, Open, fill, key, open_postgres, open_sqlite, opened

from sunshine_keys.apps.changes import CreateApp
from sunshine_keys.apps.model import App
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.table import KEYS
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import Origin, Store, StoreTooNew, audit
from sunshine_keys.store.audit import Head
from sunshine_keys.store.postgres import schema as postgres_schema
from sunshine_keys.store.sqlite import schema as sqlite_schema
from sunshine_keys.store.table import Migration
from sunshine_messaging.plane import CATALOG as PLANE

SCHEMAS = {"sqlite": sqlite_schema, "postgres": postgres_schema}
HISTORIES = {"sqlite": schema_history.SQLITE, "postgres": schema_history.POSTGRES}
EARLIER = [(kind, version) for kind in STORES for version in range(1, len(HISTORIES[kind]) + 1)]

ADDITIVE = re.compile(
    r"INSERT INTO key_use_hours .*|DROP INDEX \w+|CREATE TABLE \w+ .*|CREATE INDEX \w+ ON .*|ALTER TABLE \w+ ADD COLUMN \w+ \w+( precision)?( NOT NULL DEFAULT [^,]+)?",
    re.DOTALL,
)
"""What a migration may do: add a table, fill it, or add an index, or a column that an INSERT may leave out."""

NEXT = Migration(
    sqlite_schema.version_of(CATALOG) + 1,
    "keys",
    "ALTER TABLE keys ADD COLUMN note TEXT;\n"
    "ALTER TABLE audit ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;\n"
    "CREATE TABLE later (id TEXT PRIMARY KEY);\n"
    "CREATE INDEX keys_by_note ON keys (note, id);\n",
)
BROKEN = Migration(
    sqlite_schema.version_of(CATALOG) + 1,
    "keys",
    "CREATE TABLE later (id TEXT PRIMARY KEY);\nCREATE TABLE keys (id TEXT);\n",
)


@pytest.fixture
def schema(request: pytest.FixtureRequest, open_store: Open) -> ModuleType:
    """The schema of the store that `open_store` opens."""
    return SCHEMAS[request.node.callspec.params["open_store"]]


class Program:
    """A program of the next version has further migrations."""

    def __init__(self, schema: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self._schema, self._monkeypatch = schema, monkeypatch
        self._today: tuple[Migration, ...] = schema._MIGRATIONS

    def has(self, *further: Migration) -> None:
        self._monkeypatch.setattr(self._schema, "_MIGRATIONS", (*self._today, *further))


@pytest.fixture
def program(schema: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(schema, monkeypatch)


def create_earlier(kind: str, version: int, tmp_path: Path, postgres: Postgres | None) -> Open:
    """Create an empty store of an earlier schema version, and return a function that opens it."""
    if kind == "sqlite":
        path = tmp_path / "earlier"
        schema_history.create_sqlite(path, version)
        return lambda: open_sqlite(path)
    assert postgres is not None
    url = postgres.new_store()
    asyncio.run(schema_history.create_postgres(url, version))
    return lambda: open_postgres(url)


@pytest.mark.parametrize("kind", STORES)
def test_migrations_only_add_what_the_version_before_can_do_without(kind: str) -> None:
    for migration in (*SCHEMAS[kind]._MIGRATIONS, *CATALOG.migrations, *PLANE.migrations, NEXT):
        for statement in filter(None, migration.sql.split(";\n")):
            assert ADDITIVE.fullmatch(statement), statement


def sqlite_description(path: Path) -> dict[str, Any]:
    """Everything that SQLite reports about the tables, indexes and triggers of a file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("PRAGMA main.table_list").fetchall()
        names = [row[1] for row in tables if not row[1].startswith("sqlite_")]
        indexes = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        return {
            "tables": sorted(row for row in tables if row[1] in names),
            "columns": {name: connection.execute(f"PRAGMA table_xinfo({name})").fetchall() for name in names},
            "references": {name: connection.execute(f"PRAGMA foreign_key_list({name})").fetchall() for name in names},
            "indexes": {name: connection.execute(f"PRAGMA index_xinfo({name})").fetchall() for (name,) in indexes},
            "triggers": sorted(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")),
        }


async def postgres_description(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that PostgreSQL reports about the columns, constraints and indexes of a schema."""
    queries = {
        "columns": "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, collation_name"
        " FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 3",
        "constraints": "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace AND contype <> 'n' ORDER BY 1, 2",
        "indexes": "SELECT indexname, replace(indexdef, current_schema(), '') FROM pg_indexes"
        " WHERE schemaname = current_schema() ORDER BY 1",
    }
    connection = await asyncpg.connect(url)
    try:
        return {name: [tuple(row) for row in await connection.fetch(query)] for name, query in queries.items()}
    finally:
        await connection.close()


@pytest.mark.parametrize("version", range(1, len(schema_history.SQLITE) + 1))
def test_upgraded_sqlite_store_equals_a_new_one(tmp_path: Path, version: int) -> None:
    sqlite_schema.open_or_create(tmp_path / "new", CATALOG)
    schema_history.create_sqlite(tmp_path / "earlier", version)
    sqlite_schema.open_or_create(tmp_path / "earlier", CATALOG)
    description = sqlite_description(tmp_path / "new")
    assert len(description["columns"]) > len(CATALOG.tables)
    assert sqlite_description(tmp_path / "earlier") == description


def test_an_opening_adds_the_triggers_that_a_tool_dropped(tmp_path: Path) -> None:
    path = tmp_path / "store"
    sqlite_schema.open_or_create(path, CATALOG)
    description = sqlite_description(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TRIGGER keys_delete; DROP TRIGGER apps_insert; DELETE FROM object_state;"
            "CREATE TRIGGER apps_insert AFTER INSERT ON apps BEGIN SELECT 1; END;"
        )
    for _ in range(2):
        sqlite_schema.open_or_create(path, CATALOG)
        assert sqlite_description(path) == description
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM object_state").fetchone() == (1,)


def test_an_opening_of_a_store_of_this_version_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store"
    sqlite_schema.open_or_create(path, CATALOG)
    before = path.read_bytes()
    sqlite_schema.open_or_create(path, CATALOG)
    assert path.read_bytes() == before


@pytest.fixture
def earlier(postgres: Postgres) -> str:
    """The URL of another empty place for a store."""
    return postgres.new_store()


@pytest.mark.parametrize("version", range(1, len(schema_history.POSTGRES) + 1))
async def test_upgraded_postgres_store_equals_a_new_one(postgres_url: str, earlier: str, version: int) -> None:
    new = postgres_url
    await schema_history.create_postgres(earlier, version)
    for url in (new, earlier):
        await (await open_postgres(url)).close()
    description = await postgres_description(new)
    assert {row[0] for row in description["columns"]} > {table.name for table in CATALOG.tables}
    assert await postgres_description(earlier) == description


@pytest.mark.parametrize("version", range(1, len(schema_history.PLANE_SQLITE) + 1))
def test_upgraded_sqlite_store_of_conversations_equals_a_new_one(tmp_path: Path, version: int) -> None:
    sqlite_schema.open_or_create(tmp_path / "new", PLANE)
    schema_history.create_sqlite(tmp_path / "earlier", version, schema_history.PLANE_SQLITE, PLANE.number)
    sqlite_schema.open_or_create(tmp_path / "earlier", PLANE)
    assert sqlite_description(tmp_path / "earlier") == sqlite_description(tmp_path / "new")


@pytest.mark.parametrize("version", range(1, len(schema_history.PLANE_POSTGRES) + 1))
async def test_upgraded_postgres_store_of_conversations_equals_a_new_one(
    postgres_url: str, earlier: str, version: int
) -> None:
    await schema_history.create_postgres(earlier, version, steps=schema_history.PLANE_POSTGRES)
    catalog = msgspec.structs.replace(PLANE, schema="")
    for url in (postgres_url, earlier):
        connection = await asyncpg.connect(url)
        try:
            await postgres_schema.prepare(connection, catalog)
        finally:
            await connection.close()
    assert await postgres_description(earlier) == await postgres_description(postgres_url)


@pytest.mark.parametrize("version", range(1, len(schema_history.POSTGRES) + 1))
async def test_a_store_with_the_first_table_of_nodes_is_mended(postgres_url: str, earlier: str, version: int) -> None:
    await schema_history.create_postgres(earlier, version, first_nodes=True)
    async with opened(lambda: open_postgres(earlier)) as store:
        await fill(store)
        await use(store, 1)
    await (await open_postgres(postgres_url)).close()
    assert await postgres_description(earlier) == await postgres_description(postgres_url)


HELD = {
    "sqlite": [
        "9ff331fafec522be",
        "2cb455cd48308f5a",
        "83b1de2da221fa7f",
        "4657ea42535c18ca",
        "3a96a49709adffde",
        "54e922db31f80737",
        "5c248b028f969cd9",
        "e4e806c170d1d2b8",
        "292e9b1efc340cf9",
        "a45fe97b3cbd739a",
        "ece7acd286de04b5",
    ],
    "postgres": [
        "5f51b33dc2e990e1",
        "0bca15be95ba8b91",
        "eea380f38ee530ec",
        "4f32b238961b2345",
        "cc0498c1976d9c62",
        "e417ef8347739003",
        "292e9b1efc340cf9",
        "fcdc446ddadb6149",
    ],
}
"""The beginning of the SHA-256 of each released step. Add to a list; never change what is in it."""


@pytest.mark.parametrize("kind", STORES)
def test_a_released_step_is_never_edited(kind: str) -> None:
    steps = [hashlib.sha256(" ".join(step.split()).encode()).hexdigest()[:16] for step in HISTORIES[kind]]
    assert steps == HELD[kind]
    assert SCHEMAS[kind].version_of(CATALOG) == len(steps), "record the new step in tests/support/schema_history.py"


async def use(store: Store, number: int) -> None:
    """Do what a server does with each table."""
    assert await store.get(KEYS, "int_1") == KEY
    assert await store.transact(Origin("act_1"), CreateApp(App(f"b{number}", "x", {})))
    assert await store.transact(Origin("app_1"), CreateKey(key(f"int_u{number}"))) == key(f"int_u{number}")
    assert await store.credential(f"int_u{number}") == key(f"int_u{number}")
    await store.transact(Origin("app_1"), DeleteKey("a", "i", f"int_u{number}"))
    assert await store.credential(f"int_u{number}") is None
    audit.check(await store.audit_entries(0, 1000), Head())


@pytest.mark.parametrize(("kind", "version"), EARLIER)
def test_store_of_every_earlier_version_opens_and_works(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, version: int
) -> None:
    postgres = request.getfixturevalue("postgres") if kind == "postgres" else None
    open_earlier = create_earlier(kind, version, tmp_path, postgres)

    async def open_and_use() -> None:
        async with opened(open_earlier) as store:
            await fill(store)
            await use(store, 1)

    asyncio.run(open_and_use())


async def test_a_running_server_goes_on_while_the_next_version_migrates_and_serves(
    open_store: Open, program: Program
) -> None:
    async with opened(open_store) as running:
        await fill(running)
        await use(running, 1)
        program.has(NEXT)
        async with opened(open_store) as newer:  # opening it migrates
            for number in range(2, 5):
                await use(running, number)
                await use(newer, 10 + number)
        program.has()
        await use(running, 5)
        with pytest.raises(StoreTooNew, match="use the newer program"):
            await open_store()


async def test_a_migration_that_fails_leaves_the_store_as_it_was(open_store: Open, program: Program) -> None:
    async with opened(open_store) as running:
        await fill(running)
        program.has(BROKEN)
        with pytest.raises(Exception, match="already exists"):
            await open_store()
        program.has()
        async with opened(open_store) as reopened:
            await use(reopened, 1)
        program.has(NEXT)  # it creates a table `later`, too
        async with opened(open_store) as newer:
            await use(newer, 2)


@pytest.mark.parametrize("begin", ["new", "of today"])
def test_of_servers_that_start_together_one_migrates(open_store: Open, program: Program, begin: str) -> None:
    async def open_and_close() -> Any:
        async with opened(open_store) as store:
            return await store.get(KEYS, "int_1")

    if begin == "of today":
        asyncio.run(open_and_close())
    program.has(NEXT)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: asyncio.run(open_and_close()), range(8))) == [None] * 8


def test_servers_that_start_together_make_one_sqlite_store(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(50):  # one start in 60 failed while a step did not wait for the other processes
            path, begin = tmp_path / str(number), Barrier(8)

            def make(path: Path = path, begin: Barrier = begin) -> None:
                begin.wait()
                sqlite_schema.open_or_create(path, CATALOG)

            for opening in [pool.submit(make) for _ in range(8)]:
                opening.result()


@pytest.mark.parametrize("kind", STORES)
def test_servers_that_start_together_upgrade_a_store_of_the_first_version(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    postgres = request.getfixturevalue("postgres") if kind == "postgres" else None
    open_earlier = create_earlier(kind, 1, tmp_path, postgres)

    async def open_and_close() -> Any:
        async with opened(open_earlier) as store:
            return await store.get(KEYS, "int_1")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: asyncio.run(open_and_close()), range(8))) == [None] * 8
