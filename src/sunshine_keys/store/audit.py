"""The audit trail: who did what to what, from where, by which request, and what came of it.

Each entry holds a hash over itself and its predecessor's hash, so that none can be changed, left out or moved without
every later hash changing too. Whoever can write the store can write a whole new chain: to notice that, keep a hash of
its end elsewhere. No entry holds a secret, a token or anything else that a request sent unchecked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from sunshine_keys.store.changes import Change
from sunshine_keys.store.origin import Origin

START = bytes(32)
"""What the first entry has for its predecessor's hash."""

DONE = "done"
UNCHANGED = "unchanged"


_SHOWN = re.compile(r"[A-Za-z0-9_.\-]{0,28}", re.ASCII)


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
        return self.hash == _hash(previous, self.told())

    def told(self) -> tuple[int | str, ...]:
        """All but the hash."""
        fields: tuple[int | str, ...] = msgspec.structs.astuple(self)[:-1]
        return fields


class Wanted(msgspec.Struct, frozen=True):
    """Which entries are asked for; an empty text is any.

    `app_id`: what was done in an app, and what was refused in the name of a key that it has now. `owner_id`: an app or
    integration that the resource is of. `key_id`: who did it, or whom it was done to. `since` as entries tell times.
    """

    app_id: str = ""
    owner_id: str = ""
    key_id: str = ""
    action: str = ""
    since: str = ""


class Head(msgspec.Struct, frozen=True):
    """The end of a chain."""

    sequence: int = 0
    hash: bytes = START

    def next(self, origin: Origin, change: Change[object], outcome: str, time: str) -> Entry:
        told = (
            self.sequence + 1, time, origin.actor, origin.source, origin.request_id,
            change.action, _harmless(change.resource), outcome, change.note,
        )  # fmt: skip
        return Entry(*told, _hash(self.hash, told))


class Broken(Exception):
    """The chain does not hold at an entry; its message says which."""


def check(entries: Iterable[Entry], head: Head) -> Head:
    """Follow the chain from `head` through `entries`, and return its new end. Raises Broken."""
    for entry in entries:
        if entry.sequence != head.sequence + 1:
            raise Broken(f"entry {head.sequence + 1} is missing: entry {entry.sequence} follows entry {head.sequence}")
        if not entry.follows(head.hash):
            raise Broken(f"entry {entry.sequence} of {entry.time} does not fit: it, or one before it, was changed")
        head = Head(entry.sequence, entry.hash)
    return head


def now() -> str:
    return told_time(datetime.now(UTC))


def told_time(moment: datetime) -> str:
    """A time in UTC as entries tell it: to the millisecond, and in an order that is the texts' own."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _harmless(resource: str) -> str:
    """A path with no more in it than an id could be: what was sent for an id might be anything, a secret even."""
    return "/".join(part if _SHOWN.fullmatch(part) else "…" for part in resource.split("/"))


def _hash(previous: bytes, told: tuple[int | str, ...]) -> bytes:
    return hashlib.sha256(previous + msgspec.json.encode(told)).digest()
