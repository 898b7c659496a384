"""The usage of keys: requests by the hour, and the last request.

Counts are written into rows that are ordered by the hour first, so that those of one hour are neighbours: a count took 50 µs
in tables ordered by key, and takes 2 to 6 so. Once an hour is over, its last uses are *folded* into the table of last uses, which
outlives the hours. Until then, a read looks at the rows of the hour. A row that is counted again is folded again, and only rows
that have been folded are pruned, so a clock that jumps loses nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import msgspec

from sunshine_keys.store.statements import Statements, execute, placeholders
from sunshine_keys.store.table import Index, Migration, Table

USAGE_DAYS = 30
"""The days for which the hourly counts of a key are stored. Its last use is stored as long as the key."""

FUTURE_SECONDS = 60
"""A last use that is later than now by more was counted under a wrong clock, and does not hide earlier uses."""

MOST_SOURCES = 50
"""The most sources of a key in an hour. Further ones are counted together, as the source `several`."""

FOLDED_SECONDS = 120
"""The time from the end of an hour until its last uses are folded: nearly all of its counts have been written then."""

FOLDED_HOURS = 1000
"""The most rows that are folded with one batch: twice what it can add, so that they do not accumulate."""

PRUNED_HOURS = 1000
"""The most expired hours that one batch deletes: twice what it can add, so that they do not accumulate."""

_HOUR = 3600

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
    """A row of the table of hours: requests of a key within an hour, and the last of them.

    `folded` is true if the table of last uses has it, too.
    """

    hour: int
    key_id: str
    requests: int
    last_used: float
    last_source: str
    folded: bool


class FormerHour(msgspec.Struct, frozen=True):
    """A row of the hours as programs before schema version 10 wrote them, in the order of keys. It is pruned, and not read."""

    key_id: str
    hour: int
    requests: int


LAST_USES = Table("key_uses", LastUse, since=4, references={"key_id": "keys"}, copied=False)
HOURS = Table(
    "key_use_hours",
    HourOfUse,
    since=10,
    key=("hour", "key_id"),
    indexes=(Index("key_use_hours_unfolded", ("hour", "key_id"), where="folded = 0"),),
    copied=False,
)
"""Rows of deleted keys are left until they are old: to find them, another index would have to be written for each count."""

FORMER_HOURS = Table(
    "key_hours",
    FormerHour,
    since=4,
    key=("key_id", "hour"),
    references={"key_id": "keys"},
    indexes=(Index("key_hours_by_age", ("hour",)),),
    copied=False,
)
MIGRATION = Migration(
    10,
    "key_hours",
    "INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source, folded)"
    " SELECT hour, key_id, requests, hour, '', 1 FROM key_hours;\n",
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
    now = time.time()
    future = now + FUTURE_SECONDS
    hours = yield from _unfolded_hours()
    hours.update(range(-(-math.ceil(max(since, now - USAGE_DAYS * 86400)) // _HOUR) * _HOUR, math.ceil(future), _HOUR))
    for begin in range(0, len(key_ids), _KEYS_AT_ONCE):
        ids = key_ids[begin : begin + _KEYS_AT_ONCE]
        condition = f"key_id IN (SELECT id FROM keys WHERE id IN ({placeholders(len(ids))}))"  # noqa: S608 - names of our own, as in all of this module
        for key_id, used, source in (yield from execute(f"{LAST_USES.select_sql} WHERE {condition}", *ids)):
            usage[key_id] = Usage(used, source, {})
        if not hours:
            continue
        select = (
            f"{HOURS.select_sql} WHERE {condition} AND hour IN ({placeholders(len(hours), len(ids))}) ORDER BY hour"
        )
        for hour, key_id, requests, used, source, _ in (yield from execute(select, *ids, *hours)):
            use = usage.get(key_id)
            if use is None or use.last_used is None or use.last_used > future or future >= used > use.last_used:
                use = usage[key_id] = Usage(used, source, {} if use is None else use.hours)
            if hour >= since:
                use.hours[hour] = requests
    return usage


def _unfolded_hours() -> Statements[set[int]]:
    """Return the hours with rows that are not folded: in most cases the current one, and the one before."""
    hours: set[int] = set()
    while True:
        after = max(hours, default=-1)
        ((hour,),) = yield from execute("SELECT min(hour) FROM key_use_hours WHERE folded = 0 AND hour > $1", after)
        if hour is None:
            return hours
        hours.add(hour)


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
