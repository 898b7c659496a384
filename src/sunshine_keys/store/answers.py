"""Answers of creates, stored sealed for 24 hours: a repetition with the same Idempotency-Key gets the first answer."""

from __future__ import annotations

import msgspec

from sunshine_keys.store.change import IDEMPOTENCY_SECONDS
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.table import Index, Table

_PRUNED_AT_ONCE = 100
_KEEP = (
    "INSERT INTO idempotency (id, fingerprint, sealed_answer, created) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO"
    " UPDATE SET fingerprint = excluded.fingerprint, sealed_answer = excluded.sealed_answer, created = excluded.created"
    " RETURNING created"
)
_PRUNE = (
    "DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency WHERE created <= $1 ORDER BY created"  # noqa: S608 - a number of our own
    f" LIMIT {_PRUNED_AT_ONCE}) RETURNING created"
)


class StoredAnswer(msgspec.Struct, frozen=True):
    """`id` and `fingerprint` are those of `Idempotency`; `created` is in seconds since 1970."""

    id: bytes
    fingerprint: bytes
    sealed_answer: bytes
    created: int


TABLE = Table(
    "idempotency",
    StoredAnswer,
    since=2,
    indexes=(Index("idempotency_by_age", ("created",)),),
    sealed="sealed_answer",
    title="answers",
)


def find(id: bytes, now: float) -> Statements[StoredAnswer | None]:
    """Return the stored answer if it is not older than 24 hours."""
    return TABLE.first_of("WHERE id = $1 AND created > $2", id, int(now) - IDEMPOTENCY_SECONDS)


def keep(answer: StoredAnswer) -> Statements[None]:
    """Store an answer. Replace an expired one with the same id."""
    yield from execute(_KEEP, *TABLE.to_row(answer))


def prune(now: float) -> Statements[None]:
    """Delete up to 100 expired answers."""
    yield from execute(_PRUNE, int(now) - IDEMPOTENCY_SECONDS)
