"""The audit trail has an entry for every change, and detects changed entries."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.stores import CUSTOM, Open, fill, key, opened

from sunshine_keys.apps.changes import CreateApp
from sunshine_keys.apps.model import App
from sunshine_keys.errors import IntegrationNotFound, ServiceError
from sunshine_keys.first_run import Initialise
from sunshine_keys.integrations.changes import DeleteIntegration
from sunshine_keys.integrations.table import find_integration
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.table import KEYS
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, Origin, Store, audit
from sunshine_keys.store.audit import Broken, Entry, Head
from sunshine_keys.store.change import Refused
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.statements import ConstraintBroken


def content_of(entry: Entry) -> tuple[str, ...]:
    return (entry.actor, entry.source, entry.request_id, entry.action, entry.resource, entry.outcome)


async def entries(store: Store) -> list[Entry]:
    return await store.audit_entries(0, 1000)


async def test_every_change_has_its_entry(store: Store) -> None:
    await store.transact(Origin("app_1", "192.0.2.7", "r1"), CreateKey(key("int_2")))
    with pytest.raises(IntegrationNotFound):
        await store.transact(Origin("app_1", "192.0.2.7", "r2"), DeleteIntegration("a", "x"))
    await store.transact(OPERATOR, DeleteKey("a", None, "app_1"))
    with pytest.raises(ServiceError):
        await store.transact(Origin("app_1", "192.0.2.7", "r3"), CreateKey(key("int_3")))
    assert await store.transact(OPERATOR, Initialise("other", [], [], [], [])) is False
    await store.transact(Origin(None, "::1", "r4"), Refused("keys/int_9", "unauthorized", "3 times"))

    trail = await entries(store)
    assert [content_of(entry) for entry in trail] == [
        ("operator", "", "", "store.initialise", "", "done"),
        ("app_1", "192.0.2.7", "r1", "key.create", "apps/a/integrations/i/keys/int_2", "done"),
        ("app_1", "192.0.2.7", "r2", "integration.delete", "apps/a/integrations/x", "integration_not_found"),
        ("operator", "", "", "key.delete", "apps/a/keys/app_1", "done"),
        ("app_1", "192.0.2.7", "r3", "key.create", "apps/a/integrations/i/keys/int_3", "unauthorized"),
        ("operator", "", "", "store.initialise", "", "unchanged"),
        ("stranger", "::1", "r4", "request", "keys/int_9", "unauthorized"),
    ]
    assert trail[-1].note == "3 times"
    assert audit.check(trail, Head()) == Head(7, trail[-1].hash)
    assert await store.audit_entries(5, 1) == trail[5:6]


async def test_a_change_that_breaks_a_constraint_has_no_entry_and_its_group_has(store: Store) -> None:
    outcomes = await asyncio.gather(
        store.transact(OPERATOR, CreateKey(key("int_2"))),
        store.transact(OPERATOR, CreateKey(key("int_1"))),  # this id exists already
        store.transact(OPERATOR, CreateKey(key("int_3"))),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    trail = await entries(store)
    assert [entry.resource for entry in trail[1:]] == [f"apps/a/integrations/i/keys/int_{number}" for number in (2, 3)]
    audit.check(trail, Head())


async def test_what_was_sent_for_an_id_is_not_repeated(store: Store) -> None:
    for sent in ("x" * 86, "a\nb", "é", "0123456789abcdef0123456789abcdef"):
        with pytest.raises(ServiceError):
            await store.transact(OPERATOR, DeleteKey("a", "i", sent))
    assert {entry.resource for entry in (await entries(store))[1:]} == {"apps/a/integrations/i/keys/…"}


async def test_two_stores_write_one_chain(open_store: Open) -> None:
    async with opened(open_store) as first, opened(open_store) as second:
        changes = 40
        await fill(first)
        await asyncio.gather(
            *(
                (first, second)[number % 2].transact(OPERATOR, CreateApp(App(f"b{number}", "x", {})))
                for number in range(changes)
            )
        )
        trail = await entries(first)
        assert len(trail) == 1 + changes
        audit.check(trail, Head())


@pytest.mark.parametrize("field", [field for field in Entry.__struct_fields__ if field not in ("sequence", "hash")])
async def test_a_changed_entry_is_noticed(store: Store, field: str) -> None:
    await store.transact(OPERATOR, CreateKey(key("int_2")))
    await store.transact(OPERATOR, CreateKey(key("int_3")))
    first, second, third = await entries(store)
    changed: Any = msgspec.structs.replace(second, **{field: "another"})
    with pytest.raises(Broken, match=r"entry 2 .* does not fit"):
        audit.check([first, changed, third], Head())


async def test_a_missing_moved_or_rehashed_entry_is_noticed(store: Store) -> None:
    await store.transact(OPERATOR, CreateKey(key("int_2")))
    await store.transact(OPERATOR, CreateKey(key("int_3")))
    first, second, third = await entries(store)
    with pytest.raises(Broken, match="entry 2 is missing"):
        audit.check([first, third], Head())
    with pytest.raises(Broken, match="entry 1 is missing"):
        audit.check([second, third], Head())
    forged = Head(1, first.hash).next(OPERATOR, CreateKey(key("int_9")), "done", second.time)
    with pytest.raises(Broken, match="entry 3"):
        audit.check([first, forged, third], Head())


async def test_an_entry_that_cannot_be_written_takes_its_change_with_it(tmp_path: Path) -> None:
    async def open_store() -> Store:
        SqliteStore.prepare(tmp_path / "store", CATALOG)
        return SqliteStore(tmp_path / "store", CATALOG)

    async with opened(open_store) as store:
        await fill(store)
        with sqlite3.connect(tmp_path / "store") as other:
            other.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END")
        other.close()
        with pytest.raises(ConstraintBroken):
            await store.transact(OPERATOR, CreateKey(key("int_2")))
        assert await store.get(KEYS, "int_2") is None
        assert await store.read(find_integration("a", "i")) == CUSTOM
