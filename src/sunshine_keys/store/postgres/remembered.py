"""The keys that a node remembers, and for how long it may use them. No I/O; docs/revocation.md has the argument.

A node uses what it remembers only while it holds a lease, and a lease is renewed only by a contact with the database
that also returns every change since the last one. A DELETE of a key therefore has to wait only for the nodes that hold a
lease: until each has reported that it has followed the audit trail so far, or its lease is over.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from sunshine_keys.store.change import Revokes, actions

LEASE_SECONDS = 2.0
"""How long a node may use its memory after a contact with the database: a DELETE waits no longer for a silent node."""

CLOCK_MARGIN = 1.1
"""How much longer others wait than a lease lasts: clocks may run at rates that differ by this factor."""

MOST_KEYS = 100_000
"""The most keys remembered, of about 400 bytes each."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # it also counts while the machine is suspended


def clock() -> float:
    return time.clock_gettime(_CLOCK)


def harmless_actions() -> list[str]:
    """Return the audited actions that take no key away and change none. Others, and unknown ones, may."""
    return sorted(action for action, revokes in actions().items() if revokes is Revokes.NOTHING)


class Lease:
    """A lease counts from before it was requested, so that it ends here before it ends for the other nodes."""

    def __init__(self) -> None:
        self._end = 0.0

    def renewed(self, requested_at: float) -> None:
        self._end = max(self._end, requested_at + LEASE_SECONDS)

    def given_up(self) -> None:
        self._end = 0.0

    def is_held(self) -> bool:
        return clock() < self._end


class Heartbeats:
    """When each node's row was first seen with its current value, by this process's clock.

    A row that stays unchanged for longer than a lease belongs to a node without a lease: its last renewal was written
    before it was seen, and counts from before it was written. No other clock matters.
    """

    def __init__(self) -> None:
        self._first_seen: dict[tuple[str, int], float] = {}

    def silent(self, rows: Iterable[tuple[str, int]], now: float) -> list[tuple[str, int]]:
        """Return the rows that have been the same for longer than a lease lasts."""
        self._first_seen = {row: self._first_seen.get(row, now) for row in rows}
        return [row for row, since in self._first_seen.items() if now - since > LEASE_SECONDS * CLOCK_MARGIN]


class RememberedKeys:
    """Keys as they were when the audit trail had reached `sequence`. The least recently used are forgotten first."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        self.sequence = 0
        self._keys: OrderedDict[str, Any] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key_id: str) -> Any:
        key = self._keys.get(key_id)
        if key is not None:
            self._keys.move_to_end(key_id)
        return key

    def keep(self, keys: Iterable[Any], as_of: int) -> None:
        """Remember keys that were read when the trail had reached `as_of`, unless it has been followed since.

        A read from before a deletion may arrive after it.
        """
        if as_of != self.sequence:
            return
        for key in keys:
            self._keys[key.id] = key
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)

    def follow(self, sequence: int, entries: Iterable[tuple[str, str]]) -> None:
        """Forget what the trail up to `sequence` has taken away.

        `entries` are the action and the resource of its entries whose action is not one of `harmless_actions`.
        """
        revoked = actions()
        for action, resource in entries:
            self._forget(revoked.get(action, Revokes.ANY_KEY), resource.rpartition("/")[2])
        self.sequence = sequence

    def forget_all(self, sequence: int) -> None:
        self._keys.clear()
        self.sequence = sequence

    def _forget(self, revokes: Revokes, owner_id: str) -> None:
        match revokes:
            case Revokes.KEY:
                self._keys.pop(owner_id, None)
            case Revokes.KEYS_OF_INTEGRATION | Revokes.KEYS_OF_APP:
                owned = [key.id for key in self._keys.values() if getattr(key, revokes.value) == owner_id]
                for key_id in owned:
                    del self._keys[key_id]
            case _:  # whichever it was, any key may be another now
                self._keys.clear()
