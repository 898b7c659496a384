"""The audit trail: who did what to what, from where, by which request, and with what outcome.

Each entry holds a hash over itself and its predecessor's hash. If an entry is changed, left out or moved, every later
hash would have to change too. Anyone who can write the store can write a whole new chain: to detect that, keep the hash of
the last entry in another place. No entry holds a secret, a token or any other unchecked part of a request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from sunshine_keys.store.change import Change, Origin
from sunshine_keys.store.statements import Statement, Statements, execute, placeholders
from sunshine_keys.store.table import Index, Migration, Table

START = bytes(32)
"""The predecessor's hash in the first entry."""

DONE = "done"
UNCHANGED = "unchanged"

REFUSED = "refused"
"""In a filter: every outcome except `done` and `unchanged`."""

HEAD_SQL = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1"

_SAFE_PART = re.compile(r"[A-Za-z0-9_.\-]{0,28}", re.ASCII)
_SAFE = re.compile(f"{_SAFE_PART.pattern}(?:/{_SAFE_PART.pattern})*", re.ASCII)
_encode = msgspec.json.Encoder().encode

_APP_AT = len("apps/") + 1
_INTEGRATION_AT = _APP_AT + 24 + len("/integrations/")
"""Where ids begin in a resource, counted from 1."""


class Entry(msgspec.Struct, frozen=True):
    """`actor` is a key's id, `operator` or `stranger`; `outcome` is `done`, `unchanged`, or the code of the error answered."""

    sequence: int
    time: str
    actor: str
    source: str
    request_id: str
    action: str
    resource: str
    outcome: str
    note: str
    hash: bytes

    def follows(self, previous: bytes) -> bool:
        """Return True if the hash is right for an entry after the one with the hash `previous`."""
        return self.hash == _hash(previous, self.hashed_fields())

    def hashed_fields(self) -> tuple[int | str, ...]:
        """Return all fields except the hash."""
        fields: tuple[int | str, ...] = msgspec.structs.astuple(self)[:-1]
        return fields


ENDS_OF_KEYS = "action IN ('key.delete', 'key.expire')"
"""SQL for whether an entry is the end of a single key."""

LAST_ID = "substr(resource, length(resource) - 27)"
"""SQL for the id of a key at the end of a resource."""

TABLE = Table("audit", Entry, since=2, indexes=(Index("audit_by_ended_key", (LAST_ID,), where=ENDS_OF_KEYS),))

MIGRATION = Migration(9, "audit", f"CREATE INDEX audit_by_ended_key ON audit ({LAST_ID}) WHERE {ENDS_OF_KEYS};\n")


class Wanted(msgspec.Struct, frozen=True):
    """A filter of entries. An empty text matches every entry.

    `app_id` selects changes in an app, and refused requests with a key that the app has now. `owner_id` selects the app or
    the integration that the resource belongs to, `key_id` the actor or the changed key. `since` is a time in the form of
    the entries. `outcome` is one of theirs, or `refused`.
    """

    app_id: str = ""
    owner_id: str = ""
    key_id: str = ""
    action: str = ""
    since: str = ""
    outcome: str = ""
    request_id: str = ""

    def condition(self, before: int, span: int) -> tuple[str, tuple[Any, ...]]:
        """Return the SQL condition, and its values, for the `span` entries before number `before`.

        Ids are compared whole, because a pattern would match an underscore with any character.
        """
        values: list[Any] = [before, before - span]
        parts = ["sequence < $1", "sequence >= $2"]

        def place(value: str) -> str:
            values.append(value)
            return f"${len(values)}"

        if self.app_id:
            path, app = place(f"apps/{self.app_id}/"), place(self.app_id)
            below = f"substr(resource || '/', 1, {len(self.app_id) + 6}) = {path}"
            of_its_keys = f"substr(resource, 6) IN (SELECT id FROM keys WHERE app_id = {app})"  # noqa: S608 - a placeholder
            parts.append(f"({below} OR (substr(resource, 1, 5) = 'keys/' AND {of_its_keys}))")
        if self.owner_id:
            owner, size = place(f"{self.owner_id}/"), len(self.owner_id) + 1
            parts.append(
                f"(substr(resource || '/', {_APP_AT}, {size}) = {owner}"
                f" OR substr(resource || '/', {_INTEGRATION_AT}, {size}) = {owner})"
            )
        if self.key_id:
            key = place(self.key_id)
            parts.append(f"(actor = {key} OR substr(resource, length(resource) - {len(self.key_id) - 1}) = {key})")
        if self.action:
            parts.append(f"action = {place(self.action)}")
        if self.since:
            parts.append(f"time >= {place(self.since)}")
        if self.outcome == REFUSED:
            parts.append(f"outcome NOT IN ({place(DONE)}, {place(UNCHANGED)})")
        elif self.outcome:
            parts.append(f"outcome = {place(self.outcome)}")
        if self.request_id:
            parts.append(f"request_id = {place(self.request_id)}")
        return " AND ".join(parts), tuple(values)


class Head(msgspec.Struct, frozen=True):
    """The last entry of a chain: its number and its hash."""

    sequence: int = 0
    hash: bytes = START

    def next(self, origin: Origin, change: Change[Any], outcome: str, time: str, result: object = None) -> Entry:
        """Return the entry of `change` that follows this end. `result` is that of the change; None if it was refused."""
        fields = (
            self.sequence + 1, time, origin.actor, origin.source, origin.request_id,
            change.action, _safe(change.resource), outcome, change.note_on(result),
        )  # fmt: skip
        return Entry(*fields, _hash(self.hash, fields))


class Broken(Exception):
    """The chain is broken. The message names the entry."""


def check(entries: Iterable[Entry], head: Head) -> Head:
    """Follow the chain from `head` through `entries`, and return its new end. Raises Broken."""
    for entry in entries:
        if entry.sequence != head.sequence + 1:
            raise Broken(f"entry {head.sequence + 1} is missing: entry {entry.sequence} follows entry {head.sequence}")
        if not entry.follows(head.hash):
            raise Broken(f"entry {entry.sequence} of {entry.time} does not fit: it, or one before it, was changed")
        head = Head(entry.sequence, entry.hash)
    return head


def entry_view(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON for people and programs."""
    return {
        "sequence": entry.sequence,
        "time": entry.time,
        "actor": entry.actor,
        "source": entry.source,
        "requestId": entry.request_id,
        "action": entry.action,
        "resource": entry.resource,
        "outcome": entry.outcome,
        "note": entry.note,
        "hash": entry.hash.hex(),
    }


def now() -> str:
    return format_time(datetime.now(UTC))


def format_time(moment: datetime) -> str:
    """Return a time in UTC in the form of the entries: to the millisecond, and sortable as text."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(time: str) -> float:
    """Return a time of an entry in seconds since 1970."""
    return datetime.fromisoformat(time).timestamp()


def read_head() -> Statements[Head]:
    rows = yield from execute(HEAD_SQL)
    return Head(*rows[0]) if rows else Head()


def insert(entries: list[Entry]) -> Statement:
    """Return the statement that adds the entries."""
    return Statement(_insert_sql(len(entries)), tuple(chain.from_iterable(map(msgspec.structs.astuple, entries))))


@lru_cache(64)
def _insert_sql(rows: int) -> str:
    width = len(TABLE.columns)
    values = ", ".join(f"({placeholders(width, after=row * width)})" for row in range(rows))
    return f"INSERT INTO audit ({', '.join(TABLE.names)}) VALUES {values} RETURNING sequence"  # noqa: S608 - placeholders


def entries_after(after: int, limit: int) -> Statements[list[Entry]]:
    """Return at most `limit` entries, in order, from the one that follows number `after`."""
    return TABLE.select("WHERE sequence > $1 ORDER BY sequence LIMIT $2", after, limit)


def last_wanted(wanted: Wanted, before: int, span: int, limit: int) -> Statements[list[Entry]]:
    """Return the last `limit` wanted entries, newest first, among the `span` entries before number `before`."""
    condition, values = wanted.condition(before, span)
    return TABLE.select(f"WHERE {condition} ORDER BY sequence DESC LIMIT {limit}", *values)


def end(until: str = "") -> Statements[int]:
    """Return the number of the last entry that is not after `until`; 0 if there is none.

    This is a binary search. It relies on the order of the entries' times, which is only as good as the clocks were.
    """
    low, high = 0, (yield from read_head()).sequence
    while until and low < high:
        middle = (low + high + 1) // 2
        rows = yield from execute("SELECT time FROM audit WHERE sequence = $1", middle)
        low, high = (middle, high) if rows and rows[0][0] <= until else (low, middle - 1)
    return high


def _safe(resource: str) -> str:
    """Replace path parts that cannot be an id. A client may have sent anything in place of an id, even a secret."""
    if _SAFE.fullmatch(resource):
        return resource
    return "/".join(part if _SAFE_PART.fullmatch(part) else "…" for part in resource.split("/"))


def _hash(previous: bytes, fields: tuple[int | str, ...]) -> bytes:
    return hashlib.sha256(previous + _encode(fields)).digest()
