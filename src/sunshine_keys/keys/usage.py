"""The usage of keys: requests by the hour, and the last request."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from sunshine_keys.store.statements import Statements, execute, placeholders
from sunshine_keys.store.table import Index, Table

USAGE_DAYS = 30
"""The days for which the hourly counts of a key are stored. Its last use is stored as long as the key."""

FUTURE_SECONDS = 60
"""A last use that is later than now by more was counted under a wrong clock, and does not hide earlier uses."""

MOST_SOURCES = 50
"""The most sources of a key in an hour. Further ones are counted together, as the source `several`."""

PRUNED_HOURS = 1000
"""The most expired hours that one batch deletes: more than it can add, so that they do not accumulate."""

_KEYS_AT_ONCE = 500
"""The most keys that one statement reads, because the number of values in a statement is limited."""


class Usage(msgspec.Struct, frozen=True):
    """The requests that a key authenticated, whatever their outcome.

    `last_used` is in seconds since 1970; `last_source` is an address, empty if it is unknown. `hours` maps the start of
    an hour, in seconds since 1970, to the number of its requests.
    """

    last_used: float | None
    last_source: str
    hours: dict[int, int]


class SourceOfUse(msgspec.Struct, frozen=True):
    """A row of the table of sources: requests within an hour from one address by one program, and the last of them.

    Only keys that have an end have such rows, so that their owners see who still uses them. `agent` is the User-Agent, empty
    if there is none. `last_used` is in seconds since 1970.
    """

    key_id: str
    hour: int
    source: str
    agent: str
    requests: int
    last_used: float


class KeyHour(msgspec.Struct, frozen=True):
    """An addition to a key's usage: requests within the hour that begins at `hour`, and the last of them.

    `sources` says where they came from, if the key has an end.
    """

    key_id: str
    hour: int
    requests: int
    last_used: float
    last_source: str
    sources: tuple[SourceOfUse, ...] = ()


class LastUse(msgspec.Struct, frozen=True):
    """A row of the table of last uses. `used` is in seconds since 1970."""

    key_id: str
    used: float
    source: str


class HourOfUse(msgspec.Struct, frozen=True):
    """A row of the table of hours."""

    key_id: str
    hour: int
    requests: int


LAST_USES = Table("key_uses", LastUse, since=4, references={"key_id": "keys"}, copied=False)
HOURS = Table(
    "key_hours",
    HourOfUse,
    since=4,
    key=("key_id", "hour"),
    references={"key_id": "keys"},
    indexes=(Index("key_hours_by_age", ("hour",)),),
    copied=False,
)

SOURCES = Table(
    "key_sources",
    SourceOfUse,
    since=8,
    key=("key_id", "hour", "source", "agent"),
    references={"key_id": "keys"},
    indexes=(Index("key_sources_by_age", ("hour",)),),
    copied=False,
)


def usage_of(key_ids: Sequence[str], since: float) -> Statements[dict[str, Usage]]:
    """Return usage by key, with the hours that began at `since` or later. Keys that were never used are absent."""
    usage: dict[str, Usage] = {}
    for first in range(0, len(key_ids), _KEYS_AT_ONCE):
        ids = key_ids[first : first + _KEYS_AT_ONCE]
        condition = f"WHERE key_id IN ({placeholders(len(ids))})"
        for key_id, used, source in (yield from execute(LAST_USES.select_sql + condition, *ids)):
            usage[key_id] = Usage(used, source, {})
        hours = f"{HOURS.select_sql}{condition} AND hour >= ${len(ids) + 1} ORDER BY key_id, hour"
        for key_id, hour, requests in (yield from execute(hours, *ids, math.ceil(since))):
            if key_id in usage:  # missing if its first use was between the two reads
                usage[key_id].hours[hour] = requests
    return usage


def sources_of(key_id: str, since: float) -> Statements[list[SourceOfUse]]:
    """Return who used a key that has an end, in the hours that began at `since` or later, summed up for each source.

    The last that used it is the first. `hour` is the first hour of each.
    """
    rows = yield from execute(
        "SELECT min(hour), source, agent, sum(requests), max(last_used) FROM key_sources"
        " WHERE key_id = $1 AND hour >= $2 GROUP BY source, agent ORDER BY max(last_used) DESC",
        key_id, math.ceil(since),
    )  # fmt: skip
    return [
        SourceOfUse(key_id, hour, source, agent, int(requests), used) for hour, source, agent, requests, used in rows
    ]
