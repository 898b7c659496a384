"""Lists of keys: each with its use, its end and its rotation, and filters for those that need a look."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sunshine_keys.console.charts import HOUR, Chart
from sunshine_keys.console.moments import in_words
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import created
from sunshine_keys.keys.lifetime import DAY_SECONDS
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.rotations import Rotation, rotations_of
from sunshine_keys.keys.usage import Usage, usage_of

DAYS = 7
"""How many days a chart of a key's use covers."""

UNUSED_DAYS, ENDING_DAYS = 90, 30
"""The days of the filters. A key that ends within ENDING_DAYS says so in its status."""

FILTERS = {
    "unused": f"Unused for {UNUSED_DAYS} days",
    "expiring": f"Expiring within {ENDING_DAYS} days, or expired",
}
"""The filters by their names in the query `keys`."""

_BARS = 28


class Status(msgspec.Struct, frozen=True):
    """What a badge says of a key. `kind` is the class of the badge: "", "open" or "bad"."""

    text: str
    kind: str = ""

    @classmethod
    def of(cls, key: Key, rotation: Rotation | None, now: float) -> Status:
        """Return the status at `now`, in seconds since 1970. `rotation` is that of the key, if another one replaces it."""
        if key.has_ended(now):
            return cls("expired", "bad")
        if rotation is not None:
            return cls("being replaced", "open")
        if key.expires_at is not None and key.expires_at - now <= ENDING_DAYS * DAY_SECONDS:
            return cls(f"expires {in_words(key.expires_at - now)}", "open")
        return cls("live")


class KeyRow(msgspec.Struct, frozen=True):
    """`use` is None for a key without recorded use, `successor` for a key that no other one replaces."""

    key: Key
    use: Usage | None
    chart: Chart
    status: Status
    end_in_words: str
    successor: str | None

    def is_unused(self, now: float) -> bool:
        """Return True if the key is older than UNUSED_DAYS, and nobody has used it for so long."""
        used = 0.0 if self.use is None else self.use.last_used or 0.0
        return now - max(used, created(self.key.id) or 0.0) >= UNUSED_DAYS * DAY_SECONDS

    def is_ending(self, now: float) -> bool:
        """Return True if the key ends within ENDING_DAYS, or has ended."""
        return self.key.expires_at is not None and self.key.expires_at - now <= ENDING_DAYS * DAY_SECONDS


class KeyFilter(msgspec.Struct, frozen=True):
    """A link to a part of a list. `name` is "" for the whole list."""

    name: str
    title: str
    count: int
    path: str


class KeyList(msgspec.Struct, frozen=True):
    """A list of keys. `live` is the number of all keys that have not ended, `shown` the name of the filter, or ""."""

    path: str
    rows: list[KeyRow]
    filters: list[KeyFilter]
    shown: str
    live: int
    count: int


def use_since(now: float) -> float:
    """Return the start of the first hour that a chart shows."""
    return (now // HOUR - DAYS * 24 + 1) * HOUR


async def key_list(visit: SignedInRequest, keys: Sequence[Key], page_path: str, path: str) -> KeyList:
    """Return those of an owner's keys that the query asks for, with their filters.

    `page_path` is the path of the page with the list; the page of a key is below `path`. Raises BadRequest.
    """
    shown = visit.request.query_params.get("keys", "")
    if shown and shown not in FILTERS:
        raise BadRequest("There is no such list of keys")
    now = visit.engine.store.now()
    rows = await _rows(visit, keys, now)
    parts = {
        "": rows,
        "unused": [row for row in rows if row.is_unused(now)],
        "expiring": [row for row in rows if row.is_ending(now)],
    }
    filters = [
        KeyFilter(name, title, len(parts[name]), f"{page_path}?keys={name}#keys" if name else f"{page_path}#keys")
        for name, title in ({"": "All"} | FILTERS).items()
    ]
    live = sum(not row.key.has_ended(now) for row in rows)
    return KeyList(path, parts[shown], filters, shown, live, len(rows))


async def _rows(visit: SignedInRequest, keys: Sequence[Key], now: float) -> list[KeyRow]:
    if not keys:
        return []
    store, ids = visit.engine.store, [key.id for key in keys]
    used = await store.read(usage_of(ids, use_since(now)))
    rotations = {rotation.key_id: rotation for rotation in await store.read(rotations_of(ids))}
    return [row_of(key, used.get(key.id), rotations.get(key.id), now) for key in keys]


def row_of(key: Key, use: Usage | None, rotation: Rotation | None, now: float) -> KeyRow:
    """Return the row of a key at `now`, in seconds since 1970. `rotation` is None unless another key replaces it."""
    chart = Chart.of(use.hours if use else {}, now, days=DAYS, bars=_BARS)
    end = "" if key.expires_at is None else in_words(key.expires_at - now)
    return KeyRow(key, use, chart, Status.of(key, rotation, now), end, rotation.successor_id if rotation else None)
