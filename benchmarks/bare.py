"""The bare cost of what the service asks of PostgreSQL: the same statements by asyncpg, with nothing around them."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import asyncpg
import uvloop
from fill import Owner
from load import SERVER_CORE

from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.table import INTEGRATIONS
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store import audit, sealing
from sunshine_keys.store.audit import Entry
from sunshine_keys.store.postgres import writer

_COUNT = "SELECT count(*) FROM keys WHERE integration_id = $1"
_INSERT = (
    "INSERT INTO keys (id, scope, app_id, integration_id, display_name, sealed_secret)"
    " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"
)
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
    """Commit groups of creates, each in one transaction, as a node's writer does. It damages the store's audit trail."""

    async def create(connection: asyncpg.Connection[Any], number: int) -> None:
        await connection.execute(writer._BEGIN)
        head = await connection.fetch(audit.HEAD_SQL)
        await connection.fetch("SELECT 1 FROM keys WHERE id = $1", owners[0].app_key_id)
        await connection.fetch(sealing.RECORDED)
        entries = []
        for place in range(group):
            owner = owners[(number * group + place) % len(owners)]
            await connection.fetch(
                INTEGRATIONS.select_sql + "WHERE id = $1 AND app_id = $2", owner.integration_id, owner.app_id
            )
            await connection.fetch(_COUNT, owner.integration_id)
            key_id = "bare_" + new_object_id()
            await connection.fetch(_INSERT, key_id, "integration", owner.app_id, owner.integration_id, "Made", _SEALED)
            entry = (
                head[0][0] + place + 1,
                "now",
                owner.app_key_id,
                "127.0.0.1",
                "bare",
                "key.create",
                key_id,
                "done",
                "",
                _HASH,
            )
            entries.append(Entry(*entry))
        statement = audit.insert(entries)
        await connection.fetch(statement.sql, *statement.values)
        await connection.execute("COMMIT")

    return uvloop.run(_measured(url, create, count // group, group))


async def _measured(
    url: str, operation: Callable[[asyncpg.Connection[Any], int], Awaitable[None]], count: int, batch: int
) -> Bare:
    """Measure operations one after the other, on the core that the service is measured on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
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
        os.sched_setaffinity(0, before)
