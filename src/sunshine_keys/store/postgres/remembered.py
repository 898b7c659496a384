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

from sunshine_keys.store.audit import Head
from sunshine_keys.store.change import Revokes, actions, adding_actions

LEASE_SECONDS = 2.0
"""Seconds for which a node may use its memory after a contact with the database. A DELETE waits no longer for a silent node."""

CLOCK_MARGIN = 1.1
"""Other nodes wait for a lease times this factor: the rates of two clocks may differ by as much."""

MOST_KEYS = 100_000
"""The most keys remembered, of about 400 bytes each."""

MOST_MISSING = 10_000
"""The most ids remembered that have no key. They do not displace keys."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # it also counts while the machine is suspended


def clock() -> float:
    return time.clock_gettime(_CLOCK)


def harmless_actions() -> list[str]:
    """Return the audited actions that neither take keys away, change them nor add any. Unknown actions may do all of it."""
    adding = adding_actions()
    return sorted(name for name, revokes in actions().items() if revokes is Revokes.NOTHING and name not in adding)


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


class RememberedKeys:
    """Keys, and ids without a key, as they were when the audit trail had reached `sequence`.

    `head` is the newest entry of the trail that any read has seen: all that is remembered was read from a database whose
    trail was a beginning of the trail up to `head`. The least recently used keys are forgotten first.
    """

    def __init__(self, most: int = MOST_KEYS, most_missing: int = MOST_MISSING) -> None:
        self.head = Head()
        self.sequence = 0
        self._keys: OrderedDict[str, Any] = OrderedDict()
        self._missing: OrderedDict[str, None] = OrderedDict()
        self._most = most
        self._most_missing = most_missing

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key_id: str) -> Any:
        key = self._keys.get(key_id)
        if key is not None:
            self._keys.move_to_end(key_id)
        return key

    def is_missing(self, key_id: str) -> bool:
        """Return True if the id was read and had no key."""
        return key_id in self._missing

    def advance(self, head: Head, *, continues: bool) -> None:
        """Take the head of the trail that a read saw. If that trail does not contain `self.head`, forget everything.

        Then the database was set back to an earlier moment, or this is another database.
        """
        if not continues:
            self.forget_all()
            self.sequence = head.sequence
        self.head = head

    def keep(self, keys: Iterable[Any], missing: Iterable[str] = ()) -> None:
        """Remember what the read found whose head `advance` took last."""
        for key in keys:
            self._keys[key.id] = key
        self._missing.update(dict.fromkeys(missing))
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)
        while len(self._missing) > self._most_missing:
            self._missing.popitem(last=False)

    def follow(self, entries: Iterable[tuple[str, str]]) -> None:
        """Forget what the entries up to `head` have changed: `entries` has the action and resource of each new one.

        Entries with an action of `harmless_actions` may be left out. The outcome does not matter: a DELETE that finds no
        key may be of a key that was removed without an entry.
        """
        revoked, adding = actions(), adding_actions()
        for action, resource in entries:
            last_id = resource.rpartition("/")[2]
            self._forget(revoked.get(action, Revokes.ANY_KEY), last_id)
            if action in revoked and (last_id or action not in adding):
                self._missing.pop(last_id, None)
            else:
                self._missing.clear()
        self.sequence = self.head.sequence

    def forget_all(self) -> None:
        self._keys.clear()
        self._missing.clear()

    def _forget(self, revokes: Revokes, owner_id: str) -> None:
        match revokes:
            case Revokes.NOTHING:
                pass
            case Revokes.KEY:
                self._keys.pop(owner_id, None)
            case Revokes.KEYS_OF_INTEGRATION | Revokes.KEYS_OF_APP:
                owned = [key.id for key in self._keys.values() if getattr(key, revokes.value) == owner_id]
                for key_id in owned:
                    del self._keys[key_id]
            case _:  # any key may be different now
                self.forget_all()
