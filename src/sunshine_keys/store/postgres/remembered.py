"""The keys that a node remembers, and the lease that limits their use. No I/O. docs/revocation.md explains why it is safe.

A node uses the keys that it remembers only while it holds a lease. A contact with the database renews the lease, and
returns every change since the last contact. A DELETE of a key therefore has to wait only for the nodes that hold a lease:
until each of them has reported that it has followed the audit trail up to the DELETE, or its lease has ended.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from sunshine_keys.store.change import Revokes, actions

LEASE_SECONDS = 2.0
"""Seconds for which a node may use its memory after a contact with the database. A DELETE waits no longer for a silent node."""

CLOCK_MARGIN = 1.1
"""Other nodes wait for a lease times this factor: the rates of two clocks may differ by as much."""

MOST_KEYS = 100_000
"""The most keys remembered, of about 400 bytes each."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # it also counts while the machine is suspended


def clock() -> float:
    return time.clock_gettime(_CLOCK)


def harmless_actions() -> list[str]:
    """Return the audited actions that neither take keys away nor change them. All other actions may, also unknown ones."""
    return sorted(action for action, revokes in actions().items() if revokes is Revokes.NOTHING)


class Lease:
    """The lease of this node. It counts from before its request, so it ends here before it ends for the other nodes."""

    def __init__(self) -> None:
        self._end = 0.0

    def renewed(self, requested_at: float) -> None:
        self._end = max(self._end, requested_at + LEASE_SECONDS)

    def given_up(self) -> None:
        self._end = 0.0

    def is_held(self) -> bool:
        return clock() < self._end


class Heartbeats:
    """The times at which each node's row was first seen with its current value, by this process's clock.

    A row that stays unchanged for longer than a lease belongs to a node without a lease: the node wrote its last renewal
    before the row was seen, and counts the lease from before that write. No other clock matters.
    """

    def __init__(self) -> None:
        self._first_seen: dict[tuple[str, int], float] = {}

    def silent(self, rows: Iterable[tuple[str, int]], now: float) -> list[tuple[str, int]]:
        """Return the rows that have not changed for longer than a lease lasts."""
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

        Otherwise the result of a read from before a deletion might arrive after the deletion was followed.
        """
        if as_of != self.sequence:
            return
        for key in keys:
            self._keys[key.id] = key
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)

    def follow(self, sequence: int, entries: Iterable[tuple[str, str]]) -> None:
        """Forget the keys that the trail up to `sequence` has taken away.

        `entries` has the action and the resource of each new entry whose action is not one of `harmless_actions`.
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
            case _:  # an unknown change: any key may be different now
                self._keys.clear()
