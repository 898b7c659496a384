"""Add to the usage of keys on PostgreSQL: one statement, outside the order of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sunshine_keys.keys.usage import (
    FOLDED_HOURS,
    FOLDED_SECONDS,
    FUTURE_SECONDS,
    PRUNED_HOURS,
    SOURCES,
    USAGE_DAYS,
    KeyHour,
)

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
), present AS MATERIALIZED (
    SELECT id FROM keys WHERE id = ANY ($6::text[]) ORDER BY id FOR KEY SHARE SKIP LOCKED
), hours AS (
    INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source, folded)
    SELECT hour, key_id, requests, used, source, 0 FROM batch ORDER BY hour, key_id
    ON CONFLICT (hour, key_id) DO UPDATE SET requests = key_use_hours.requests + excluded.requests,
    last_used = greatest(key_use_hours.last_used, excluded.last_used),
    last_source = CASE WHEN excluded.last_used > key_use_hours.last_used
        THEN excluded.last_source ELSE key_use_hours.last_source END, folded = 0
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
        SELECT hour, key_id FROM key_use_hours
        WHERE hour < extract(epoch FROM now())::bigint - {USAGE_DAYS * 86400} AND folded = 1
        ORDER BY hour, key_id LIMIT {PRUNED_HOURS} FOR UPDATE SKIP LOCKED
    )
)
SELECT set_config('synchronous_commit', 'off', true)
"""  # noqa: S608 - numbers of ours


FOLD = f"""
WITH due AS MATERIALIZED (
    SELECT hour, key_id, last_used, last_source FROM key_use_hours
    WHERE folded = 0 AND hour <= extract(epoch FROM now())::bigint - {FOLDED_SECONDS + 3600}
    ORDER BY hour, key_id LIMIT {FOLDED_HOURS} FOR UPDATE SKIP LOCKED
), present AS MATERIALIZED (
    SELECT id FROM keys WHERE id IN (SELECT key_id FROM due) ORDER BY id FOR KEY SHARE SKIP LOCKED
), uses AS (
    INSERT INTO key_uses (key_id, used, source)
    SELECT DISTINCT ON (key_id) key_id, last_used, last_source
    FROM due JOIN present ON id = key_id ORDER BY key_id, last_used DESC
    ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source
    WHERE excluded.used > key_uses.used OR key_uses.used > extract(epoch FROM now()) + {FUTURE_SECONDS}
), fold AS (
    UPDATE key_use_hours AS hours SET folded = 1 FROM due
    WHERE hours.hour = due.hour AND hours.key_id = due.key_id
    AND (due.key_id IN (SELECT id FROM present) OR NOT EXISTS (SELECT 1 FROM keys WHERE id = due.key_id))
)
SELECT set_config('synchronous_commit', 'off', true)
"""  # noqa: S608 - numbers of ours
"""Folds the next hours that are over. A key that is being deleted is left for the next time: its deletion may be rolled back."""


def added(batch: Sequence[KeyHour]) -> tuple[str, tuple[list[Any], ...]]:
    """Return the statement that adds `batch`, and its values."""
    counts = [(item.key_id, item.hour, item.requests, item.last_used, item.last_source) for item in batch]
    columns = zip(*counts, strict=True) if counts else ((),) * 5
    sources = [msgspec.structs.astuple(source) for item in batch for source in item.sources]
    places = zip(*sources, strict=True) if sources else ((),) * len(SOURCES.columns)
    return _ADD, tuple(list(column) for column in (*columns, *places))
