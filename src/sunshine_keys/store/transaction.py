"""One transaction of a store: several changes, each applied by itself, and the audit trail's entry for each."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from sunshine_keys.errors import Conflict, ServiceError, Unauthorized
from sunshine_keys.store import answers, audit, sealing
from sunshine_keys.store.answers import StoredAnswer
from sunshine_keys.store.change import Change, Idempotency, Origin, Refused, Superseded
from sunshine_keys.store.seal_format import sealed_under
from sunshine_keys.store.sealing import SealingKeyChanged
from sunshine_keys.store.statements import ConstraintBroken, Row, Statements, execute, placeholders

logger = logging.getLogger("sunshine_keys.store")

_ACTOR = (
    "SELECT 1 FROM keys WHERE id = $1 AND (expires_at IS NULL OR (expires_at > $2 AND coalesce(notice, '') <> 'ended'))"
)
"""SQL for whether the key $1 exists and has not ended at $2."""

_STATE = f"""
SELECT * FROM (SELECT '' AS name, '' AS value, sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1) AS head
UNION ALL SELECT name, value, NULL, NULL FROM ({sealing.RECORDED}) AS recorded
UNION ALL SELECT '', id, NULL, NULL FROM keys
WHERE id IN ({{ids}}) AND (expires_at IS NULL OR (expires_at > $1 AND coalesce(notice, '') <> 'ended'))
""".strip()  # noqa: S608 - statements of our own
"""SQL for what nearly every transaction reads: the last entry of the trail, the sealing keys, and the keys that act.

It is one statement, because each takes a round trip to a database on another machine.
"""


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


class PartialWrite(Exception):
    """A change failed after it had written. Roll the transaction back, and apply each change in a transaction of its own."""


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """Sort jobs into waves, so that the jobs of a wave may be applied side by side, and the waves one after the other.

    The results are those of applying all jobs in order: a job is in a later wave than each earlier job that touches the same
    ids, or has the key that this one deletes.
    """
    waves: list[list[Job]] = []
    touched: dict[str | bytes | None, int] = {}
    acted: dict[str | bytes | None, int] = {}
    """The number of waves up to the last that touches an id, or that has a job by this key."""
    first = 0
    for job in jobs:
        actor, idempotency, touches = job.origin.key_id, job.origin.idempotency, job.change.touches
        if touches is None:
            number = len(waves)
            first = number + 1
        else:
            ids: list[str | bytes] = [*touches]
            if idempotency is not None:
                ids.append(idempotency.id)
            number = max(first, touched.get(actor, 0))
            for id in ids:
                number = max(number, touched.get(id, 0), acted.get(id, 0))
            for id in ids:
                touched[id] = number + 1
            acted[actor] = max(acted.get(actor, 0), number + 1)
        if number == len(waves):
            waves.append([])
        waves[number].append(job)
    return waves


class Transaction:
    """The statements of one transaction between BEGIN and COMMIT, in a store without an audit trail and without keys.

    `begin` comes first, then `apply` for each job, then `end`; `whole` is all of it in order. The jobs of one of the `waves` may
    also be applied side by side. Each job gets a result or an error. The result of a change whose origin has an idempotency
    is the answer, as bytes, and a repetition has it as its `replay`.

    `now` is the time of stored answers and of the ends of keys, in seconds since 1970; None means this machine's clock.
    """

    def __init__(self, jobs: Sequence[Job], now: float | None = None) -> None:
        self._jobs = jobs
        self._now = time.time() if now is None else now
        for job in jobs:
            job.result = job.replay = job.error = None
            job.entry = audit.Head()

    def whole(self) -> Statements[None]:
        """Apply all jobs. Raises PartialWrite."""
        yield from self.begin()
        for job in self._jobs:
            yield from self.apply(job)
        yield from self.end()

    def begin(self) -> Statements[None]:
        yield from ()

    def apply(self, job: Job) -> Statements[None]:
        """Apply one of the jobs, and set its result or its error. Raises PartialWrite."""
        try:
            idempotency = job.origin.idempotency
            if idempotency is not None:
                job.replay = yield from _stored_answer(idempotency, self._now)
                if job.replay is not None:
                    return
            job.result = yield from _apply_whole(job.change)
            if idempotency is not None:
                yield from answers.keep(
                    StoredAnswer(idempotency.id, idempotency.fingerprint, job.result, int(self._now))
                )
        except ServiceError as error:
            job.error = error

    def end(self) -> Statements[None]:
        if any(job.origin.idempotency is not None for job in self._jobs):
            yield from answers.prune(self._now)


class AuditedTransaction(Transaction):
    """The same in the store of keys. The audit trail gets an entry of each change, in the order of the jobs."""

    def __init__(self, jobs: Sequence[Job], now: float | None = None) -> None:
        super().__init__(jobs, now)
        self._head = audit.Head()
        # What this transaction has read: keys that exist, and the record of the sealing keys.
        self._actors: set[str] = set()
        self._recorded: list[Row] | None = None
        self._sealing_key: str | None = None

    def begin(self) -> Statements[None]:
        """Read the last entry of the trail, and what the checks of the jobs need."""
        actors = {job.origin.key_id or "" for job in self._jobs}
        # A power of two, so that there are few statements to prepare.
        ids = [*actors, *[""] * ((1 << (len(actors) - 1).bit_length()) - len(actors))]
        self._recorded = []
        for name, value, sequence, digest in (yield from execute(_state_sql(len(ids)), self._now, *ids)):
            if sequence is not None:
                self._head = audit.Head(sequence, digest)
            elif name:
                self._recorded.append((name, value))
            else:
                self._actors.add(value)

    def apply(self, job: Job) -> Statements[None]:
        try:
            yield from self._apply(job)
        except (ServiceError, SealingKeyChanged, Superseded) as error:
            job.error = error
        if job.change.revokes:
            self._actors.clear()
            self._recorded = self._sealing_key = None

    def end(self) -> Statements[None]:
        entries: list[audit.Entry] = []
        head, now = self._head, audit.now()
        for job in self._jobs:
            outcome = audit.UNCHANGED if job.result is False else audit.DONE
            if isinstance(job.change, Refused):
                outcome = job.change.code
            elif isinstance(job.error, ServiceError):
                outcome = job.error.code
            elif job.error is not None:
                continue  # nothing was written, so the trail has no entry
            if job.replay is not None or not job.change.audited:
                continue  # the first request of a repetition has the entry
            entry = head.next(job.origin, job.change, outcome, now, job.result)
            job.entry = head = audit.Head(entry.sequence, entry.hash)
            entries.append(entry)
        if any(job.sealed_answer is not None for job in self._jobs):
            yield from answers.prune(self._now)
        if entries:
            yield audit.insert(entries)

    def _apply(self, job: Job) -> Statements[None]:
        """Apply a job's change, unless it was applied before."""
        actor = job.origin.key_id
        if actor is not None and actor not in self._actors and not isinstance(job.change, Refused):
            if not (yield from execute(_ACTOR, actor, self._now)):
                raise Unauthorized
            self._actors.add(actor)
        idempotency = job.origin.idempotency
        if idempotency is not None and job.sealed_answer is not None:
            job.replay = yield from _stored_answer(idempotency, self._now)
            if job.replay is not None:
                return
        yield from self._require_current_seals(job)
        job.result = yield from _apply_whole(job.change)
        if idempotency is not None and job.sealed_answer is not None:
            yield from answers.keep(
                StoredAnswer(idempotency.id, idempotency.fingerprint, job.sealed_answer, int(self._now))
            )

    def _require_current_seals(self, job: Job) -> Statements[None]:
        """Raise SealingKeyChanged if a value is not sealed under the current key.

        So nothing new is sealed under the previous key once a rotation has begun.
        """
        seals = job.change.seals if job.sealed_answer is None else [*job.change.seals, job.sealed_answer]
        if not seals:
            return
        if self._sealing_key is None:
            if self._recorded is None:
                self._recorded = yield from execute(sealing.RECORDED)
            recorded = sealing.recorded(self._recorded)
            self._sealing_key = recorded.current if recorded else ""
        for seal in seals:
            if sealed_under(seal) != self._sealing_key:
                raise SealingKeyChanged(self._sealing_key)


@cache
def _state_sql(ids: int) -> str:
    return _STATE.format(ids=placeholders(ids, after=1))


def _stored_answer(idempotency: Idempotency, now: float) -> Statements[bytes | None]:
    """Return the answer if the request was applied before. Raises Conflict if that was a different request."""
    answer = yield from answers.find(idempotency.id, now)
    if answer is None:
        return None
    if answer.fingerprint != idempotency.fingerprint:
        raise Conflict
    return answer.sealed_answer


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
