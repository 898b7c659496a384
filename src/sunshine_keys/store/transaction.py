"""One transaction of a store: several changes, each applied by itself, and the audit trail's entry for each."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from sunshine_keys.errors import Conflict, ServiceError, Unauthorized
from sunshine_keys.store import answers, audit, sealing
from sunshine_keys.store.answers import StoredAnswer
from sunshine_keys.store.change import Change, Idempotency, Origin, Refused, Superseded
from sunshine_keys.store.seal_format import sealed_under
from sunshine_keys.store.sealing import SealingKeyChanged
from sunshine_keys.store.statements import ConstraintBroken, Statements, execute

logger = logging.getLogger("sunshine_keys.store")

_ACTOR = (
    "SELECT 1 FROM keys WHERE id = $1 AND (expires_at IS NULL OR (expires_at > $2 AND coalesce(notice, '') <> 'ended'))"
)
"""SQL for whether the key $1 exists and has not ended at $2."""


class Job:
    """One change to apply. `sealed_answer` is stored for a repetition of it.

    After the transaction, the job has a `result` or an `error`. `replay` is the stored answer if the change was applied
    before. `entry` is the number and the hash of the change's entry in the audit trail.
    """

    __slots__ = ("change", "entry", "error", "origin", "replay", "result", "sealed_answer")

    def __init__(self, origin: Origin, change: Change[Any], sealed_answer: bytes | None = None) -> None:
        self.origin = origin
        self.change = change
        self.sealed_answer = sealed_answer
        self.result: Any = None
        self.replay: bytes | None = None
        self.error: BaseException | None = None
        self.entry = audit.Head()


def actions_of(jobs: Sequence[Job]) -> list[str]:
    """Return the actions of changes that were made and have an entry in the audit trail."""
    return [job.change.action for job in jobs if job.entry.sequence and job.error is None and job.result is not False]


class _Cache:
    """Values that this transaction has read: existing keys, and the id of the current sealing key (None: not read yet)."""

    __slots__ = ("actors", "sealing_key_id")

    def __init__(self) -> None:
        self.actors: set[str] = set()
        self.sealing_key_id: str | None = None

    def forget(self, change: Change[Any]) -> None:
        """Drop the values that `change` may have changed."""
        if change.revokes:
            self.actors.clear()
            self.sealing_key_id = None


class PartialWrite(Exception):
    """A change failed after it had written. Roll the transaction back, and apply each change in a transaction of its own."""


def apply_all(jobs: Sequence[Job], now: float | None = None) -> Statements[None]:
    """Yield the statements between BEGIN and COMMIT, and set the result or the error of each job. Raises PartialWrite.

    `now` is the time of stored answers and of the ends of keys, in seconds since 1970; None means this machine's clock.
    """
    head = yield from audit.read_head()
    now = time.time() if now is None else now
    entries: list[audit.Entry] = []
    cache = _Cache()
    for job in jobs:
        job.result = job.replay = job.error = None
        job.entry = audit.Head()
        outcome = audit.DONE
        try:
            yield from _apply(job, now, cache)
        except ServiceError as error:
            job.error, outcome = error, error.code
        except (SealingKeyChanged, Superseded) as error:
            job.error = error
            continue  # nothing was written, so the trail has no entry
        cache.forget(job.change)
        if job.replay is not None or not job.change.audited:
            continue  # the first request of a repetition has the entry
        if isinstance(job.change, Refused):
            outcome = job.change.code
        elif job.result is False:
            outcome = audit.UNCHANGED
        entry = head.next(job.origin, job.change, outcome, audit.now(), job.result)
        job.entry = head = audit.Head(entry.sequence, entry.hash)
        entries.append(entry)
    if any(job.sealed_answer is not None for job in jobs):
        yield from answers.prune(now)
    if entries:
        yield audit.insert(entries)


def apply_unaudited(jobs: Sequence[Job], now: float | None = None) -> Statements[None]:
    """Do the same as `apply_all` for a store without an audit trail and without keys. Raises PartialWrite.

    The result of a change whose origin has an idempotency is the answer, as bytes. A repetition has it as its `replay`.
    """
    now = time.time() if now is None else now
    for job in jobs:
        job.result = job.replay = job.error = None
        try:
            yield from _apply_unaudited(job, now)
        except ServiceError as error:
            job.error = error
    if any(job.origin.idempotency is not None for job in jobs):
        yield from answers.prune(now)


def _apply_unaudited(job: Job, now: float) -> Statements[None]:
    idempotency = job.origin.idempotency
    if idempotency is not None:
        job.replay = yield from _stored_answer(idempotency, now)
        if job.replay is not None:
            return
    job.result = yield from _apply_whole(job.change)
    if idempotency is not None:
        yield from answers.keep(StoredAnswer(idempotency.id, idempotency.fingerprint, job.result, int(now)))


def _stored_answer(idempotency: Idempotency, now: float) -> Statements[bytes | None]:
    """Return the answer if the request was applied before. Raises Conflict if that was a different request."""
    answer = yield from answers.find(idempotency.id, now)
    if answer is None:
        return None
    if answer.fingerprint != idempotency.fingerprint:
        raise Conflict
    return answer.sealed_answer


def _apply(job: Job, now: float, cache: _Cache) -> Statements[None]:
    """Apply a job's change, unless it was applied before."""
    actor = job.origin.key_id
    if actor is not None and actor not in cache.actors and not isinstance(job.change, Refused):
        if not (yield from execute(_ACTOR, actor, now)):
            raise Unauthorized
        cache.actors.add(actor)
    idempotency = job.origin.idempotency
    if idempotency is not None and job.sealed_answer is not None:
        job.replay = yield from _stored_answer(idempotency, now)
        if job.replay is not None:
            return
    yield from _require_current_seals(job, cache)
    job.result = yield from _apply_whole(job.change)
    if idempotency is not None and job.sealed_answer is not None:
        yield from answers.keep(StoredAnswer(idempotency.id, idempotency.fingerprint, job.sealed_answer, int(now)))


def _require_current_seals(job: Job, cache: _Cache) -> Statements[None]:
    """Raise SealingKeyChanged if a value is not sealed under the current key.

    So nothing new is sealed under the previous key once a rotation has begun.
    """
    seals = job.change.seals if job.sealed_answer is None else [*job.change.seals, job.sealed_answer]
    if not seals:
        return
    if cache.sealing_key_id is None:
        recorded = yield from sealing.read()
        cache.sealing_key_id = recorded.current if recorded else ""
    if any(sealed_under(seal) != cache.sealing_key_id for seal in seals):
        raise SealingKeyChanged(cache.sealing_key_id)


def _apply_whole(change: Change[Any]) -> Statements[Any]:
    """Apply one change. Raises PartialWrite if it fails after it has written."""
    statements = change.apply()
    wrote = False
    try:
        statement = next(statements)
        while True:
            rows = yield statement
            wrote = wrote or (bool(rows) and not statement.sql.startswith("SELECT"))
            statement = statements.send(rows)
    except StopIteration as end:
        return end.value
    except ConstraintBroken as error:
        logger.error("%s broke a constraint: %s", type(change).__name__, error)
        raise PartialWrite from error
    except ServiceError as error:
        if wrote:
            raise PartialWrite from error
        raise
