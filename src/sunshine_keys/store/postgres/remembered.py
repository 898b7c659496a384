"""The keys a node remembers, and for how long it may go by its memory. No I/O; docs/revocation.md has the argument.

A node goes by what it remembers only while it holds a lease, and a lease is renewed only by a contact with the database
that also tells of every change since the last one. So whoever deletes a key has to wait only for the nodes that hold a
lease: until each has said that it has followed the trail so far, or its lease is over.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable

from sunshine_keys.keys.model import Key

LEASE_SECONDS = 2.0
"""How long a node may go by its memory after a contact with the database: DELETE waits no longer for a silent node."""

CLOCK_MARGIN = 1.1
"""How much longer the others wait than a lease lasts: clocks may run at rates that differ by this factor."""

MOST_KEYS = 100_000
"""Of about 400 bytes each."""

HARMLESS = (
    "app.create", "app.update", "integration.create", "integration.update", "key.create", "key.show", "request",
    "console.sign_in", "console.sign_out",
)  # fmt: skip
"""Actions that take no key away, nor change one; whatever else is in the trail may."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # counts while the machine is suspended, too


def clock() -> float:
    return time.clock_gettime(_CLOCK)


class Lease:
    """Counted from before it was asked for, so that it ends here before the database lets it end."""

    def __init__(self) -> None:
        self._end = 0.0

    def renewed(self, asked_at: float) -> None:
        self._end = max(self._end, asked_at + LEASE_SECONDS)

    def given_up(self) -> None:
        self._end = 0.0

    def is_held(self) -> bool:
        return clock() < self._end


class Pulses:
    """When each node's row was first seen as it is, by this process's clock: one that stays so has no lease any more.

    Its last renewal was written before it was seen, and counted from before it was written. No other clock matters.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], float] = {}

    def silent(self, rows: Iterable[tuple[str, int]], now: float) -> list[tuple[str, int]]:
        """The rows that have been the same for longer than a lease lasts."""
        self._seen = {(node, renewals): self._seen.get((node, renewals), now) for node, renewals in rows}
        return [row for row, since in self._seen.items() if now - since > LEASE_SECONDS * CLOCK_MARGIN]


class RememberedKeys:
    """Keys as they were when the audit trail had reached `sequence`; those used longest ago are forgotten first."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        self.sequence = 0
        self._keys: OrderedDict[str, Key] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key_id: str) -> Key | None:
        key = self._keys.get(key_id)
        if key is not None:
            self._keys.move_to_end(key_id)
        return key

    def keep(self, keys: Iterable[Key], as_of: int) -> None:
        """Remember keys that were read when the trail had reached `as_of`; not if it has been followed since.

        What has been read before a deletion may arrive after it.
        """
        if as_of != self.sequence:
            return
        for key in keys:
            self._keys[key.id] = key
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)

    def follow(self, sequence: int, revocations: Iterable[tuple[str, str]]) -> None:
        """Forget what the trail up to `sequence` has taken away: the actions and resources of its entries that are not `HARMLESS`."""
        for action, resource in revocations:
            self._follow(action, resource.rpartition("/")[2])
        self.sequence = sequence

    def forget_all(self, sequence: int) -> None:
        self._keys.clear()
        self.sequence = sequence

    def _follow(self, action: str, owner: str) -> None:
        match action:
            case "key.delete":
                self._keys.pop(owner, None)
            case "integration.delete":
                self._drop(key.id for key in self._keys.values() if key.integration_id == owner)
            case "app.delete":
                self._drop(key.id for key in self._keys.values() if key.app_id == owner)
            case _:  # whatever it was, the keys may be others now
                self._keys.clear()

    def _drop(self, key_ids: Iterable[str]) -> None:
        for key_id in list(key_ids):
            del self._keys[key_id]
