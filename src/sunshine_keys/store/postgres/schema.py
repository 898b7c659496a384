"""The PostgreSQL schema: create, check and upgrade the tables of a store."""

from __future__ import annotations

from typing import Any

import asyncpg

from sunshine_keys.store import sealing
from sunshine_keys.store.errors import StoreError, StoreTooNew
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.table import KEYS_STORE, POSTGRES, Catalog, Migration

LOCK = KEYS_STORE
"""The advisory lock that every change of keys takes: the audit trail needs one order of all of them."""

_OWN_TABLES = """
CREATE TABLE meta (
    name text PRIMARY KEY,
    value text NOT NULL
);
CREATE TABLE nodes (
    id text PRIMARY KEY,
    renewals bigint NOT NULL
)
"""
"""The tables that only this driver has: the store's own values, and the heartbeats of its nodes."""

_MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        8,
        "keys",
        "ALTER TABLE keys ADD COLUMN expires_at double precision;\n"
        "ALTER TABLE keys ADD COLUMN notice text;\n"
        "CREATE INDEX keys_by_end ON keys (notice, expires_at) WHERE expires_at IS NOT NULL;\n",
    ),
)


def version_of(catalog: Catalog) -> int:
    """Return the schema version of this program, as a store on PostgreSQL records it."""
    return catalog.version(_MIGRATIONS) - catalog.postgres_offset


async def prepare(connection: asyncpg.Connection[Any], catalog: Catalog) -> Sealing | None:
    """Create the tables that this version needs, under a lock: if nodes start together, one creates them.

    Return the record of the sealing keys; None while nothing is sealed. Raises StoreError.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", catalog.number)
        if catalog.schema:
            name = await connection.fetchval("SELECT current_setting('search_path')")
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
        before = await version(connection, catalog)
        if before == 0:
            if (encoding := await connection.fetchval("SHOW server_encoding")) != "UTF8":
                raise StoreError(
                    f"the database's encoding is {encoding}: make one with ENCODING 'UTF8' TEMPLATE template0"
                )
            await connection.execute(_OWN_TABLES)
        elif catalog.credentials is not None:
            await _mend(connection)
        if before < version_of(catalog):
            since = before + catalog.postgres_offset if before else 0
            for statement in catalog.upgrade(since, POSTGRES, _MIGRATIONS):
                await connection.execute(statement)
            await connection.execute(
                "INSERT INTO meta (name, value) VALUES ('schema_version', $1)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                str(version_of(catalog)),
            )
        return sealing.recorded([tuple(row) for row in await connection.fetch(sealing.RECORDED)])


async def _mend(connection: asyncpg.Connection[Any]) -> None:
    """Replace the table `nodes` of the first stores, which had times of the database's clock instead of numbers.

    The first step of the schema was once edited, so stores of one version differ. A running program that needs the former
    table answers 503 from now on.
    """
    column = (
        "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('nodes') AND attname = 'renewals' AND NOT attisdropped"
    )
    if not await connection.fetchval(column):
        await connection.execute("DROP TABLE IF EXISTS nodes")
        await connection.execute(_OWN_TABLES.partition(";\n")[2])


async def version(connection: asyncpg.Connection[Any], catalog: Catalog) -> int:
    """Return the schema version of the store in a database; 0 if the database holds no store yet. Raises StoreError."""
    tables = await connection.fetchval(
        "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p')"
    )
    if tables == 0:
        return 0
    has_meta = await connection.fetchval("SELECT to_regclass(current_schema() || '.meta') IS NOT NULL")
    value = await connection.fetchval("SELECT value FROM meta WHERE name = 'schema_version'") if has_meta else None
    if value is None:
        raise StoreError("the database holds tables of another program: name a database or schema of its own")
    if int(value) > (newest := version_of(catalog)):
        raise StoreTooNew(
            f"the database has schema version {value}, this program knows {newest}: use the newer program"
        )
    return int(value)
