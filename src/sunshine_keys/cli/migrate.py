"""`migrate`: upgrade the schema of a store."""

from __future__ import annotations

import asyncio

from sunshine_keys.cli.program import Data, Database, cli
from sunshine_keys.cli.terminal import emit


@cli.command()
def migrate(data: Data = None, database: Database = None) -> None:
    """Upgrade a store's schema to this version, as `serve` does when it starts. Servers of the last version keep running."""
    from sunshine_keys.compose import migrate as migrate_store
    from sunshine_keys.settings import Settings

    settings = Settings.of(data, database)
    before, after = asyncio.run(migrate_store(settings))
    if before == after:
        emit(f"The store {settings.location} already has schema version {after}.")
    else:
        emit(f"The schema of the store {settings.location} was upgraded from version {before} to {after}.")
