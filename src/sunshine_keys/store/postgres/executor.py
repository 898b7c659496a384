"""Run statements of several generators side by side: those with the same SQL are sent in one message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import asyncpg

from sunshine_keys.store.statements import ConstraintBroken, Row, Statement, Statements


async def run(connection: asyncpg.Connection[Any], work: Iterable[Statements[None]]) -> None:
    """Run generators that do not read what another of them writes. The number of round trips is that of the longest one.

    Raises the error of the first that fails.
    """
    steps: list[tuple[Statements[None], Statement]] = []
    for statements in work:
        _advance(statements, None, steps)
    while steps:
        by_sql: dict[str, list[tuple[Statements[None], Statement]]] = {}
        for step in steps:
            by_sql.setdefault(step[1].sql, []).append(step)
        steps = []
        for sql, same in by_sql.items():
            try:
                rows = await _fetch(connection, sql, [statement.values for _, statement in same])
            except asyncpg.IntegrityConstraintViolationError as error:
                same[0][0].throw(ConstraintBroken(str(error)))
                raise
            for (statements, _), own in zip(same, rows, strict=True):
                _advance(statements, own, steps)


def _advance(
    statements: Statements[None], rows: list[Row] | None, steps: list[tuple[Statements[None], Statement]]
) -> None:
    """Send rows to a generator, and add its next statement to `steps`."""
    try:
        statement = next(statements) if rows is None else statements.send(rows)
    except StopIteration:
        return
    steps.append((statements, statement))


async def _fetch(connection: asyncpg.Connection[Any], sql: str, values: Sequence[tuple[Any, ...]]) -> list[list[Row]]:
    """Return the rows of a statement for each of `values`. A SELECT reads equal values once."""
    places = {row: place for place, row in enumerate(values)} if sql.startswith("SELECT") else {}
    if len(values) == 1 or len(places) == 1:
        rows = [tuple(row) for row in await connection.fetch(sql, *values[0])]
        return [rows] * len(values)
    batch = [(*row, place) for row, place in places.items()] or [(*row, place) for place, row in enumerate(values)]
    by_place: dict[int, list[Row]] = {row[-1]: [] for row in batch}
    for place, *row in await connection.fetchmany(_numbered(sql, len(values[0])), batch):
        by_place[place].append(tuple(row))
    return [by_place[places.get(row, place)] for place, row in enumerate(values)]


@cache
def _numbered(sql: str, values: int) -> str:
    """Return a statement whose rows begin with one more value, because `fetchmany` returns all rows in one list."""
    return f"WITH hits AS ({sql}) SELECT ${values + 1}::int4, hits.* FROM hits"  # noqa: S608 - statements of our own
