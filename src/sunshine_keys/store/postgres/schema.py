"""The PostgreSQL schema, and how the version of a store is checked and brought up to date."""

from __future__ import annotations

from typing import Any

import asyncpg

from sunshine_keys.store import StoreError, StoreTooNew
from sunshine_keys.store.sealing import Sealing
from sunshine_keys.store.sql import sealing

LOCK = 0x53756E4B
"""The advisory lock that every change takes ("SunK"): the audit trail needs one order of all of them."""

_MIGRATIONS = (
    """
CREATE TABLE meta (
    name text PRIMARY KEY,
    value text NOT NULL
);
CREATE TABLE apps (
    id text COLLATE "C" PRIMARY KEY,
    display_name text NOT NULL,
    settings text NOT NULL,
    metadata text
);
CREATE TABLE integrations (
    id text COLLATE "C" PRIMARY KEY,
    app_id text COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    type text NOT NULL,
    attributes text NOT NULL
);
CREATE INDEX integrations_by_app ON integrations (app_id, id);
CREATE TABLE webhooks (
    id text COLLATE "C" PRIMARY KEY,
    integration_id text COLLATE "C" NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    target text NOT NULL,
    triggers text NOT NULL,
    include_full_user integer NOT NULL,
    include_full_source integer NOT NULL,
    sealed_secret bytea NOT NULL
);
CREATE INDEX webhooks_by_integration ON webhooks (integration_id, id);
CREATE TABLE keys (
    id text COLLATE "C" PRIMARY KEY,
    scope text NOT NULL,
    app_id text COLLATE "C" REFERENCES apps (id) ON DELETE CASCADE,
    integration_id text COLLATE "C" REFERENCES integrations (id) ON DELETE CASCADE,
    display_name text NOT NULL,
    sealed_secret bytea NOT NULL
);
CREATE INDEX keys_by_app ON keys (app_id, scope, id);
CREATE INDEX keys_by_integration ON keys (integration_id, id);
CREATE TABLE audit (
    sequence bigint PRIMARY KEY,
    time text NOT NULL,
    actor text NOT NULL,
    source text NOT NULL,
    request_id text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    outcome text NOT NULL,
    note text NOT NULL,
    hash bytea NOT NULL
);
CREATE TABLE idempotency (
    id bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    sealed_answer bytea NOT NULL,
    created bigint NOT NULL
);
CREATE INDEX idempotency_by_age ON idempotency (created);
CREATE TABLE nodes (
    id text PRIMARY KEY,
    renewals bigint NOT NULL
);
""",
    """
CREATE TABLE key_uses (
    key_id text COLLATE "C" PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
    used double precision NOT NULL,
    source text NOT NULL
);
CREATE TABLE key_hours (
    key_id text COLLATE "C" NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    hour bigint NOT NULL,
    requests bigint NOT NULL,
    PRIMARY KEY (key_id, hour)
);
CREATE INDEX key_hours_by_age ON key_hours (hour);
""",
    """
CREATE TABLE console_sessions (
    id bytea PRIMARY KEY,
    key_id text COLLATE "C" NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    created bigint NOT NULL,
    last_seen bigint NOT NULL
);
CREATE INDEX console_sessions_by_key ON console_sessions (key_id);
CREATE INDEX console_sessions_by_age ON console_sessions (last_seen);
""",
)
"""The steps from an empty database to today's schema. What a landed step says is never changed: stores have it behind them.

A step only adds what a program of the version before can do without, or changes indexes, so that one which is still
running goes on.
"""

VERSION = len(_MIGRATIONS)


async def prepare(connection: asyncpg.Connection[Any]) -> Sealing | None:
    """Make the tables where they are missing, bring older ones to this version.

    Returns which keys secrets are sealed under, None while there are none. Raises StoreError.
    """
    async with connection.transaction():
        # Nodes that start together wait for the one that is first.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        before = await version(connection)
        if before == 0 and (encoding := await connection.fetchval("SHOW server_encoding")) != "UTF8":
            raise StoreError(f"the database's encoding is {encoding}: make one with ENCODING 'UTF8' TEMPLATE template0")
        for step in _MIGRATIONS[before:]:
            await connection.execute(step)
        if before < VERSION:
            await connection.execute(
                "INSERT INTO meta (name, value) VALUES ('schema_version', $1)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                str(VERSION),
            )
        return sealing.recorded([tuple(row) for row in await connection.fetch(sealing.RECORDED)])


async def version(connection: asyncpg.Connection[Any]) -> int:
    """The schema version of the store in a database; 0 where there is none in it yet. Raises StoreError."""
    tables = await connection.fetchval(
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"
    )
    if tables == 0:
        return 0
    known = await connection.fetchval("SELECT to_regclass(current_schema() || '.meta') IS NOT NULL")
    value = await connection.fetchval("SELECT value FROM meta WHERE name = 'schema_version'") if known else None
    if value is None:
        raise StoreError("the database holds tables of another program: name a database or schema of its own")
    if int(value) > VERSION:
        raise StoreTooNew(
            f"the database has schema version {value}, this program knows {VERSION}: use the newer program"
        )
    return int(value)
