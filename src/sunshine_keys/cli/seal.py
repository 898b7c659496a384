"""`seal`: the ring of sealing keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
import typer

from sunshine_keys.cli.listing import Group
from sunshine_keys.cli.program import Data, Database, cli, fail
from sunshine_keys.cli.progress import bar
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.sealing import rotation
from sunshine_keys.sealing.sources import FolderFile, Source
from sunshine_keys.store import Store
from sunshine_keys.store.sealing import Kind

R = TypeVar("R")

seal = typer.Typer(
    cls=Group, help="Show, rotate and retire the keys that secrets are sealed under.", no_args_is_help=True
)
cli.add_typer(seal, name="seal")


@seal.command()
def rotate(data: Data = None, database: Database = None) -> None:
    """Make another sealing key current, and seal everything under it; servers may go on meanwhile.

    In the data folder's file a new key is made. Of a ring given in the environment the first key becomes current. A
    rotation that was interrupted is continued.
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
    """Show the sealing keys, and how much is sealed under each. Reads the whole store."""
    found = _run(data, database, rotation.status, locked=False)
    typer.echo(_json(found) if as_json else _table(found))


@seal.command()
def retire(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As `seal status` shows it.")],
    data: Data = None,
    database: Database = None,
) -> None:
    """Give up an older sealing key that nothing is sealed under any more."""

    async def run(store: Store, source: Source) -> str:
        await rotation.retire(store, source, key_id)
        where = "" if isinstance(source, FolderFile) else f"; remove it from {source.name}"
        return f"Sealing key {key_id} is retired{where}."

    typer.echo(_run(data, database, run))


async def _rotate(store: Store, source: Source) -> None:
    sealer, start = await rotation.begin(store, source)
    key_id = sealer.key_id
    match start:
        case rotation.Start.NEW_KEY:
            typer.echo(f"Made sealing key {key_id} in {source.name}; it is current now.")
        case rotation.Start.FIRST_KEY:
            typer.echo(f"Sealing key {key_id}, the first of {source.name}, is current now.")
        case rotation.Start.CONTINUED:
            typer.echo(f"Going on with the rotation to sealing key {key_id}, which was not finished.")
    with bar("Sealing anew") as progress:
        done = await rotation.reseal(store, sealer, progress)
    typer.echo(f"Sealed under it: {done}.")
    if done.unopened:
        fail(
            f"{len(done.unopened)} could not be opened and stay as they are: {', '.join(done.unopened[:10])}"
            f"{' …' if len(done.unopened) > 10 else ''}. The log of a server that reads them says why"
        )
    sealing = await store.sealing()
    for older in sorted(sealing.older) if sealing else ():
        typer.echo(f"Nothing is sealed under {older} any more: sunshine-keys seal retire {older}")


def _run(
    data: str | None,
    database: str | None,
    work: Callable[[Store, Source], Awaitable[R]],
    *,
    locked: bool = True,
) -> R:
    """Do `work` on the store that is there and its ring; `locked`, no other process changes the ring meanwhile."""
    from sunshine_keys.compose import Settings, key_source, opened_store

    settings = Settings.of(data, database)
    source = key_source(settings)

    async def run() -> R:
        async with opened_store(settings) as store:
            with source.locked() if locked and isinstance(source, FolderFile) else contextlib.nullcontext():
                return await work(store, source)

    try:
        return asyncio.run(run())
    except StoreUnavailable:
        fail("the store is unavailable at the moment; what a rotation has done so far stays done: run it again")


def _json(found: rotation.Status) -> str:
    told = {
        "source": found.source,
        "resealing": found.resealing,
        "keys": [
            {"id": key.id, "state": key.state or None, "in_ring": key.in_ring, "sealed": key.sealed}
            for key in found.keys
        ],
        "missing": [key.id for key in found.keys if key.is_missing],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _table(found: rotation.Status) -> str:
    heads = ["key", "state", "in the ring", *Kind]
    rows = [
        [key.id, key.state or "-", "yes" if key.in_ring else "MISSING" if key.is_missing else "no"]
        + [str(key.sealed[kind]) for kind in Kind]
        for key in found.keys
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [heads, *rows]
    ]
    if found.resealing:
        lines.append("A rotation has not finished: sunshine-keys seal rotate goes on with it.")
    return "\n".join([f"The ring is {found.source}.", "", *lines])
