"""Copy a store into another, of the same or another kind, row by row: sealed secrets stay sealed, the audit trail stays valid.

A service's conversations are in a store of their own beside the keys. Both are copied together. The copy makes the target equal to one moment of the source, table by table in order of id: it adds missing rows, replaces
different ones and removes the others. Run it again to continue after an interruption, or to bring over later changes. An
unfinished copy cannot be opened as a store: the mark of it is in the store of keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.sealing import COPYING, META
from sunshine_keys.store.statements import Row, Statement
from sunshine_keys.store.table import Table

BATCH = 1000

UNDER_WAY = "another copy into the target is under way: nothing was changed; wait for its end"

Progress = Callable[[int, int], None]


_COPIED = "copied"
"""The name in `meta` for the sums of a copy of conversations. They have no audit trail that would show later changes."""

_OWN_META = ("schema_version", COPYING, _COPIED)


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


class Part(NamedTuple):
    """One store of a service, opened on both sides. `prefix` is before the names of its tables in texts for people.

    `copy_bytes` copies what belongs to its rows and is not in `tables`. It runs before the copy can be opened as a store.
    """

    source: Source
    target: Target
    tables: list[Table[Any]]
    prefix: str = ""
    copy_bytes: Callable[[], Awaitable[object]] | None = None


class Copied(msgspec.Struct, frozen=True):
    """The result of a copy.

    `tables` has the sum of each table, which is the same on both sides. `changed` is the number of rows written or
    removed, `sequence` the number of the last entry of the audit trail. `left_out` has the numbers of rows that stay in the
    source, for tables of which a copy has only some rows.
    """

    tables: dict[str, Sum]
    changed: int
    sequence: int
    sealing_key_ids: list[str]
    left_out: dict[str, int]


async def copy(keys: Part, conversations: Part | None, progress: Progress) -> Copied:
    """Copy each table of the parts from the source to the target, and compare their sums.

    Raises StoreError if the target is not a copy of the source, or if it differs from it at the end.
    """
    await _require_copy(keys.source, keys.target)
    parts = [keys] if conversations is None else [keys, conversations]
    if conversations is not None and not await _has_begun(keys.target):
        await _require_unchanged(conversations)
    await _take(keys.target)
    done = changed = 0
    total = sum([await _count(table, part.source) for part in parts for table in part.tables])

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress(done, 2 * total)

    sums: dict[str, Sum] = {}
    for part in parts:
        for table in part.tables:
            changed += await _mirror(table, part.source, part.target, advance)
    for part in parts:
        for table in part.tables:
            name = part.prefix + table.name
            sums[name] = await _sum(table, part.source, advance, table.copied_where)
            if (copied := await _sum(table, part.target, lambda count: None)) != sums[name]:
                raise StoreError(f"the copy differs from the source in {name} ({copied} and {sums[name]})")
    if conversations is not None:
        if conversations.copy_bytes is not None:
            await conversations.copy_bytes()
        await _finish(conversations, META.put_row((_COPIED, await _fingerprint(conversations))))
    await _finish(keys)
    end = await keys.source.rows("SELECT coalesce(max(sequence), 0) FROM audit")
    left_out = {
        part.prefix + table.name: await _count(table, part.source) - sums[part.prefix + table.name].rows
        for part in parts
        for table in part.tables
        if table.copied_where
    }
    return Copied(sums, changed, end[0][0], await _sealing_key_ids(keys.source), left_out)


async def _count(table: Table[Any], side: Source) -> int:
    count: int = (await side.rows(f"SELECT count(*) FROM {table.name}"))[0][0]  # noqa: S608 - a name of our own
    return count


async def _has_begun(target: Target) -> bool:
    """Return True if an earlier copy into the target has not been finished."""
    return bool(await target.rows("SELECT 1 FROM meta WHERE name = $1", COPYING))


async def _require_unchanged(conversations: Part) -> None:
    """Raise StoreError unless the target's conversations are empty, or as an earlier copy has left them."""
    target = conversations.target
    recorded = await target.rows("SELECT value FROM meta WHERE name = $1", _COPIED)
    if not recorded and all([not await _count(table, target) for table in conversations.tables]):
        return
    if not recorded or recorded[0][0] != await _fingerprint(conversations):
        raise StoreError(
            "the target has conversations of its own, which the copy would replace: name an empty target, or delete it first"
        )


async def _fingerprint(part: Part) -> str:
    """Return a digest of all rows of the part's target."""
    sums = [await _sum(table, part.target, lambda count: None) for table in part.tables]
    return hashlib.sha256(msgspec.json.encode(sums)).hexdigest()


async def _take(target: Target) -> None:
    """Mark the target, so that no node begins to serve it, and then check that no node serves it.

    Raises StoreError if a node does; the target is then as it was.
    """
    served = StoreError("the target is served at the moment: stop its nodes first")
    if await target.is_served():
        raise served
    had_begun = await _has_begun(target)
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
    if not await _has_begun(target) and await target.rows("SELECT 1 FROM keys LIMIT 1"):
        raise StoreError("the target holds keys, and no audit trail: it is no copy of the source")


async def _mirror(table: Table[Any], source: Source, target: Target, advance: Callable[[int], None]) -> int:
    changed = 0
    after: Any = table.first
    while page := await source.rows(table.rows_after(BATCH, table.copied_where), after):
        last = page[-1][0]
        present = {row[0]: row for row in await target.rows(table.rows_between, after, last)}
        statements = [table.put_row(row) for row in page if present.pop(row[0], None) != row]
        statements += [table.remove_row(key) for key in present]
        if statements:
            await target.write(statements)
        changed += len(statements)
        advance(len(page))
        after = last
    if surplus := (await target.rows(table.count_after, after))[0][0]:
        await target.write([table.remove_rows_after(after)])
    return changed + int(surplus)


async def _sum(table: Table[Any], side: Source, advance: Callable[[int], None], where: str = "") -> Sum:
    digest, count = hashlib.sha256(), 0
    async for page in _pages(table, side, where):
        for row in page:
            digest.update(msgspec.msgpack.encode(row))
        count += len(page)
        advance(len(page))
    return Sum(count, digest.hexdigest())


async def _pages(table: Table[Any], side: Source, where: str) -> AsyncIterator[list[Row]]:
    after: Any = table.first
    while page := await side.rows(table.rows_after(BATCH, where), after):
        yield page
        after = page[-1][0]


async def _finish(part: Part, *statements: Statement) -> None:
    """Copy the values of `meta`, run `statements`, and remove the mark: only now can the target be opened as a store."""
    values = {
        name: value for name, value in await part.source.rows(META.rows_after(BATCH), "") if name not in _OWN_META
    }
    present = {name for name, _ in await part.target.rows(META.rows_after(BATCH), "") if name != "schema_version"}
    puts = [META.put_row((name, value)) for name, value in values.items()]
    removals = [META.remove_row(name) for name in present - values.keys()]
    await part.target.write([*puts, *removals, *statements])


async def _sealing_key_ids(source: Source) -> list[str]:
    rows = await source.rows("SELECT value FROM meta WHERE name IN ('sealing_key_id', 'older_sealing_key_ids')")
    return sorted({key_id for (value,) in rows for key_id in value.split()})
