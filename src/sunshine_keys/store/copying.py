"""Copying a store into another, of whatever kind, row by row: sealed secrets stay sealed, the audit trail's hashes hold.

The target is made equal to one moment of the source, table by table in order of id: what is missing is added, what
differs is replaced, what is too much is removed. So a copy that was interrupted goes on by being run again, and one
that is run again later brings over what has changed. A copy that is not finished cannot be opened as a store.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from sunshine_keys.store import StoreError
from sunshine_keys.store.sql.sealing import COPYING
from sunshine_keys.store.statements import Row, Statement

BATCH = 1000

UNDER_WAY = "another copy into the target is under way: nothing was changed; wait for its end"

Progress = Callable[[int, int], None]


class Table(msgspec.Struct, frozen=True):
    """`columns` begin with the one that the rows are in order of; `first` is before all of its values."""

    name: str
    columns: tuple[str, ...]
    first: Any = ""

    def after(self, limit: int) -> str:
        return f"{self._select} WHERE {self.columns[0]} > $1 ORDER BY {self.columns[0]} LIMIT {limit}"

    @property
    def between(self) -> str:
        return f"{self._select} WHERE {self.columns[0]} > $1 AND {self.columns[0]} <= $2"

    @property
    def rest(self) -> Statement:
        """Removes what comes after $1."""
        return Statement(f"DELETE FROM {self.name} WHERE {self.columns[0]} > $1 RETURNING {self.columns[0]}")  # noqa: S608 - ours

    def put(self, row: Row) -> Statement:
        places = ", ".join(f"${place}" for place in range(1, len(self.columns) + 1))
        sets = ", ".join(f"{column} = excluded.{column}" for column in self.columns[1:])
        return Statement(
            f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({places})"  # noqa: S608 - ours
            f" ON CONFLICT ({self.columns[0]}) DO UPDATE SET {sets} RETURNING {self.columns[0]}",
            row,
        )

    def remove(self, key: Any) -> Statement:
        return Statement(f"DELETE FROM {self.name} WHERE {self.columns[0]} = $1 RETURNING {self.columns[0]}", (key,))  # noqa: S608 - ours

    @property
    def _select(self) -> str:
        return f"SELECT {', '.join(self.columns)} FROM {self.name}"  # noqa: S608 - ours


TABLES = (
    Table("apps", ("id", "display_name", "settings", "metadata")),
    Table("integrations", ("id", "app_id", "type", "attributes")),
    Table(
        "webhooks",
        ("id", "integration_id", "target", "triggers", "include_full_user", "include_full_source", "sealed_secret"),
    ),
    Table("keys", ("id", "scope", "app_id", "integration_id", "display_name", "sealed_secret")),
    Table("idempotency", ("id", "fingerprint", "sealed_answer", "created"), b""),
    Table(
        "audit",
        (
            "sequence", "time", "actor", "source", "request_id", "action", "resource", "outcome", "note", "hash",
        ),
        0,
    ),
)  # fmt: skip
_META = Table("meta", ("name", "value"))
_OWN_META = ("schema_version", COPYING)


class Source(Protocol):
    """One moment of a store."""

    async def rows(self, sql: str, *values: Any) -> list[Row]: ...


class Target(Source, Protocol):
    """A store that nobody serves, and that no other copy is made into."""

    async def is_served(self) -> bool: ...

    async def write(self, statements: list[Statement]) -> None:
        """All of them or none, durably."""
        ...


class Sum(msgspec.Struct, frozen=True):
    """How many rows a table has, and a SHA-256 over them."""

    rows: int
    digest: str


class Copied(msgspec.Struct, frozen=True):
    """What both stores hold now; how many rows were written or removed for it; where the audit trail ends."""

    tables: dict[str, Sum]
    changed: int
    sequence: int
    sealing_key_ids: list[str]


async def copy(
    opened: tuple[AbstractAsyncContextManager[Source], AbstractAsyncContextManager[Target]], progress: Progress
) -> Copied:
    """Raises StoreError where the target is no copy of the source, or is found to differ from it at the end."""
    async with opened[0] as source, opened[1] as target:
        await _require_copy(source, target)
        await _take(target)
        total = sum([(await source.rows(f"SELECT count(*) FROM {table.name}"))[0][0] for table in TABLES])  # noqa: S608 - ours
        done = changed = 0

        def tell(count: int) -> None:
            nonlocal done
            done += count
            progress(done, 2 * total)

        for table in TABLES:
            changed += await _mirror(table, source, target, tell)
        sums = {table.name: await _sum(table, source, tell) for table in TABLES}
        for table in TABLES:
            if (found := await _sum(table, target, lambda count: None)) != sums[table.name]:
                raise StoreError(f"the copy differs from the source in {table.name} ({found} and {sums[table.name]})")
        await _finish(source, target)
        end = await source.rows("SELECT coalesce(max(sequence), 0) FROM audit")
        return Copied(sums, changed, end[0][0], await _sealing_key_ids(source))


async def _take(target: Target) -> None:
    """Have no node begin to serve the target, and then see that none does. Raises StoreError, changing nothing."""
    served = StoreError("the target is served at the moment: stop its nodes first")
    if await target.is_served():
        raise served
    had_begun = bool(await target.rows("SELECT 1 FROM meta WHERE name = $1", COPYING))
    await target.write([_META.put((COPYING, "yes"))])
    if await target.is_served():  # by a node that began in between
        if not had_begun:
            await target.write([_META.remove(COPYING)])
        raise served


async def _require_copy(source: Source, target: Target) -> None:
    """The target is empty, or its audit trail is the beginning of the source's."""
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


async def _mirror(table: Table, source: Source, target: Target, tell: Callable[[int], None]) -> int:
    changed = 0
    after: Any = table.first
    while page := await source.rows(table.after(BATCH), after):
        last = page[-1][0]
        present = {row[0]: row for row in await target.rows(table.between, after, last)}
        statements = [table.put(row) for row in page if present.pop(row[0], None) != row]
        statements += [table.remove(key) for key in present]
        if statements:
            await target.write(statements)
        changed += len(statements)
        tell(len(page))
        after = last
    if await target.rows(table.after(1), after):
        await target.write([Statement(table.rest.sql, (after,))])
    return changed


async def _sum(table: Table, side: Source, tell: Callable[[int], None]) -> Sum:
    digest, count = hashlib.sha256(), 0
    async for page in _pages(table, side):
        for row in page:
            digest.update(msgspec.msgpack.encode(row))
        count += len(page)
        tell(len(page))
    return Sum(count, digest.hexdigest())


async def _pages(table: Table, side: Source) -> AsyncIterator[list[Row]]:
    after: Any = table.first
    while page := await side.rows(table.after(BATCH), after):
        yield page
        after = page[-1][0]


async def _finish(source: Source, target: Target) -> None:
    """Only now can the target be opened as a store."""
    told = {name: value for name, value in await source.rows(_META.after(BATCH), "") if name not in _OWN_META}
    present = {name for name, _ in await target.rows(_META.after(BATCH), "") if name != "schema_version"}
    statements = [_META.put((name, value)) for name, value in told.items()]
    await target.write(statements + [_META.remove(name) for name in present - told.keys()])


async def _sealing_key_ids(source: Source) -> list[str]:
    found = await source.rows("SELECT value FROM meta WHERE name IN ('sealing_key_id', 'older_sealing_key_ids')")
    return sorted({key_id for (value,) in found for key_id in value.split()})
