"""Work on a database without I/O: a generator yields statements and is sent their rows.

Statements name their values $1, $2, …. A driver (`sqlite.schema.run`, `postgres.executor`, `Reader.read`) is a few lines.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

R = TypeVar("R")
Row = tuple[Any, ...]


class Statement(NamedTuple):
    sql: str
    values: tuple[Any, ...] = ()


Statements: TypeAlias = Generator[Statement, list[Row], R]


class ConstraintBroken(Exception):
    """A statement broke a constraint of the schema. The driver throws this into the generator that yielded the statement."""


def execute(sql: str, *values: Any) -> Statements[list[Row]]:
    """Yield one statement and return its rows: `rows = yield from execute(…)`.

    A statement that writes returns the rows that it wrote (RETURNING), so that a transaction notices a partial write.
    """
    rows = yield Statement(sql, values)
    return rows


def placeholders(count: int, after: int = 0) -> str:
    """Return `$1, $2, …` for `count` values, numbered from `after` + 1."""
    return ", ".join(f"${after + place}" for place in range(1, count + 1))
