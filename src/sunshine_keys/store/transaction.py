"""One transaction of a store: several changes, each by itself, and what the audit trail says of each."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from sunshine_keys.errors import Conflict, ServiceError, Unauthorized
from sunshine_keys.sealing.format import sealed_under
from sunshine_keys.store import audit
from sunshine_keys.store.changes import Change, Refused, RotateSealing
from sunshine_keys.store.origin import IDEMPOTENCY_SECONDS, Origin
from sunshine_keys.store.sealing import SealingKeyChanged
from sunshine_keys.store.sql import changes, rows, sealing
from sunshine_keys.store.statements import ConstraintBroken, Steps, run

logger = logging.getLogger("sunshine_keys.store")

_PRUNED_AT_ONCE = 100


class Job:
    """One change to be made. `sealed_answer` is what a repetition of it is to be answered.

    What came of it is its `result` or its `error`; `replay` is the answer kept where it was done before. `sequence` is
    the number of its entry in the audit trail.
    """

    __slots__ = ("change", "error", "origin", "replay", "result", "sealed_answer", "sequence")

    def __init__(self, origin: Origin, change: Change[Any], sealed_answer: bytes | None = None) -> None:
        self.origin = origin
        self.change = change
        self.sealed_answer = sealed_answer
        self.result: Any = None
        self.replay: bytes | None = None
        self.error: BaseException | None = None
        self.sequence = 0


class _Known:
    """What this transaction has read already: keys that exist, and the current sealing key's id (None: not read)."""

    __slots__ = ("actors", "sealing_key_id")

    def __init__(self) -> None:
        self.actors: set[str] = set()
        self.sealing_key_id: str | None = None

    def after(self, change: Change[Any]) -> None:
        """Forget what `change` may have made untrue."""
        if change.revokes:
            self.actors.clear()
        if isinstance(change, RotateSealing):
            self.sealing_key_id = None


class Entangled(Exception):
    """A change failed after it had written: the transaction has to be rolled back, and each change tried alone."""


def apply_all(jobs: Sequence[Job]) -> Steps[None]:
    """What is to be done between BEGIN and COMMIT; sets each job's result or error. Raises Entangled."""
    head = rows.head((yield from run(rows.HEAD)))
    now = time.time()
    entries: list[audit.Entry] = []
    known = _Known()
    for job in jobs:
        job.result = job.replay = job.error = None
        outcome = audit.DONE
        try:
            yield from _apply(job, now, known)
        except ServiceError as error:
            job.error, outcome = error, error.code
        except SealingKeyChanged as error:
            job.error = error
            continue  # nothing was done, and the trail will tell of the next attempt
        known.after(job.change)
        if job.replay is not None or not job.change.audited:
            continue  # the trail tells of the first time already
        if isinstance(job.change, Refused):
            outcome = job.change.code
        elif job.result is False:
            outcome = audit.UNCHANGED
        entry = head.next(job.origin, job.change, outcome, audit.now())
        job.sequence = entry.sequence
        head = audit.Head(entry.sequence, entry.hash)
        entries.append(entry)
    if any(job.sealed_answer is not None for job in jobs):
        yield from _prune(now)
    if entries:
        yield from run(*rows.insert_entries(entries))


def _apply(job: Job, now: float, known: _Known) -> Steps[None]:
    """Apply a job's change if it is still to be made."""
    actor = job.origin.key_id
    if actor is not None and actor not in known.actors and not isinstance(job.change, Refused):
        if not (yield from run("SELECT 1 FROM keys WHERE id = $1", actor)):
            raise Unauthorized
        known.actors.add(actor)
    idempotency = job.origin.idempotency
    if idempotency is not None and job.sealed_answer is not None:
        kept = yield from run(rows.KEPT_ANSWER, idempotency.id, int(now) - IDEMPOTENCY_SECONDS)
        if kept:
            fingerprint, answer = kept[0]
            if fingerprint != idempotency.fingerprint:
                raise Conflict
            job.replay = answer
            return
    yield from _require_current_seals(job, known)
    job.result = yield from _alone(job.change)
    if idempotency is not None and job.sealed_answer is not None:
        yield from run(rows.KEEP_ANSWER, idempotency.id, idempotency.fingerprint, job.sealed_answer, int(now))


def _require_current_seals(job: Job, known: _Known) -> Steps[None]:
    """Raises SealingKeyChanged: once a rotation has begun, nothing more is sealed under the key before it."""
    seals = job.change.seals if job.sealed_answer is None else [*job.change.seals, job.sealed_answer]
    if not seals:
        return
    if known.sealing_key_id is None:
        recorded = yield from sealing.read()
        known.sealing_key_id = recorded.current if recorded else ""
    if any(sealed_under(each) != known.sealing_key_id for each in seals):
        raise SealingKeyChanged(known.sealing_key_id)


def _alone(change: Change[Any]) -> Steps[Any]:
    """Apply one change, and see that it does not fail half-way."""
    steps = changes.apply(change)
    wrote = False
    try:
        statement = next(steps)
        while True:
            found = yield statement
            wrote = wrote or (bool(found) and not statement.sql.startswith("SELECT"))
            statement = steps.send(found)
    except StopIteration as done:
        return done.value
    except ConstraintBroken as error:
        logger.error("%s broke a constraint: %s", type(change).__name__, error)
        raise Entangled from error
    except ServiceError as error:
        if wrote:
            raise Entangled from error
        raise


def _prune(now: float) -> Steps[None]:
    yield from run(rows.PRUNE_ANSWERS, int(now) - IDEMPOTENCY_SECONDS, _PRUNED_AT_ONCE)
