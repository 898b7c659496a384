"""`copy`: a store into another, as from SQLite to PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import msgspec
import typer

from sunshine_keys.cli.program import cli, fail
from sunshine_keys.cli.progress import bar
from sunshine_keys.compose import copy_store
from sunshine_keys.store.locations import location


@cli.command()
def copy(
    source: Annotated[
        str, typer.Option("--from", envvar="SUNSHINE_KEYS_FROM", metavar="URL", help="The store there is.")
    ],
    target: Annotated[
        str,
        typer.Option("--to", envvar="SUNSHINE_KEYS_TO", metavar="URL", help="Where to: an empty place, or its copy."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print what was copied as one JSON object.")
    ] = False,
) -> None:
    """Copy a store, which may be served meanwhile, into another; run again, bring over what has changed since.

    URLs are as for --database. Sealed secrets stay sealed: the target needs the same sealing keys.
    """
    places = location(source, "--from"), location(target, "--to")
    if places[0] == places[1]:
        fail("--from and --to are the same store")
    with bar("Copying") as progress:
        copied = asyncio.run(copy_store(*places, progress))
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(copied)))
        return
    for name, found in copied.tables.items():
        typer.echo(f"{name:14} {found.rows:>10}  {found.digest[:16]}")
    typer.echo(f"Both hold this, up to entry {copied.sequence} of the audit trail; {copied.changed} rows were written.")
    typer.echo(f"Its secrets are sealed under {', '.join(copied.sealing_key_ids) or 'no key'}: give that to the nodes.")
    typer.echo("To move a service: stop it, copy once more, and serve the target.")
