"""Changes by the processes that deliver."""

from __future__ import annotations

import msgspec

from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.events.model import CANCELLED, DELIVERED, FAILED, NO_OWNER, PENDING, Attempt, Delivery, Sender
from sunshine_messaging.events.table import DELIVERIES, SENDERS
from sunshine_messaging.moments import Milliseconds

_ROWS = 1000
"""The most rows that one change moves or deletes: the changes of requests wait behind it."""


class Settle(Change[bool], frozen=True):
    """Record an attempt of deliveries that were sent in one call. Return True if their queues hold further deliveries.

    Without an attempt, the webhook has been deleted. `dues` are the times of the next attempts, None where there is none.
    Deliveries that another process has taken over stay as they are.
    """

    action = "delivery.settle"
    audited = False
    process: str
    deliveries: list[Delivery]
    dues: list[Milliseconds | None]
    attempt: Attempt | None

    def apply(self) -> Statements[bool]:
        has_more = False
        for delivery, due in zip(self.deliveries, self.dues, strict=True):
            state = self._state(due)
            attempts = delivery.attempts
            if self.attempt is not None:
                attempts = [*attempts, msgspec.to_builtins(self.attempt)]
            owner = self.process if state == PENDING else None
            encoded = msgspec.json.encode(attempts).decode()
            yield from execute(_SETTLE, delivery.number, self.process, state, owner, due, encoded)
            if delivery.queue is not None and not has_more:
                has_more = bool((yield from execute(_IN_QUEUE, delivery.queue)))
        return has_more

    def _state(self, due: Milliseconds | None) -> str:
        if self.attempt is None:
            return CANCELLED
        if self.attempt.outcome == DELIVERED:
            return DELIVERED
        return FAILED if due is None else PENDING


_SETTLE = (
    "UPDATE deliveries SET state = $3, queue = NULL, owner = $4, due = $5, attempts = $6"
    " WHERE number = $1 AND owner = $2 RETURNING number"
)
_IN_QUEUE = "SELECT 1 FROM deliveries WHERE queue = $1 LIMIT 1"


class Beat(Change[bool], frozen=True):
    """Count a beat of a process, which `begins` to deliver or goes on. Return False if others have taken over its work."""

    action = "delivery.beat"
    audited = False
    process: str
    begins: bool

    def apply(self) -> Statements[bool]:
        rows = yield from execute("UPDATE senders SET beats = beats + 1 WHERE id = $1 RETURNING beats", self.process)
        if rows:
            return True
        if self.begins:
            yield from SENDERS.insert(Sender(self.process, 1))
        return self.begins


class TakeOver(Change[bool], frozen=True):
    """Take over some deliveries of a process that has not beaten since it had `beats` (None: it never did).

    Return True if it may have more. Return False, too, if it has beaten meanwhile.
    """

    action = "delivery.take_over"
    audited = False
    process: str
    owner: str
    beats: int | None

    def apply(self) -> Statements[bool]:
        sender = yield from SENDERS.get(self.owner)
        if sender is not None:
            if sender.beats != self.beats:
                return False
            yield from SENDERS.delete("id = $1", self.owner)
        return (yield from _move(self.owner, self.process))


class Leave(Change[bool], frozen=True):
    """Remove a process that stops, and let others take over what it has not delivered. Return True if there is more."""

    action = "delivery.leave"
    audited = False
    process: str

    def apply(self) -> Statements[bool]:
        yield from SENDERS.delete("id = $1", self.process)
        return (yield from _move(self.process, NO_OWNER))


def _move(owner: str, to: str) -> Statements[bool]:
    rows = yield from execute(
        "UPDATE deliveries SET owner = $1 WHERE number IN"
        " (SELECT number FROM deliveries WHERE owner = $2 ORDER BY number LIMIT $3) RETURNING number",
        to,
        owner,
        _ROWS,
    )
    return len(rows) == _ROWS


class Prune(Change[int | None], frozen=True):
    """Clear old events in the log from number `after` on, and delete lines of the log that are even older.

    Return the number to go on from, None if nothing else is that old.
    """

    action = "delivery.prune"
    audited = False
    after: int
    events_before: Milliseconds
    lines_before: Milliseconds

    def apply(self) -> Statements[int | None]:
        first = yield from execute("SELECT number, created, owner FROM deliveries ORDER BY number LIMIT $1", _ROWS)
        for number, created, owner in first:
            if created < self.lines_before and owner is None:
                yield from DELIVERIES.delete("number = $1", number)
        rows = yield from execute(
            "SELECT number, created, owner FROM deliveries WHERE number > $1 ORDER BY number LIMIT $2",
            self.after,
            _ROWS,
        )
        old = [row for row in rows if row[1] < self.events_before]
        for number, _, owner in old:
            if owner is None:
                yield from execute("UPDATE deliveries SET event = $2 WHERE number = $1 RETURNING number", number, b"")
        return old[-1][0] if old else None
