"""The one description of a table: columns from a struct, DDL for both databases, rows and structs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
import pytest

from sunshine_keys.resources import CATALOG
from sunshine_keys.store.statements import Statement
from sunshine_keys.store.table import POSTGRES, SQLITE, Index, Migration, Table


class Colour(StrEnum):
    RED = "red"


class Toy(msgspec.Struct, frozen=True):
    id: str
    owner_id: str
    name: str | None
    colour: Colour
    tags: list[str]
    facts: dict[str, Any] | None
    is_soft: bool
    weight: float
    sealed: bytes
    count: int


TOYS = Table(
    "toys",
    Toy,
    since=CATALOG.version() + 1,
    references={"owner_id": "owners"},
    indexes=(Index("toys_by_owner", ("owner_id", "id"), covers=True),),
)
BEAR = Toy("t", "o", None, Colour.RED, ["a", "ü"], {"x": [1, None]}, True, 0.5, b"\0\xff", 2**53)


def test_a_row_holds_only_what_both_databases_can_store() -> None:
    assert TOYS.to_row(BEAR) == ("t", "o", None, "red", '["a","ü"]', '{"x":[1,null]}', 1, 0.5, b"\0\xff", 2**53)


@pytest.mark.parametrize("toy", [BEAR, msgspec.structs.replace(BEAR, name="x", facts=None, is_soft=False)])
def test_a_row_becomes_the_same_struct(toy: Toy) -> None:
    assert TOYS.from_row(TOYS.to_row(toy)) == toy


def test_ddl_for_sqlite() -> None:
    create, index = TOYS.ddl(SQLITE)
    assert create == (
        "CREATE TABLE toys (\n    id TEXT PRIMARY KEY,\n"
        "    owner_id TEXT NOT NULL REFERENCES owners (id) ON DELETE CASCADE,\n    name TEXT,\n"
        "    colour TEXT NOT NULL,\n    tags TEXT NOT NULL,\n    facts TEXT,\n    is_soft INTEGER NOT NULL,\n"
        "    weight REAL NOT NULL,\n    sealed BLOB NOT NULL,\n    count INTEGER NOT NULL\n) STRICT, WITHOUT ROWID"
    )
    assert index == (
        "CREATE INDEX toys_by_owner ON toys (owner_id, id, name, colour, tags, facts, is_soft, weight, sealed, count)"
    )


def test_ddl_for_postgresql() -> None:
    create, index = TOYS.ddl(POSTGRES)
    assert 'id text COLLATE "C" PRIMARY KEY' in create
    assert 'owner_id text COLLATE "C" NOT NULL REFERENCES owners (id) ON DELETE CASCADE' in create
    assert "weight double precision NOT NULL" in create and "count bigint NOT NULL" in create
    assert index == "CREATE INDEX toys_by_owner ON toys (owner_id, id)"


def test_an_update_writes_the_named_columns_alone() -> None:
    assert next(TOYS.update(BEAR, "name", "is_soft")) == Statement(
        "UPDATE toys SET name = $2, is_soft = $3 WHERE id = $1 RETURNING id", ("t", None, 1)
    )


def test_a_new_table_raises_the_schema_version_and_is_created_by_an_upgrade() -> None:
    catalog = msgspec.structs.replace(CATALOG, tables=(*CATALOG.tables, TOYS))
    assert catalog.version() == CATALOG.version() + 1
    assert list(catalog.upgrade(CATALOG.version(), SQLITE)) == list(TOYS.ddl(SQLITE))
    assert list(catalog.upgrade(catalog.version(), SQLITE)) == []
    assert list(catalog.upgrade(0, SQLITE))[-2:] == list(TOYS.ddl(SQLITE))


def test_a_migration_of_a_table_that_the_upgrade_creates_is_skipped() -> None:
    catalog = msgspec.structs.replace(CATALOG, tables=(*CATALOG.tables, TOYS))
    migration = Migration(catalog.version() + 1, "toys", "ALTER TABLE toys ADD COLUMN size TEXT;\n")
    assert list(catalog.upgrade(catalog.version(), SQLITE, [migration])) == ["ALTER TABLE toys ADD COLUMN size TEXT"]
    assert migration.sql.split(";")[0] not in list(catalog.upgrade(CATALOG.version(), SQLITE, [migration]))


class Odd(msgspec.Struct):
    id: str
    when: complex


def test_a_field_without_a_column_type_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Odd\.when.*complex"):
        Table("odd", Odd)
