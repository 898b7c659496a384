"""The usage of keys: requests by the hour, and the last request.

Counts are written into rows that are ordered by the hour first, so that those of one hour are neighbours: a count took 54 µs
in tables ordered by key, and takes 16 so. Once an hour is over, its last uses are *folded* into the table of last uses, which
outlives the hours. Until then, a read looks at the rows of the hour.
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

LATE_SECONDS = 60
"""A count that arrives later than this after the end of its hour is written to the last uses at once."""

FOLDED_SECONDS = 120
"""The time from the end of an hour until its last uses are folded: no count of it is on its way any more."""

FOLDED_HOURS = 500
"""The most rows that are folded with one batch: twice what it can add, so that they do not accumulate."""

PRUNED_HOURS = 1000
"""The most expired hours that one batch deletes: more than it can add, so that they do not accumulate."""

NEWER_USE = (
    "ON CONFLICT (key_id) DO UPDATE SET used = excluded.used, source = excluded.source"
    " WHERE excluded.used > key_uses.used OR key_uses.used > $4"
)
"""Ends an INSERT into the last uses. $4 is the time from which on a use is of the future."""

_FOLDED = "uses_folded"
"""The name in `meta` of the last row that has been folded: its hour, a space, and its key id."""
_END = "~"
"""Sorts after all ids of keys."""
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

    def is_late(self, now: float) -> bool:
        """Return True if the hour's last uses may have been folded before this was counted."""
        return self.hour + _HOUR + LATE_SECONDS <= now


class LastUse(msgspec.Struct, frozen=True):
    """A row of the table of last uses. `used` is in seconds since 1970."""

    key_id: str
    used: float
    source: str


class HourOfUse(msgspec.Struct, frozen=True):
    """A row of the table of hours: requests of a key within an hour, and the last of them."""

    hour: int
    key_id: str
    requests: int
    last_used: float
    last_source: str


class FormerHour(msgspec.Struct, frozen=True):
    """A row of the hours as programs before schema version 10 wrote them, in the order of keys. It is pruned, and not read."""

    key_id: str
    hour: int
    requests: int


LAST_USES = Table("key_uses", LastUse, since=4, references={"key_id": "keys"}, copied=False)
HOURS = Table("key_use_hours", HourOfUse, since=10, key=("hour", "key_id"), copied=False)
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
    "INSERT INTO key_use_hours (hour, key_id, requests, last_used, last_source)"
    " SELECT hour, key_id, requests, hour, '' FROM key_hours;\n",
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
    first = -(-math.ceil(since) // _HOUR) * _HOUR
    now = time.time()
    folded = yield from _folded()
    unfolded = int(now) // _HOUR * _HOUR if folded is None else folded[0]
    until = int(now) + FUTURE_SECONDS
    hours = range(max(min(first, unfolded), until - USAGE_DAYS * 86400 // _HOUR * _HOUR) // _HOUR * _HOUR, until, _HOUR)
    for begin in range(0, len(key_ids), _KEYS_AT_ONCE):
        ids = key_ids[begin : begin + _KEYS_AT_ONCE]
        condition = f"key_id IN (SELECT id FROM keys WHERE id IN ({placeholders(len(ids))}))"  # noqa: S608 - names of our own, as in all of this module
        for key_id, used, source in (yield from execute(f"{LAST_USES.select_sql} WHERE {condition}", *ids)):
            usage[key_id] = Usage(used, source, {})
        named_hours = placeholders(len(hours), len(ids))
        select = f"{HOURS.select_sql} WHERE {condition} AND hour IN ({named_hours}) ORDER BY hour"
        for hour, key_id, requests, used, source in (yield from execute(select, *ids, *hours)):
            use = usage.get(key_id) or Usage(None, "", {})
            if use.last_used is None or use.last_used > now + FUTURE_SECONDS or used > use.last_used:
                use = Usage(used, source, use.hours)
            usage[key_id] = use
            if hour >= since:
                use.hours[hour] = requests
    return usage


def fold(now: float, present: str) -> Statements[None]:
    """Write the last uses of hours that are over to the table of last uses: the next FOLDED_HOURS rows.

    `now` is in seconds since 1970. `present` is a condition in SQL for the keys that exist, whose id is `hours.key_id`.
    The position is a value of `meta`.
    """
    position = yield from _folded()
    newest = (int(now) - FOLDED_SECONDS) // _HOUR * _HOUR - _HOUR
    if position is None:
        yield from execute("INSERT INTO meta (name, value) VALUES ($1, $2) RETURNING name", _FOLDED, f"{newest} {_END}")
        return
    if position >= (newest, _END):
        return
    ((hour,),) = yield from execute("SELECT min(hour) FROM key_use_hours WHERE (hour, key_id) > ($1, $2)", *position)
    if hour is None or hour > newest:
        reached = (newest, _END)
    else:
        after = position[1] if position[0] == hour else ""
        rows = yield from execute(
            "SELECT key_id FROM key_use_hours WHERE hour = $1 AND key_id > $2 ORDER BY key_id LIMIT $3",
            hour, after, FOLDED_HOURS,
        )  # fmt: skip
        reached = (hour, rows[-1][0] if len(rows) == FOLDED_HOURS else _END)
        yield from execute(
            "INSERT INTO key_uses (key_id, used, source)"  # noqa: S608 - names of our own
            " SELECT key_id, last_used, last_source FROM key_use_hours AS hours"
            f" WHERE hour = $1 AND key_id > $2 AND key_id <= $3 AND {present} {NEWER_USE} RETURNING key_id",
            hour, after, reached[1], now + FUTURE_SECONDS,
        )  # fmt: skip
    yield from execute(
        "UPDATE meta SET value = $2 WHERE name = $1 RETURNING name", _FOLDED, f"{reached[0]} {reached[1]}"
    )


def _folded() -> Statements[tuple[int, str] | None]:
    """Return the hour and the key id of the last row that has been folded; None if nothing has been counted yet."""
    rows = yield from execute("SELECT value FROM meta WHERE name = $1", _FOLDED)
    if not rows:
        return None
    hour, _, key_id = rows[0][0].partition(" ")
    return int(hour), key_id


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
