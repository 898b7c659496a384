"""Importing: the staged rows of a checked export, written to a store in transactions of bounded size."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sunshine_keys.engine import Engine
from sunshine_keys.errors import Conflict, ServiceError, StoreUnavailable
from sunshine_keys.exports.records import ExportError, Row
from sunshine_keys.exports.writing import Progress, rows
from sunshine_keys.models import App, Integration, Key, Webhook
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.store import OPERATOR, Store, Walk
from sunshine_keys.store.changes import Import

BATCH = 10_000
"""The most rows of a transaction: an import of no more is all or nothing. A larger one holds writers up no longer."""

Issued = Callable[[Webhook | Key, str], None]
"""Told of each webhook and key that has been imported, and its secret."""


class Imported(msgspec.Struct, frozen=True):
    """How many rows of the file are in the store now by this import, and how many had been there."""

    written: int
    present: int


async def require_new(store: Store, staged: Walk) -> None:
    """Raises Conflict, telling how many of the staged rows the store has already."""
    present, first = 0, ""
    async for page in rows(staged):
        for row in page:
            if await _is_present(store, row):
                present, first = present + 1, first or row.id
    if present:
        raise Conflict(f"{present} of its rows are in the store already, such as {first}")


async def load(
    engine: Engine, staged: Walk, opener: Sealer, *, skip: bool, told: str, issued: Issued | None, progress: Progress
) -> Imported:
    """Write the staged rows, whose secrets `opener` unseals, sealed under the store's own key.

    Raises ExportError naming what could not be written, and how much was before it: that stays.
    """
    total = sum(msgspec.structs.astuple(await staged.counts()))
    done = present = 0
    batch: list[Row] = []

    async def write() -> None:
        nonlocal done, present

        async def attempt() -> frozenset[str]:
            sealed = [_resealed(row, opener, engine.sealer) for row in batch]
            change = Import(engine.sealer.key_id, sealed, skip, f"{len(batch)} rows of {told}")
            return await engine.store.transact(OPERATOR, change)

        try:
            there = await engine.under_current_key(attempt)
        except ServiceError as error:
            raise ExportError(_unwritten(error, done, total)) from None
        if issued is not None:
            for row in batch:
                if isinstance(row, Webhook | Key) and row.id not in there:
                    issued(row, opener.open(row.sealed_secret, row.id))
        done, present = done + len(batch), present + len(there)
        progress(done, total)
        batch.clear()

    async for page in rows(staged):
        for row in page:
            batch.append(row)
            if len(batch) == BATCH:
                await write()
    if batch:
        await write()
    return Imported(done - present, present)


async def _is_present(store: Store, row: Row) -> bool:
    if isinstance(row, App):
        return await store.app(row.id) is not None
    if isinstance(row, Integration):
        return await store.integration(row.app_id, row.id) is not None
    if isinstance(row, Webhook):
        return await store.webhook(row.integration_id, row.id) is not None
    return await store.key(row.id) is not None


def _resealed(row: Row, opener: Sealer, sealer: Sealer) -> Row:
    if not isinstance(row, Webhook | Key):
        return row
    secret = opener.open(row.sealed_secret, row.id)
    return msgspec.structs.replace(row, sealed_secret=sealer.seal(secret, row.id))


def _unwritten(error: ServiceError, done: int, total: int) -> str:
    why = "the store cannot be written now" if isinstance(error, StoreUnavailable) else "; ".join(error.titles)
    if not done:
        return f"{why}: nothing was imported"
    return f"{why}: {done} of {total} rows were imported before; --on-conflict skip goes on after them"
