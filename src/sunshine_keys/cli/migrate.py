"""`migrate`: upgrade the schema of a store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sunshine_keys.cli.program import Data, Database, cli
from sunshine_keys.cli.terminal import emit

if TYPE_CHECKING:
    from sunshine_keys.compose import Upgrade
    from sunshine_keys.settings import Settings


@cli.command()
def migrate(data: Data = None, database: Database = None) -> None:
    """Upgrade a store's schema to this version, as `serve` does when it starts. Servers of the last version keep running."""
    from sunshine_keys.compose import migrate as migrate_store
    from sunshine_keys.settings import Settings

    settings = Settings.of(data, database)
    keys, conversations = asyncio.run(migrate_store(settings))
    _print("", settings, keys)
    if conversations is not None:
        _print("conversations of the ", settings, conversations)


def _print(part: str, settings: Settings, upgrade: Upgrade) -> None:
    store = f"{part}store {settings.location}"
    if upgrade.before == upgrade.after:
        verb = "have" if part else "has"
        emit(f"The {store} already {verb} schema version {upgrade.after}.")
    else:
        emit(f"The schema of the {store} was upgraded from version {upgrade.before} to {upgrade.after}.")
