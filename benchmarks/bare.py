"""The bare cost of what the service does on PostgreSQL: its reads and its inserts by asyncpg, with nothing around them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import asyncpg
import uvloop
from fill import Owner
from load import SERVER_CORE, pinned_to

from sunshine_keys.access.scopes import Scope
from sunshine_keys.ids import new_object_id
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store import audit
from sunshine_keys.store.audit import Entry

_SEALED = b"\0" * 120
_HASH = b"\0" * 32


class Bare(NamedTuple):
    """The times of one operation, in microseconds; CPU is that of the client process."""

    elapsed: float
    cpu: float


def lists(url: str, owners: list[Owner], count: int) -> Bare:
    async def read(connection: asyncpg.Connection[Any], number: int) -> None:
        integration_id = owners[number % len(owners)].integration_id
        await connection.fetch(KEYS.select_sql + "WHERE integration_id = $1 ORDER BY id", integration_id)

    return uvloop.run(_measured(url, read, count, 1))


def creates(url: str, owners: list[Owner], count: int, *, group: int) -> Bare:
    """Insert keys and their entries of the trail one by one, `group` creates to a transaction.

    These are the service's own inserts, without its checks, its lock and its hashes. They damage the store's audit trail.
    """
    sequence = 0

    async def create(connection: asyncpg.Connection[Any], number: int) -> None:
        nonlocal sequence
        await connection.execute("BEGIN")
        if not sequence:
            sequence = await connection.fetchval("SELECT coalesce(max(sequence), 0) FROM audit")
        for place in range(group):
            owner = owners[(number * group + place) % len(owners)]
            key = Key("bare_" + new_object_id(), Scope.INTEGRATION, owner.app_id, owner.integration_id, "Made", _SEALED)
            sequence += 1
            resource = f"apps/{owner.app_id}/integrations/{owner.integration_id}/keys/{key.id}"
            entry = Entry(
                sequence, audit.now(), owner.app_key_id, "127.0.0.1", new_object_id(), "key.create", resource, audit.DONE, "", _HASH
            )  # fmt: skip
            for statement in (next(KEYS.insert(key)), audit.insert([entry])):
                await connection.fetch(statement.sql, *statement.values)
        await connection.execute("COMMIT")

    return uvloop.run(_measured(url, create, count // group, group))


async def _measured(
    url: str, operation: Callable[[asyncpg.Connection[Any], int], Awaitable[None]], count: int, batch: int
) -> Bare:
    """Measure operations one after the other, on the core that the service is measured on."""
    with pinned_to(SERVER_CORE):
        connection = await asyncpg.connect(url)
        try:
            await operation(connection, 0)
            began, cpu = time.perf_counter(), time.process_time()
            for number in range(1, count + 1):
                await operation(connection, number)
            elapsed, spent = time.perf_counter() - began, time.process_time() - cpu
            return Bare(elapsed / count / batch * 1e6, spent / count / batch * 1e6)
        finally:
            await connection.close()
