"""One description of each table: its DDL for both databases, its statements, and rows to structs and back.

The columns are the fields of a struct, in their order. The first column is the primary key unless `key` names others.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec

from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Row, Statement, Statements, execute, placeholders

S = TypeVar("S", bound=msgspec.Struct)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_KINDS: dict[type, str] = {str: "text", bytes: "bytes", int: "integer", float: "real"}


class Dialect(msgspec.Struct, frozen=True):
    """The spelling of column types and tables in one database.

    `key_text` follows the type of a text column that is a primary or foreign key; `row_table` and `key_table` end a
    CREATE TABLE for tables whose primary key is an integer, and for all others. `covers` is True if an index may hold
    columns that it is not sorted by.
    """

    types: dict[str, str]
    key_text: str = ""
    row_table: str = ""
    key_table: str = ""
    covers: bool = False


SQLITE = Dialect(
    {"text": "TEXT", "bytes": "BLOB", "integer": "INTEGER", "boolean": "INTEGER", "real": "REAL"},
    row_table=" STRICT",
    key_table=" STRICT, WITHOUT ROWID",
    covers=True,
)
POSTGRES = Dialect(
    {"text": "text", "bytes": "bytea", "integer": "bigint", "boolean": "integer", "real": "double precision"},
    key_text=' COLLATE "C"',
)


class Column(msgspec.Struct, frozen=True):
    """`kind` is a type of `Dialect.types`. `encode` and `decode` convert between the field and the database's value."""

    name: str
    kind: str
    nullable: bool
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None


class Index(msgspec.Struct, frozen=True):
    """An index. With `covers`, it holds every column of the table if the database allows that.

    With `where`, a condition in SQL, it holds only the rows that meet it. `columns` are names, or calls of functions in SQL.
    """

    name: str
    columns: tuple[str, ...]
    covers: bool = False
    where: str = ""


class Table(Generic[S]):
    """A table whose rows are `struct`s.

    `since` is the schema version that introduced it. `references` maps columns to the tables whose first column they
    hold; a row is deleted together with the row that it refers to. `sealed` is the column that holds a sealed value, and
    `title` is the name of such rows in texts for people. `copied` is False for tables that a copy of the store leaves
    out; with `copied_where`, a condition in SQL, a copy has only the rows that meet it. `remembered` is True if a driver
    may keep rows in memory for as long as nothing has changed; the conditions that select them read only `Catalog.resources`.
    """

    def __init__(
        self,
        name: str,
        struct: type[S],
        *,
        since: int = 1,
        key: tuple[str, ...] = (),
        references: dict[str, str] | None = None,
        indexes: tuple[Index, ...] = (),
        sealed: str = "",
        title: str = "",
        copied: bool = True,
        copied_where: str = "",
        remembered: bool = False,
    ) -> None:
        hints = typing.get_type_hints(struct)
        self.name = name
        self.struct = struct
        self.since = since
        self.columns = [_column(struct, field, hints[field]) for field in struct.__struct_fields__]
        self.key = key or (self.columns[0].name,)
        self.references = references or {}
        self.indexes = indexes
        self.sealed = sealed
        self.title = title or name
        self.copied = copied
        self.copied_where = copied_where
        self.remembered = remembered
        self._encoders = [(place, column.encode) for place, column in enumerate(self.columns) if column.encode]
        self._decoders = [(place, column.decode) for place, column in enumerate(self.columns) if column.decode]
        self.names = tuple(column.name for column in self.columns)
        names = ", ".join(self.names)
        self.select_sql = f"SELECT {names} FROM {name} "  # noqa: S608 - names of our own, as in all of this module
        values, self._returning = placeholders(len(self.columns)), f" RETURNING {self.key[0]}"
        self._insert_sql = f"INSERT INTO {name} ({names}) VALUES ({values}){self._returning}"  # noqa: S608
        self._insert_if_sql = f"INSERT INTO {name} ({names}) SELECT {values} WHERE "
        self.get_sql = f"{self.select_sql}WHERE {self.key[0]} = $1"

    def __repr__(self) -> str:
        return f"Table({self.name!r})"

    @property
    def first(self) -> Any:
        """A value that sorts before every value of the first column."""
        return {"text": "", "bytes": b"", "integer": 0}[self.columns[0].kind]

    # Rows and structs

    def from_row(self, row: Row) -> S:
        if self._decoders:
            values = list(row)
            for place, decode in self._decoders:
                if values[place] is not None:
                    values[place] = decode(values[place])
            return self.struct(*values)
        return self.struct(*row)

    def to_row(self, item: S) -> Row:
        if self._encoders:
            values = list(msgspec.structs.astuple(item))
            for place, encode in self._encoders:
                if values[place] is not None:
                    values[place] = encode(values[place])
            return tuple(values)
        return msgspec.structs.astuple(item)

    # Statements

    def select(self, clauses: str = "", *values: Any) -> Statements[list[S]]:
        """Return the rows that `clauses` (WHERE …, ORDER BY …, LIMIT …) select."""
        rows = yield from execute(self.select_sql + clauses, *values)
        return [self.from_row(row) for row in rows]

    def first_of(self, clauses: str, *values: Any) -> Statements[S | None]:
        """Return the first row that `clauses` select, or None."""
        rows = yield from execute(self.select_sql + clauses, *values)
        return self.from_row(rows[0]) if rows else None

    def get(self, key: Any) -> Statements[S | None]:
        """Return the row with this primary key, or None."""
        rows = yield from execute(self.get_sql, key)
        return self.from_row(rows[0]) if rows else None

    def page(self, condition: str, values: tuple[Any, ...], page: Page) -> Statements[tuple[list[S], bool]]:
        """Return one page of the rows that meet `condition`, in order of id, and whether more follow in its direction."""
        order = "DESC" if page.before else "ASC"
        if cursor := page.before or page.after:
            values += (cursor,)
            condition += f" AND id {'<' if page.before else '>'} ${len(values)}"
        clauses = f"WHERE {condition} ORDER BY id {order} LIMIT ${len(values) + 1}"
        items = yield from self.select(clauses, *values, page.size + 1)
        more, items = len(items) > page.size, items[: page.size]
        return (items[::-1] if page.before else items), more

    def insert(self, item: S) -> Statements[None]:
        yield from execute(self._insert_sql, *self.to_row(item))

    def insert_if(self, condition: str, item: S, *values: Any) -> Statements[bool]:
        """Insert the item if `condition`, of SQL, is met, and return whether it is.

        The placeholders of `values` follow those of the columns.
        """
        sql = self._insert_if_sql + condition + self._returning
        return bool((yield from execute(sql, *self.to_row(item), *values)))

    def update(self, item: S, *columns: str) -> Statements[None]:
        """Write `columns` of the row that has the item's primary key."""
        row = dict(zip(self.names, self.to_row(item), strict=True))
        sets = ", ".join(f"{column} = ${place}" for place, column in enumerate(columns, 2))
        sql = f"UPDATE {self.name} SET {sets} WHERE {self.key[0]} = $1 RETURNING {self.key[0]}"  # noqa: S608
        yield from execute(sql, row[self.key[0]], *(row[column] for column in columns))

    def delete(self, condition: str, *values: Any) -> Statements[bool]:
        """Delete the rows that meet `condition`. Return True if there were any."""
        sql = f"DELETE FROM {self.name} WHERE {condition} RETURNING {self.key[0]}"  # noqa: S608
        return bool((yield from execute(sql, *values)))

    # Statements on whole tables, for copies: they do not convert rows to structs

    def rows_after(self, limit: int, where: str = "") -> str:
        """Return the SQL for the `limit` rows that follow $1 in order of the first column, of those that meet `where`."""
        condition = f" AND ({where})" if where else ""
        return f"{self.select_sql}WHERE {self.key[0]} > $1{condition} ORDER BY {self.key[0]} LIMIT {limit}"

    @property
    def count_after(self) -> str:
        """SQL for the number of rows after $1."""
        return f"SELECT count(*) FROM {self.name} WHERE {self.key[0]} > $1"  # noqa: S608

    @property
    def rows_between(self) -> str:
        """SQL for the rows after $1, up to and including $2."""
        return f"{self.select_sql}WHERE {self.key[0]} > $1 AND {self.key[0]} <= $2"

    def put_row(self, row: Row) -> Statement:
        """Return the statement that inserts a row, or replaces the row with the same primary key."""
        names = self.names
        sets = ", ".join(f"{column} = excluded.{column}" for column in names[1:] or names)
        return Statement(
            f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({placeholders(len(names))})"  # noqa: S608
            f" ON CONFLICT ({names[0]}) DO UPDATE SET {sets} RETURNING {names[0]}",
            row,
        )

    def remove_row(self, key: Any) -> Statement:
        return Statement(f"DELETE FROM {self.name} WHERE {self.key[0]} = $1 RETURNING {self.key[0]}", (key,))  # noqa: S608

    def remove_rows_after(self, key: Any) -> Statement:
        return Statement(f"DELETE FROM {self.name} WHERE {self.key[0]} > $1 RETURNING {self.key[0]}", (key,))  # noqa: S608

    # DDL

    def ddl(self, dialect: Dialect) -> Iterator[str]:
        """Yield the statements that create the table and its indexes."""
        lines = [self._column_ddl(column, dialect) for column in self.columns]
        if len(self.key) > 1:
            lines.append(f"PRIMARY KEY ({', '.join(self.key)})")
        is_row_table = len(self.key) == 1 and self.columns[0].kind == "integer"
        end = dialect.row_table if is_row_table else dialect.key_table
        yield f"CREATE TABLE {self.name} (\n    " + ",\n    ".join(lines) + f"\n){end}"
        for index in self.indexes:
            columns = index.columns
            if index.covers and dialect.covers:
                columns += tuple(name for name in self.names if name not in columns)
            where = f" WHERE {index.where}" if index.where else ""
            yield f"CREATE INDEX {index.name} ON {self.name} ({', '.join(columns)}){where}"

    def _column_ddl(self, column: Column, dialect: Dialect) -> str:
        line = f"{column.name} {dialect.types[column.kind]}"
        is_key = self.key == (column.name,)
        if column.kind == "text" and (column.name in self.key or column.name in self.references):
            line += dialect.key_text
        if is_key:
            line += " PRIMARY KEY"
        elif not column.nullable:
            line += " NOT NULL"
        if column.name in self.references:
            line += f" REFERENCES {self.references[column.name]} (id) ON DELETE CASCADE"
        return line


class Migration(msgspec.Struct, frozen=True):
    """Statements that upgrade a store of an earlier version than `version`. The upgrade also creates the newer tables.

    A released migration never changes, because existing stores have already run it. It only changes indexes, or adds
    parts of the schema that a program of the version before works without, so that a running program continues. `sql`
    holds several statements, each with a semicolon at the end of its line. They are skipped if the upgrade also creates
    `table`.
    """

    version: int
    table: str
    sql: str


KEYS_STORE = 0x53756E4B
"""The number of stores of keys: "SunK"."""


class Catalog(msgspec.Struct, frozen=True):
    """The tables of a store. Each table follows the tables that it refers to.

    `credentials` is the table whose rows authenticate requests: a store reads it with the guarantees of
    `Store.credential`. A store without such a table has no audit trail and no lease.

    `number` marks the files of such stores on SQLite (`application_id`), and is the advisory lock of their changes on
    PostgreSQL. `schema` is the name of a schema of their own on PostgreSQL; "" means the schema that the URL selects.
    `postgres_offset` is subtracted from the schema version that a store on PostgreSQL records. `migrations` are the same in
    both databases; each driver has further ones of its own.
    """

    tables: tuple[Table[Any], ...]
    credentials: Table[Any] | None = None
    number: int = KEYS_STORE
    schema: str = ""
    postgres_offset: int = 0
    migrations: tuple[Migration, ...] = ()

    @property
    def audited(self) -> bool:
        """True if each change has an entry in an audit trail, in one order."""
        return self.credentials is not None

    def version(self, migrations: Sequence[Migration] = ()) -> int:
        """Return the schema version of this program: that of its newest table or migration."""
        return max([table.since for table in self.tables] + [step.version for step in self._own(migrations)])

    def upgrade(self, version: int, dialect: Dialect, migrations: Sequence[Migration] = ()) -> Iterator[str]:
        """Yield the statements that bring a store of `version` (0: an empty database) to this program's schema."""
        new = [table for table in self.tables if table.since > version]
        for table in new:
            yield from table.ddl(dialect)
        for migration in self._own(migrations):
            if migration.version > version and migration.table not in {table.name for table in new}:
                yield from filter(None, migration.sql.split(";\n"))

    def _own(self, migrations: Sequence[Migration]) -> list[Migration]:
        """Return the migrations of this catalog's tables: its own, and those of a driver."""
        names = {table.name for table in self.tables}
        return [migration for migration in (*self.migrations, *migrations) if migration.table in names]

    @property
    def probe(self) -> str:
        """SQL that reads every table. It takes a moment, and fails if one is missing or cannot be read."""
        return "SELECT " + ", ".join(f"(SELECT 1 FROM {table.name} LIMIT 1)" for table in self.tables)  # noqa: S608

    @property
    def copied(self) -> list[Table[Any]]:
        return [table for table in self.tables if table.copied]

    @property
    def resources(self) -> list[Table[Any]]:
        """The tables of the API's objects: those whose rows have an id."""
        return [table for table in self.tables if table.columns[0].name == "id" and table.columns[0].kind == "text"]

    @property
    def sealed(self) -> list[Table[Any]]:
        return [table for table in self.tables if table.sealed]


def _column(struct: type[msgspec.Struct], name: str, annotation: Any) -> Column:
    """Return the column of a field: str, bytes, int, float, bool, an Enum, or dict and list as JSON. Raises TypeError."""
    nullable = False
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        (annotation,) = (part for part in typing.get_args(annotation) if part is not types.NoneType)
        nullable = True
    base = typing.get_origin(annotation) or annotation
    if base in (dict, list):
        return Column(name, "text", nullable, lambda value: _encode(value).decode(), _decode)
    if base is bool:
        return Column(name, "boolean", nullable, int, bool)
    if issubclass(base, Enum):
        members = {member.value: member for member in base}
        return Column(name, "text", nullable, lambda member: member.value, members.__getitem__)
    if base not in _KINDS:
        raise TypeError(f"{struct.__name__}.{name} is {annotation}: a column is text, bytes, a number, an Enum or JSON")
    return Column(name, _KINDS[base], nullable)
