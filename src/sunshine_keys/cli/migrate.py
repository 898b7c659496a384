"""`migrate`: a store's schema, brought up to this program's."""

from __future__ import annotations

import asyncio

import typer

from sunshine_keys.cli.program import Data, Database, cli


@cli.command()
def migrate(data: Data = None, database: Database = None) -> None:
    """Bring a store's schema up to this version's, as `serve` does when it starts. Servers of the version before go on."""
    from sunshine_keys.compose import Settings
    from sunshine_keys.compose import migrate as bring_up_to_date

    settings = Settings.of(data, database)
    before, after = asyncio.run(bring_up_to_date(settings))
    if before == after:
        typer.echo(f"The store {settings.location} has schema version {after} already.")
    else:
        typer.echo(f"The store {settings.location} had schema version {before}, and has {after} now.")
