"""Copy a store into another, of the same or another kind, row by row: sealed secrets stay sealed, the audit trail stays valid.

The copy makes the target equal to one moment of the source, table by table in order of id: it adds missing rows, replaces
different ones and removes the others. Run it again to continue after an interruption, or to bring over later changes. An
unfinished copy cannot be opened as a store.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.sealing import COPYING, META
from sunshine_keys.store.statements import Row, Statement
from sunshine_keys.store.table import Table

BATCH = 1000

UNDER_WAY = "another copy into the target is under way: nothing was changed; wait for its end"

Progress = Callable[[int, int], None]


_OWN_META = ("schema_version", COPYING)


class Source(Protocol):
    """A store as it is at one moment."""

    async def rows(self, sql: str, *values: Any) -> list[Row]: ...


class Target(Source, Protocol):
    """A store that no node serves, and that no other copy writes into."""

    async def is_served(self) -> bool: ...

    async def write(self, statements: list[Statement]) -> None:
        """Run all statements in one durable transaction."""
        ...


class Sum(msgspec.Struct, frozen=True):
    """The number of rows in a table, and a SHA-256 over them."""

    rows: int
    digest: str


class Copied(msgspec.Struct, frozen=True):
    """The result of a copy.

    `tables` has the sum of each table, which is the same in both stores. `changed` is the number of rows written or
    removed, `sequence` the number of the last entry of the audit trail.
    """

    tables: dict[str, Sum]
    changed: int
    sequence: int
    sealing_key_ids: list[str]


async def copy(
    opened: tuple[AbstractAsyncContextManager[Source], AbstractAsyncContextManager[Target]],
    tables: list[Table[Any]],
    progress: Progress,
) -> Copied:
    """Copy `tables` from one opened store into another, and compare their sums.

    Raises StoreError if the target is not a copy of the source, or if it differs from it at the end.
    """
    async with opened[0] as source, opened[1] as target:
        await _require_copy(source, target)
        await _take(target)
        total = sum([(await source.rows(f"SELECT count(*) FROM {table.name}"))[0][0] for table in tables])  # noqa: S608 - ours
        done = changed = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress(done, 2 * total)

        for table in tables:
            changed += await _mirror(table, source, target, advance)
        sums = {table.name: await _sum(table, source, advance) for table in tables}
        for table in tables:
            if (copied := await _sum(table, target, lambda count: None)) != sums[table.name]:
                raise StoreError(f"the copy differs from the source in {table.name} ({copied} and {sums[table.name]})")
        await _finish(source, target)
        end = await source.rows("SELECT coalesce(max(sequence), 0) FROM audit")
        return Copied(sums, changed, end[0][0], await _sealing_key_ids(source))


async def _take(target: Target) -> None:
    """Mark the target, so that no node begins to serve it, and then check that no node serves it.

    Raises StoreError if a node does; the target is then as it was.
    """
    served = StoreError("the target is served at the moment: stop its nodes first")
    if await target.is_served():
        raise served
    had_begun = bool(await target.rows("SELECT 1 FROM meta WHERE name = $1", COPYING))
    await target.write([META.put_row((COPYING, "yes"))])
    if await target.is_served():  # a node began to serve it between the first check and the mark
        if not had_begun:
            await target.write([META.remove_row(COPYING)])
        raise served


async def _require_copy(source: Source, target: Target) -> None:
    """Raise StoreError unless the target is empty, or its audit trail is the beginning of the source's."""
    last = await target.rows("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
    if last:
        sequence, digest = last[0]
        same = await source.rows("SELECT hash FROM audit WHERE sequence = $1", sequence)
        if not same or bytes(same[0][0]) != bytes(digest):
            raise StoreError(
                f"the target is no copy of the source: its audit trail has entries of its own, to number {sequence}"
            )
        return
    copying = await target.rows("SELECT 1 FROM meta WHERE name = $1", COPYING)
    if not copying and await target.rows("SELECT 1 FROM keys LIMIT 1"):
        raise StoreError("the target holds keys, and no audit trail: it is no copy of the source")


async def _mirror(table: Table[Any], source: Source, target: Target, advance: Callable[[int], None]) -> int:
    changed = 0
    after: Any = table.first
    while page := await source.rows(table.rows_after(BATCH), after):
        last = page[-1][0]
        present = {row[0]: row for row in await target.rows(table.rows_between, after, last)}
        statements = [table.put_row(row) for row in page if present.pop(row[0], None) != row]
        statements += [table.remove_row(key) for key in present]
        if statements:
            await target.write(statements)
        changed += len(statements)
        advance(len(page))
        after = last
    if await target.rows(table.rows_after(1), after):
        await target.write([table.remove_rows_after(after)])
    return changed


async def _sum(table: Table[Any], side: Source, advance: Callable[[int], None]) -> Sum:
    digest, count = hashlib.sha256(), 0
    async for page in _pages(table, side):
        for row in page:
            digest.update(msgspec.msgpack.encode(row))
        count += len(page)
        advance(len(page))
    return Sum(count, digest.hexdigest())


async def _pages(table: Table[Any], side: Source) -> AsyncIterator[list[Row]]:
    after: Any = table.first
    while page := await side.rows(table.rows_after(BATCH), after):
        yield page
        after = page[-1][0]


async def _finish(source: Source, target: Target) -> None:
    """Copy the values of `meta` and remove the mark: only now can the target be opened as a store."""
    values = {name: value for name, value in await source.rows(META.rows_after(BATCH), "") if name not in _OWN_META}
    present = {name for name, _ in await target.rows(META.rows_after(BATCH), "") if name != "schema_version"}
    statements = [META.put_row((name, value)) for name, value in values.items()]
    await target.write(statements + [META.remove_row(name) for name in present - values.keys()])


async def _sealing_key_ids(source: Source) -> list[str]:
    rows = await source.rows("SELECT value FROM meta WHERE name IN ('sealing_key_id', 'older_sealing_key_ids')")
    return sorted({key_id for (value,) in rows for key_id in value.split()})
