"""Up to where the operator has been notified: a record in the store, replaced by compare-and-swap, not audited."""

from __future__ import annotations

import msgspec

from sunshine_keys.store.audit import Head
from sunshine_keys.store.change import Change
from sunshine_keys.store.sealing import META, NOTIFIED, MetaValue
from sunshine_keys.store.statements import Statements


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last entry of the audit trail that is done: its event was sent, or it has none.

    `owner` is the process that sends at the moment, "" if there is none; it counts `beats`. The next event has failed
    `failures` times; `error` says why at the last attempt. `refused_since` is the time of the first attempt that reached the
    target, and `due` that of the next attempt, in seconds since 1970; 0 means that there is none. `sent` is the time of the
    last success, in the form of the trail's times.
    """

    sequence: int
    hash: str
    owner: str = ""
    beats: int = 0
    failures: int = 0
    error: str = ""
    refused_since: float = 0
    due: float = 0
    sent: str = ""

    def at(self, head: Head) -> Position:
        """Return this position, moved to an entry, with no failures."""
        return msgspec.structs.replace(
            self, sequence=head.sequence, hash=head.hash.hex(), failures=0, error="", refused_since=0, due=0
        )


def read() -> Statements[Position | None]:
    """Return the record; None if nothing has followed this trail yet."""
    row = yield from META.get(NOTIFIED)
    return None if row is None else msgspec.json.decode(row.value, type=Position)


class Replace(Change[bool], frozen=True):
    """Replace the record if it still equals `expected`. Return False if it does not."""

    action = "notifications.replace"
    audited = False
    expected: Position | None
    position: Position

    def apply(self) -> Statements[bool]:
        if (yield from read()) != self.expected:
            return False
        row = MetaValue(NOTIFIED, msgspec.json.encode(self.position).decode())
        yield META.put_row(META.to_row(row))
        return True
