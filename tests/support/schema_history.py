"""The statements that created stores of earlier schema versions, as they were released: they never change."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import asyncpg

SQLITE = (
    """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    settings TEXT NOT NULL,
    metadata TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE integrations (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    attributes TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX integrations_by_app ON integrations (app_id, id);
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    triggers TEXT NOT NULL,
    include_full_user INTEGER NOT NULL,
    include_full_source INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_integration ON webhooks (integration_id, id);
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    app_id TEXT REFERENCES apps (id) ON DELETE CASCADE,
    integration_id TEXT REFERENCES integrations (id) ON DELETE CASCADE,
    display_name TEXT NOT NULL,
    sealed_secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_app ON keys (app_id, scope, id);
CREATE INDEX keys_by_integration ON keys (integration_id, id);
""",
    """
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    note TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE idempotency (
    id BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    sealed_answer BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created);
""",
    """
DROP INDEX keys_by_integration;
CREATE INDEX keys_by_integration ON keys (integration_id, id, scope, app_id, display_name, sealed_secret);
""",
    """
CREATE TABLE key_uses (
    key_id TEXT PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
    used REAL NOT NULL,
    source TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE key_hours (
    key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    hour INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_hours_by_age ON key_hours (hour);
""",
    """
CREATE TABLE console_sessions (
    id BLOB PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX console_sessions_by_key ON console_sessions (key_id);
CREATE INDEX console_sessions_by_age ON console_sessions (last_seen);
""",
    """
CREATE TABLE refused_requests (
    request_id TEXT PRIMARY KEY,
    time TEXT NOT NULL,
    source TEXT NOT NULL,
    key_id TEXT NOT NULL,
    code TEXT NOT NULL,
    cause TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refused_requests_by_age ON refused_requests (time);
""",
)
"""One step a version, from an empty database."""

POSTGRES = (
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
    """
CREATE TABLE refused_requests (
    request_id text COLLATE "C" PRIMARY KEY,
    time text NOT NULL,
    source text NOT NULL,
    key_id text NOT NULL,
    code text NOT NULL,
    cause text NOT NULL
);
CREATE INDEX refused_requests_by_age ON refused_requests (time);
""",
)
"""One step a version, from an empty database."""


POSTGRES_FIRST_NODES = "id text PRIMARY KEY,\n    expires timestamptz NOT NULL\n"
"""The columns of `nodes` in the first stores on PostgreSQL. The step above was edited later, which must not happen again."""


def create_sqlite(path: Path, version: int) -> None:
    """Create an empty store of an earlier schema version."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for step in SQLITE[:version]:
            connection.executescript(step)
        connection.execute(f"PRAGMA application_id = {0x53756E4B}")
        connection.execute(f"PRAGMA user_version = {version}")


async def create_postgres(url: str, version: int, *, first_nodes: bool = False) -> None:
    """Create an empty store of an earlier schema version. With `first_nodes`, it is as the first released step made it."""
    connection = await asyncpg.connect(url)
    try:
        for step in POSTGRES[:version]:
            nodes = "id text PRIMARY KEY,\n    renewals bigint NOT NULL\n"
            await connection.execute(step.replace(nodes, POSTGRES_FIRST_NODES) if first_nodes else step)
        await connection.execute("INSERT INTO meta (name, value) VALUES ('schema_version', $1)", str(version))
    finally:
        await connection.close()
