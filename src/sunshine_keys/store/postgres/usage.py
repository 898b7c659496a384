"""Add to the usage of keys on PostgreSQL: one statement, outside the order of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sunshine_keys.keys.usage import FUTURE_SECONDS, LATE_SECONDS, PRUNED_HOURS, SOURCES, USAGE_DAYS, KeyHour

# The statement is its whole transaction, so a node that is stopped half-way does not hold a lock. Where it refers to keys, it
# locks them against their deletion, and skips keys that are being deleted. So it never waits for a change, and a DELETE waits
# for it only while it runs. It takes rows in order of keys, so that two nodes never wait for each other. Its commit does not wait for a
# disk or a standby: a crash loses only statistics. The database's clock decides which hours are old, because one node with
# a wrong clock would delete the hours of all nodes. It also decides which last use is of the future, and must not hide later ones.
_ADD = f"""
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::double precision[], $5::text[])
    AS batch (key_id, hour, requests, used, source)
), places AS (
    SELECT * FROM unnest($6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::double precision[])
    AS places (key_id, hour, source, agent, requests, last_used)
), hours AS (
    INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source)
    SELECT hour, key_id, requests, used, source FROM batch ORDER BY hour, key_id
    ON CONFLICT (hour, key_id) DO UPDATE SET requests = key_use_hours.requests + excluded.requests,
    last_used = greatest(key_use_hours.last_used, excluded.last_used),
    last_source = CASE WHEN excluded.last_used > key_use_hours.last_used
        THEN excluded.last_source ELSE key_use_hours.last_source END
), late AS (
    SELECT DISTINCT ON (key_id) key_id, used, source FROM batch
    WHERE hour + {3600 + LATE_SECONDS} <= extract(epoch FROM now()) ORDER BY key_id, used DESC
), present AS MATERIALIZED (
    SELECT id FROM keys WHERE id IN (SELECT key_id FROM late UNION SELECT key_id FROM places)
    ORDER BY id FOR KEY SHARE SKIP LOCKED
), uses AS (
    INSERT INTO key_uses (key_id, used, source)
    SELECT key_id, used, source FROM late JOIN present ON id = key_id ORDER BY key_id
    ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source
    WHERE excluded.used > key_uses.used OR key_uses.used > extract(epoch FROM now()) + {FUTURE_SECONDS}
), sources AS (
    INSERT INTO key_sources (key_id, hour, source, agent, requests, last_used)
    SELECT key_id, hour, source, agent, requests, last_used FROM places JOIN present ON id = key_id
    ORDER BY key_id, hour, source, agent
    ON CONFLICT (key_id, hour, source, agent) DO UPDATE SET
    requests = key_sources.requests + excluded.requests,
    last_used = greatest(key_sources.last_used, excluded.last_used)
), pruned_sources AS (
    DELETE FROM key_sources WHERE (key_id, hour, source, agent) IN (
        SELECT key_id, hour, source, agent FROM key_sources
        WHERE hour < extract(epoch FROM now())::bigint - {USAGE_DAYS * 86400}
        ORDER BY hour LIMIT {PRUNED_HOURS} FOR UPDATE SKIP LOCKED
    )
), pruned_former AS (
    DELETE FROM key_hours WHERE (key_id, hour) IN (
        SELECT key_id, hour FROM key_hours WHERE hour < extract(epoch FROM now())::bigint - {USAGE_DAYS * 86400}
        ORDER BY hour LIMIT {PRUNED_HOURS} FOR UPDATE SKIP LOCKED
    )
), pruned AS (
    DELETE FROM key_use_hours WHERE (hour, key_id) IN (
        SELECT hour, key_id FROM key_use_hours WHERE hour < extract(epoch FROM now())::bigint - {USAGE_DAYS * 86400}
        ORDER BY hour, key_id LIMIT {PRUNED_HOURS} FOR UPDATE SKIP LOCKED
    )
)
SELECT set_config('synchronous_commit', 'off', true)
"""  # noqa: S608 - numbers of ours


BEGIN_TO_FOLD = (
    "SELECT extract(epoch FROM now())::double precision, pg_try_advisory_xact_lock(1181707364),"  # "Fold"
    " set_config('synchronous_commit', 'off', true)"
)
"""Returns the time, and True if no other node folds at the moment."""

PRESENT = "key_id IN (SELECT id FROM keys WHERE id = hours.key_id FOR KEY SHARE SKIP LOCKED)"
"""The condition in SQL of `fold`."""


def added(batch: Sequence[KeyHour]) -> tuple[str, tuple[list[Any], ...]]:
    """Return the statement that adds `batch`, and its values."""
    counts = [(item.key_id, item.hour, item.requests, item.last_used, item.last_source) for item in batch]
    columns = zip(*counts, strict=True) if counts else ((),) * 5
    sources = [msgspec.structs.astuple(source) for item in batch for source in item.sources]
    places = zip(*sources, strict=True) if sources else ((),) * len(SOURCES.columns)
    return _ADD, tuple(list(column) for column in (*columns, *places))
