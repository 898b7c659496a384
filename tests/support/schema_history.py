"""The statements that created stores of earlier schema versions, as they were released: they never change."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
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
    """
CREATE TABLE oauth_clients (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    decision TEXT,
    app_id TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE oauth_codes (
    id BLOB PRIMARY KEY,
    client_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    granted_by TEXT,
    expires REAL NOT NULL,
    token_id TEXT REFERENCES keys (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_codes_by_token ON oauth_codes (token_id);
CREATE INDEX oauth_codes_by_age ON oauth_codes (expires);
""",
    """
CREATE TABLE key_sources (
    key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    hour INTEGER NOT NULL,
    source TEXT NOT NULL,
    agent TEXT NOT NULL,
    requests INTEGER NOT NULL,
    last_used REAL NOT NULL,
    PRIMARY KEY (key_id, hour, source, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_sources_by_age ON key_sources (hour);
CREATE TABLE rotations (
    key_id TEXT PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
    successor_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    began REAL NOT NULL,
    own_end REAL,
    quiet_seconds INTEGER,
    reported REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX rotations_by_successor ON rotations (successor_id);
ALTER TABLE keys ADD COLUMN expires_at REAL;
ALTER TABLE keys ADD COLUMN notice TEXT;
DROP INDEX keys_by_integration;
CREATE INDEX keys_by_integration ON keys
    (integration_id, id, scope, app_id, display_name, sealed_secret, expires_at, notice);
CREATE INDEX keys_by_end ON keys (notice, expires_at) WHERE expires_at IS NOT NULL;
""",
    """
CREATE INDEX audit_by_ended_key ON audit (substr(resource, length(resource) - 27))
    WHERE action IN ('key.delete', 'key.expire');
""",
    """
CREATE TABLE key_use_hours (
    hour INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    requests INTEGER NOT NULL,
    last_used REAL NOT NULL,
    last_source TEXT NOT NULL,
    folded INTEGER NOT NULL,
    PRIMARY KEY (hour, key_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_use_hours_unfolded ON key_use_hours (hour, key_id) WHERE folded = 0;
INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source, folded)
    SELECT hour, key_id, requests, hour, '', 1 FROM key_hours;
""",
    """
CREATE TABLE object_state (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL) STRICT;
INSERT INTO object_state (id, value) VALUES (1, hex(randomblob(16)));
CREATE TRIGGER apps_insert BEFORE insert ON apps BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER apps_update BEFORE update ON apps BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER apps_delete BEFORE delete ON apps BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER integrations_insert BEFORE insert ON integrations BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER integrations_update BEFORE update ON integrations BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER integrations_delete BEFORE delete ON integrations BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER keys_insert BEFORE insert ON keys BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER keys_update BEFORE update ON keys BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER keys_delete BEFORE delete ON keys BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER webhooks_insert BEFORE insert ON webhooks BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER webhooks_update BEFORE update ON webhooks BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER webhooks_delete BEFORE delete ON webhooks BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER oauth_clients_insert BEFORE insert ON oauth_clients BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER oauth_clients_update BEFORE update ON oauth_clients BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
CREATE TRIGGER oauth_clients_delete BEFORE delete ON oauth_clients BEGIN UPDATE object_state SET value = hex(randomblob(16)); END;
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
    """
CREATE TABLE oauth_clients (
    id text COLLATE "C" PRIMARY KEY,
    display_name text NOT NULL,
    redirect_uris text NOT NULL,
    secret_hash bytea NOT NULL,
    decision text,
    app_id text
);
CREATE TABLE oauth_codes (
    id bytea PRIMARY KEY,
    client_id text NOT NULL,
    app_id text NOT NULL,
    redirect_uri text NOT NULL,
    granted_by text,
    expires double precision NOT NULL,
    token_id text COLLATE "C" REFERENCES keys (id) ON DELETE CASCADE
);
CREATE INDEX oauth_codes_by_token ON oauth_codes (token_id);
CREATE INDEX oauth_codes_by_age ON oauth_codes (expires);
""",
    """
CREATE TABLE key_sources (
    key_id text COLLATE "C" NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    hour bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    requests bigint NOT NULL,
    last_used double precision NOT NULL,
    PRIMARY KEY (key_id, hour, source, agent)
);
CREATE INDEX key_sources_by_age ON key_sources (hour);
CREATE TABLE rotations (
    key_id text COLLATE "C" PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
    successor_id text COLLATE "C" NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    began double precision NOT NULL,
    own_end double precision,
    quiet_seconds bigint,
    reported double precision
);
CREATE INDEX rotations_by_successor ON rotations (successor_id);
ALTER TABLE keys ADD COLUMN expires_at double precision;
ALTER TABLE keys ADD COLUMN notice text;
CREATE INDEX keys_by_end ON keys (notice, expires_at) WHERE expires_at IS NOT NULL;
""",
    """
CREATE INDEX audit_by_ended_key ON audit (substr(resource, length(resource) - 27))
    WHERE action IN ('key.delete', 'key.expire');
""",
    """
CREATE TABLE key_use_hours (
    hour bigint NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    requests bigint NOT NULL,
    last_used double precision NOT NULL,
    last_source text NOT NULL,
    folded integer NOT NULL,
    PRIMARY KEY (hour, key_id)
);
CREATE INDEX key_use_hours_unfolded ON key_use_hours (hour, key_id) WHERE folded = 0;
INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source, folded)
    SELECT hour, key_id, requests, hour, '', 1 FROM key_hours;
""",
)
"""One step a version, from an empty database."""


POSTGRES_FIRST_NODES = "id text PRIMARY KEY,\n    expires timestamptz NOT NULL\n"
"""The columns of `nodes` in the first stores on PostgreSQL. The step above was edited later, which must not happen again."""


def create_sqlite(path: Path, version: int, steps: Sequence[str] = SQLITE, number: int = 0x53756E4B) -> None:
    """Create an empty store of an earlier schema version. `number` is that of its catalog."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for step in steps[:version]:
            connection.executescript(step)
        connection.execute(f"PRAGMA application_id = {number}")
        connection.execute(f"PRAGMA user_version = {version}")


async def create_postgres(
    url: str, version: int, *, first_nodes: bool = False, steps: Sequence[str] = POSTGRES
) -> None:
    """Create an empty store of an earlier schema version. With `first_nodes`, it is as the first released step made it."""
    connection = await asyncpg.connect(url)
    try:
        for step in steps[:version]:
            nodes = "id text PRIMARY KEY,\n    renewals bigint NOT NULL\n"
            await connection.execute(step.replace(nodes, POSTGRES_FIRST_NODES) if first_nodes else step)
        await connection.execute("INSERT INTO meta (name, value) VALUES ('schema_version', $1)", str(version))
    finally:
        await connection.close()


PLANE_SQLITE = (
    """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE apps (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    external_id TEXT,
    brand_id TEXT,
    zendesk_id TEXT,
    signed_up_at TEXT NOT NULL,
    authenticated INTEGER NOT NULL,
    to_be_retained INTEGER,
    profile TEXT NOT NULL,
    metadata TEXT NOT NULL,
    identities TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_app ON users (app_id, id);
CREATE TABLE handles (
    key TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX handles_by_user ON handles (user_id);
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    integration_id TEXT,
    external_id TEXT,
    last_seen TEXT,
    linked_at TEXT,
    display_name TEXT,
    avatar_url TEXT,
    info TEXT,
    raw TEXT,
    link TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX clients_by_user ON clients (user_id, id);
CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    type TEXT NOT NULL,
    guid TEXT NOT NULL,
    status TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    push_notification_token TEXT,
    info TEXT,
    app_version TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_user ON devices (user_id, last_seen);
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    display_name TEXT,
    description TEXT,
    icon_url TEXT,
    metadata TEXT,
    created_at TEXT NOT NULL,
    last_updated_at TEXT NOT NULL,
    business_last_read TEXT,
    messages INTEGER NOT NULL,
    last_received INTEGER NOT NULL,
    active_entry TEXT,
    pending_entry TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_by_app ON conversations (app_id, id);
CREATE TABLE participants (
    id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_external_id TEXT,
    unread_count INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    last_read TEXT,
    client_associations TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX participants_by_conversation ON participants (conversation_id, id);
CREATE INDEX participants_by_user ON participants (user_id, conversation_id);
CREATE TABLE messages (
    key TEXT PRIMARY KEY,
    author_id TEXT,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_by_author ON messages (author_id);
CREATE TABLE attachments (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    conversation_id TEXT REFERENCES conversations (id) ON DELETE CASCADE,
    message_key TEXT,
    goes_with_message INTEGER NOT NULL,
    is_complete INTEGER NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    base TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attachments_by_app ON attachments (app_id);
CREATE INDEX attachments_by_conversation ON attachments (conversation_id);
CREATE INDEX attachments_by_message ON attachments (message_key);
CREATE INDEX attachments_by_state ON attachments (is_complete, id);
CREATE TABLE chunks (
    attachment_id TEXT NOT NULL REFERENCES attachments (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (attachment_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE switchboards (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    enabled INTEGER NOT NULL,
    default_entry_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX switchboards_by_app ON switchboards (app_id);
CREATE TABLE switchboard_entries (
    id TEXT PRIMARY KEY,
    switchboard_id TEXT NOT NULL REFERENCES switchboards (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    integration_type TEXT NOT NULL,
    deliver_standby_events INTEGER NOT NULL,
    next_entry_id TEXT,
    message_history_count INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX switchboard_entries_by_switchboard ON switchboard_entries (switchboard_id, id);
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    webhook_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    created INTEGER NOT NULL,
    event BLOB NOT NULL,
    state TEXT NOT NULL,
    queue TEXT,
    owner TEXT,
    due INTEGER,
    attempts TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_by_owner ON deliveries (owner, webhook_id, number);
CREATE INDEX deliveries_by_due ON deliveries (owner, due);
CREATE INDEX deliveries_by_queue ON deliveries (queue, number);
CREATE INDEX deliveries_by_app ON deliveries (app_id, number);
CREATE TABLE senders (
    id TEXT PRIMARY KEY,
    beats INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (
    id BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    sealed_answer BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created);
""",
    """
CREATE TABLE scripts (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    outcome TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE clients ADD COLUMN linking TEXT;
ALTER TABLE clients ADD COLUMN address TEXT;
CREATE INDEX clients_by_address ON clients (address);
CREATE INDEX conversations_by_age ON conversations (app_id, last_received, id) WHERE messages > 0;
""",
    """
CREATE TABLE typing (
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    author TEXT NOT NULL,
    began INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, author)
) STRICT, WITHOUT ROWID;
""",
    """
CREATE TABLE control_records (
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    created INTEGER NOT NULL,
    action TEXT NOT NULL,
    caller TEXT,
    active TEXT,
    pending TEXT,
    reason TEXT,
    PRIMARY KEY (conversation_id, number)
) STRICT, WITHOUT ROWID;
DROP INDEX deliveries_by_owner;
CREATE INDEX deliveries_by_webhook ON deliveries (owner, webhook_id, number) WHERE queue IS NOT NULL;
""",
)
PLANE_POSTGRES = (
    """
CREATE TABLE meta (
    name text PRIMARY KEY,
    value text NOT NULL
);
CREATE TABLE apps (
    id text COLLATE "C" PRIMARY KEY
);
CREATE TABLE users (
    id text COLLATE "C" PRIMARY KEY,
    app_id text COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    external_id text,
    brand_id text,
    zendesk_id text,
    signed_up_at text NOT NULL,
    authenticated integer NOT NULL,
    to_be_retained integer,
    profile text NOT NULL,
    metadata text NOT NULL,
    identities text NOT NULL
);
CREATE INDEX users_by_app ON users (app_id, id);
CREATE TABLE handles (
    key text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX handles_by_user ON handles (user_id);
CREATE TABLE clients (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    type text NOT NULL,
    status text NOT NULL,
    integration_id text,
    external_id text,
    last_seen text,
    linked_at text,
    display_name text,
    avatar_url text,
    info text,
    raw text,
    link text
);
CREATE INDEX clients_by_user ON clients (user_id, id);
CREATE TABLE devices (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id text NOT NULL,
    type text NOT NULL,
    guid text NOT NULL,
    status text NOT NULL,
    integration_id text NOT NULL,
    last_seen text NOT NULL,
    push_notification_token text,
    info text,
    app_version text
);
CREATE INDEX devices_by_user ON devices (user_id, last_seen);
CREATE TABLE conversations (
    id text COLLATE "C" PRIMARY KEY,
    app_id text COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    type text NOT NULL,
    is_default integer NOT NULL,
    display_name text,
    description text,
    icon_url text,
    metadata text,
    created_at text NOT NULL,
    last_updated_at text NOT NULL,
    business_last_read text,
    messages bigint NOT NULL,
    last_received bigint NOT NULL,
    active_entry text,
    pending_entry text
);
CREATE INDEX conversations_by_app ON conversations (app_id, id);
CREATE TABLE participants (
    id text COLLATE "C" PRIMARY KEY,
    conversation_id text COLLATE "C" NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_external_id text,
    unread_count bigint NOT NULL,
    seen bigint NOT NULL,
    last_read text,
    client_associations text NOT NULL
);
CREATE INDEX participants_by_conversation ON participants (conversation_id, id);
CREATE INDEX participants_by_user ON participants (user_id, conversation_id);
CREATE TABLE messages (
    key text COLLATE "C" PRIMARY KEY,
    author_id text,
    body bytea NOT NULL
);
CREATE INDEX messages_by_author ON messages (author_id);
CREATE TABLE attachments (
    id text COLLATE "C" PRIMARY KEY,
    app_id text COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    conversation_id text COLLATE "C" REFERENCES conversations (id) ON DELETE CASCADE,
    message_key text,
    goes_with_message integer NOT NULL,
    is_complete integer NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    base text NOT NULL
);
CREATE INDEX attachments_by_app ON attachments (app_id);
CREATE INDEX attachments_by_conversation ON attachments (conversation_id);
CREATE INDEX attachments_by_message ON attachments (message_key);
CREATE INDEX attachments_by_state ON attachments (is_complete, id);
CREATE TABLE chunks (
    attachment_id text COLLATE "C" NOT NULL REFERENCES attachments (id) ON DELETE CASCADE,
    number bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (attachment_id, number)
);
CREATE TABLE switchboards (
    id text COLLATE "C" PRIMARY KEY,
    app_id text COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    enabled integer NOT NULL,
    default_entry_id text
);
CREATE INDEX switchboards_by_app ON switchboards (app_id);
CREATE TABLE switchboard_entries (
    id text COLLATE "C" PRIMARY KEY,
    switchboard_id text COLLATE "C" NOT NULL REFERENCES switchboards (id) ON DELETE CASCADE,
    name text NOT NULL,
    integration_id text NOT NULL,
    integration_type text NOT NULL,
    deliver_standby_events integer NOT NULL,
    next_entry_id text,
    message_history_count bigint
);
CREATE INDEX switchboard_entries_by_switchboard ON switchboard_entries (switchboard_id, id);
CREATE TABLE deliveries (
    number bigint PRIMARY KEY,
    event_id text NOT NULL,
    type text NOT NULL,
    app_id text COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    webhook_id text NOT NULL,
    subject text NOT NULL,
    created bigint NOT NULL,
    event bytea NOT NULL,
    state text NOT NULL,
    queue text,
    owner text,
    due bigint,
    attempts text NOT NULL
);
CREATE INDEX deliveries_by_owner ON deliveries (owner, webhook_id, number);
CREATE INDEX deliveries_by_due ON deliveries (owner, due);
CREATE INDEX deliveries_by_queue ON deliveries (queue, number);
CREATE INDEX deliveries_by_app ON deliveries (app_id, number);
CREATE TABLE senders (
    id text COLLATE "C" PRIMARY KEY,
    beats bigint NOT NULL
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
CREATE TABLE scripts (
    id text COLLATE "C" PRIMARY KEY,
    app_id text COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    outcome text NOT NULL
);
ALTER TABLE clients ADD COLUMN linking TEXT;
ALTER TABLE clients ADD COLUMN address TEXT;
CREATE INDEX clients_by_address ON clients (address);
CREATE INDEX conversations_by_age ON conversations (app_id, last_received, id) WHERE messages > 0;
""",
    """
CREATE TABLE typing (
    conversation_id text COLLATE "C" NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    author text COLLATE "C" NOT NULL,
    began bigint NOT NULL,
    PRIMARY KEY (conversation_id, author)
);
""",
    """
CREATE TABLE control_records (
    conversation_id text COLLATE "C" NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number bigint NOT NULL,
    created bigint NOT NULL,
    action text NOT NULL,
    caller text,
    active text,
    pending text,
    reason text,
    PRIMARY KEY (conversation_id, number)
);
DROP INDEX deliveries_by_owner;
CREATE INDEX deliveries_by_webhook ON deliveries (owner, webhook_id, number) WHERE queue IS NOT NULL;
""",
)
"""The steps of the store of conversations before the current version."""
