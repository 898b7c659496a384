"""`copy`: copy a store into another, for example from SQLite to PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer

from sunshine_keys.cli.program import cli, fail
from sunshine_keys.cli.progress import bar
from sunshine_keys.cli.terminal import counted, emit, emit_json
from sunshine_keys.store.locations import location
from sunshine_keys.store_copies import copy_store


@cli.command()
def copy(
    source: Annotated[str, typer.Option("--from", envvar="SUNSHINE_KEYS_FROM", metavar="URL", help="The source.")],
    target: Annotated[
        str,
        typer.Option(
            "--to", envvar="SUNSHINE_KEYS_TO", metavar="URL", help="The target: empty, or a copy of the source."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print the result as one JSON object.")
    ] = False,
) -> None:
    """Copy a store into another, with its conversations, while it is served. Run it again to copy what changed since.

    URLs are as for --database. Secrets stay sealed, so the target needs the same sealing keys.
    """
    locations = location(source, "--from"), location(target, "--to")
    if locations[0] == locations[1]:
        fail("--from and --to are the same store")
    with bar("Copying") as progress:
        copied = asyncio.run(copy_store(*locations, progress))
    if as_json:
        emit_json(msgspec.to_builtins(copied), indent=None)
        return
    for name, table in copied.tables.items():
        emit(f"{name:24} {table.rows:>10}  {table.digest[:16]}")
    emit(
        f"Both stores have these rows, up to entry {copied.sequence} of the audit trail; {counted(copied.changed, 'row was', 'rows were')} written."
    )
    for name, rows in copied.left_out.items():
        if rows:
            emit(
                f"The source keeps {counted(rows, 'row', 'rows')} of {name}, which its processes work on: stop them, and copy once more."
            )
    emit(f"The nodes need the sealing keys {', '.join(copied.sealing_key_ids) or '(none)'}.")
    emit("To move a service: stop it, copy once more, and serve the target.")
