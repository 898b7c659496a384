"""`seal`: show, rotate and retire the sealing keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import Data, Database, cli, fail
from sunshine_keys.cli.progress import bar
from sunshine_keys.cli.terminal import emit, emit_json
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.resources import CATALOG
from sunshine_keys.sealing import rotation
from sunshine_keys.sealing.sources import FolderFile, Source
from sunshine_keys.store import Store

R = TypeVar("R")

seal = typer.Typer(cls=Group, help="Show, rotate and retire the keys that seal secrets.", no_args_is_help=True)
cli.add_typer(seal, name="seal")


@seal.command()
def rotate(data: Data = None, database: Database = None) -> None:
    """Make another sealing key current and reseal all secrets under it, while servers keep running.

    If the ring is the file in the data folder, the command creates a key. If the ring comes from the environment, its
    first key becomes current. Run the command again to continue an interrupted rotation.
    """
    _run(data, database, _rotate)


@seal.command()
def status(
    data: Data = None,
    database: Database = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print one JSON object.")
    ] = False,
) -> None:
    """Show the sealing keys, and how many secrets each seals. Reads the whole store."""
    current = _run(data, database, rotation.status, locked=False)
    if as_json:
        emit_json(_fields(current))
    else:
        emit(_table(current))


@seal.command()
def retire(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The id that `seal status` shows.")],
    data: Data = None,
    database: Database = None,
) -> None:
    """Remove an older sealing key that seals no secret any more."""

    async def run(store: Store, source: Source) -> str:
        await rotation.retire(store, source, key_id)
        advice = "" if isinstance(source, FolderFile) else f" Remove it from {source.name}."
        return f"Sealing key {key_id} is retired.{advice}"

    emit(_run(data, database, run))


async def _rotate(store: Store, source: Source) -> None:
    sealer, start = await rotation.begin(store, source)
    key_id = sealer.key_id
    match start:
        case rotation.Start.NEW_KEY:
            emit(f"Created sealing key {key_id} in {source.name}; it is current now.")
        case rotation.Start.FIRST_KEY:
            emit(f"Sealing key {key_id}, the first of {source.name}, is current now.")
        case rotation.Start.CONTINUED:
            emit(f"Continuing the unfinished rotation to sealing key {key_id}.")
    with bar("Resealing") as progress:
        resealed = await rotation.reseal(store, sealer, progress)
    emit(f"Sealed under it: {resealed}.")
    if resealed.failed_ids:
        fail(
            f"{len(resealed.failed_ids)} could not be unsealed and are unchanged: {', '.join(resealed.failed_ids[:10])}"
            f"{' …' if len(resealed.failed_ids) > 10 else ''}. The log of a server that reads them has the reason"
        )
    sealing = await store.sealing()
    for older in sorted(sealing.older) if sealing else ():
        emit(f"Sealing key {older} seals nothing any more. Next: sunshine-keys seal retire {older}")


def _run(
    data: str | None,
    database: str | None,
    work: Callable[[Store, Source], Awaitable[R]],
    *,
    locked: bool = True,
) -> R:
    """Run `work` on an existing store and its ring. Without `locked`, `work` only reads.

    If `locked`, no other process can change the ring meanwhile.
    """
    from sunshine_keys.opening import key_source, opened_store
    from sunshine_keys.settings import Settings

    settings = Settings.of(data, database)
    source = key_source(settings)

    async def run() -> R:
        async with opened_store(settings, read_only=not locked) as store:
            with source.locked() if locked and isinstance(source, FolderFile) else contextlib.nullcontext():
                return await work(store, source)

    try:
        return asyncio.run(run())
    except StoreUnavailable:
        fail("the store is unavailable. What a rotation has resealed so far is kept: run the command again")


def _fields(status: rotation.Status) -> dict[str, Any]:
    return {
        "source": status.source,
        "resealing": status.resealing,
        "keys": [
            {"id": key.id, "state": key.state or None, "in_ring": key.in_ring, "sealed": key.sealed}
            for key in status.keys
        ],
        "missing": [key.id for key in status.keys if key.is_missing],
    }


def _table(status: rotation.Status) -> str:
    titles = [table.title for table in CATALOG.sealed]
    heads = ["key", "state", "in the ring", *titles]
    rows = [
        [key.id, key.state or "-", "yes" if key.in_ring else "MISSING" if key.is_missing else "no"]
        + [str(key.sealed[title]) for title in titles]
        for key in status.keys
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [heads, *rows]
    ]
    if status.resealing:
        lines.append("A rotation is unfinished. To continue it: sunshine-keys seal rotate")
    return "\n".join([f"The ring is {status.source}.", "", *lines])
