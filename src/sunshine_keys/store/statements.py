"""Work on a database, without the database: a generator that yields statements and is sent their rows.

Statements name their values $1, $2, …. The drivers (`sqlite.writer`, `postgres.writer`) are a few lines each.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

R = TypeVar("R")
Row = tuple[Any, ...]


class Statement(NamedTuple):
    sql: str
    values: tuple[Any, ...] = ()


Steps: TypeAlias = Generator[Statement, list[Row], R]


class ConstraintBroken(Exception):
    """A driver throws it into the generator whose statement broke a constraint of the schema."""


def run(sql: str, *values: Any) -> Steps[list[Row]]:
    """One statement, and its rows: `rows = yield from run(…)`. One that writes returns the rows it has written."""
    found = yield Statement(sql, values)
    return found
