"""Migrations run once, under a lock, and programs of the previous version continue to work on the migrated store."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from support.stores import KEY, STORES, Open, fill, key, opened

from sunshine_keys.apps.model import App
from sunshine_keys.store import Origin, Store, StoreTooNew, audit
from sunshine_keys.store.audit import Head
from sunshine_keys.store.changes import CreateApp, CreateKey, DeleteKey
from sunshine_keys.store.postgres import schema as postgres_schema
from sunshine_keys.store.sqlite import schema as sqlite_schema

SCHEMAS = {"sqlite": sqlite_schema, "postgres": postgres_schema}

HARMLESS = re.compile(
    r"DROP INDEX \w+|CREATE TABLE \w+ .*|CREATE INDEX \w+ ON .*|ALTER TABLE \w+ ADD COLUMN \w+ \w+( NOT NULL DEFAULT [^,]+)?",
    re.DOTALL,
)
"""The statements that a migration may have: new tables, new indexes, and columns that an INSERT may omit."""

NEXT_STEP = """
ALTER TABLE keys ADD COLUMN note TEXT;
ALTER TABLE audit ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;
CREATE TABLE later (id TEXT PRIMARY KEY);
CREATE INDEX keys_by_note ON keys (note, id);
"""


@pytest.fixture
def schema(request: pytest.FixtureRequest, open_store: Open) -> ModuleType:
    """The schema of the store that `open_store` opens."""
    return SCHEMAS[request.node.callspec.params["open_store"]]


class Program:
    """Replaces the migrations that the program has, as an earlier or a later version would have them."""

    def __init__(self, schema: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self._schema, self._monkeypatch = schema, monkeypatch
        self.steps: tuple[str, ...] = schema._MIGRATIONS

    def has(self, *steps: str) -> None:
        self._monkeypatch.setattr(self._schema, "_MIGRATIONS", steps)
        self._monkeypatch.setattr(self._schema, "VERSION", len(steps))


@pytest.fixture
def program(schema: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(schema, monkeypatch)


@pytest.mark.parametrize("kind", STORES)
def test_a_migration_only_adds_what_the_previous_version_can_ignore(kind: str) -> None:
    for step in (*SCHEMAS[kind]._MIGRATIONS[1:], NEXT_STEP):
        for statement in filter(None, (part.strip() for part in step.split(";\n"))):
            assert HARMLESS.fullmatch(statement), statement


async def use(store: Store, number: int) -> None:
    """Use every table as a server does."""
    assert await store.key("int_1") == KEY
    assert await store.transact(Origin("act_1"), CreateApp(App(f"b{number}", "x", {})))
    assert await store.transact(Origin("app_1"), CreateKey(key(f"int_u{number}"))) == key(f"int_u{number}")
    assert await store.credential(f"int_u{number}") == key(f"int_u{number}")
    await store.transact(Origin("app_1"), DeleteKey("a", "i", f"int_u{number}"))
    assert await store.credential(f"int_u{number}") is None
    audit.check(await store.audit_entries(0, 1000), Head())


async def test_a_running_server_continues_while_the_next_version_migrates_and_serves(
    open_store: Open, program: Program
) -> None:
    async with opened(open_store) as running:
        await fill(running)
        await use(running, 1)
        program.has(*program.steps, NEXT_STEP)
        async with opened(open_store) as newer:  # opening it migrates
            for number in range(2, 5):
                await use(running, number)
                await use(newer, 10 + number)
        program.has(*program.steps)
        await use(running, 5)
        with pytest.raises(StoreTooNew, match="use the newer program"):
            await open_store()


async def test_a_step_that_fails_leaves_the_store_as_it_was(open_store: Open, program: Program) -> None:
    async with opened(open_store) as running:
        await fill(running)
        program.has(*program.steps, "CREATE TABLE later (id TEXT PRIMARY KEY);\nCREATE TABLE keys (id TEXT);\n")
        with pytest.raises(Exception, match="already exists"):
            await open_store()
        program.has(*program.steps)
        async with opened(open_store) as reopened:
            await use(reopened, 1)
        program.has(*program.steps, NEXT_STEP)  # also creates a table `later`
        async with opened(open_store) as newer:
            await use(newer, 2)


@pytest.mark.parametrize("known", [0, 1, None], ids=["new", "of the first version", "of today"])
def test_only_one_of_several_starting_servers_migrates(open_store: Open, program: Program, known: int | None) -> None:
    async def open_and_close() -> Any:
        async with opened(open_store) as store:
            return await store.key("int_1")

    if known != 0:
        program.has(*program.steps[:known])
        asyncio.run(open_and_close())
    program.has(*program.steps, NEXT_STEP)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: asyncio.run(open_and_close()), range(8))) == [None] * 8
