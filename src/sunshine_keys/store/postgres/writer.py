"""The one writer of a node: a task that commits changes that arrive together in one transaction.

On every node, each transaction with changes takes one advisory lock. So the audit trail has one order, and the limit of ten
keys holds. A group costs one commit, however many changes it has.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from sunshine_keys.errors import NotFound, ServiceError, StoreUnavailable
from sunshine_keys.store.change import Change, Origin
from sunshine_keys.store.postgres.connections import ANSWER_SECONDS, CONTACT_LOST, summary
from sunshine_keys.store.postgres.executor import run
from sunshine_keys.store.postgres.lease import CHANGED, DATABASE_TIME, LeaseConnection
from sunshine_keys.store.statistics import SECONDS, Commits, Histogram
from sunshine_keys.store.submissions import MOST_PATIENCE, Submission
from sunshine_keys.store.transaction import AuditedTransaction, Job, PartialWrite, Transaction, actions_of, waves

logger = logging.getLogger("sunshine_keys.store")

_GROUP_LIMIT = 256
_TRIES = 3
_UNKNOWN = "The database did not answer: it may have been done, or not"

# The server rolls back a transaction that waits too long, but never a COMMIT: these settings do not apply to it.
_LIMITS = f"""
SET statement_timeout = {int(ANSWER_SECONDS * 1000)};
SET idle_in_transaction_session_timeout = {int(ANSWER_SECONDS * 1000)}
"""
# Changes find rows by ids, so one plan fits all values. PostgreSQL would plan each create anew: its generic plan looks
# dearer, because other owners have more keys than a new one. That took 70 of the 155 µs of a create in a group. A plan that
# was chosen while the tables were small must do when they have grown, so it may not read whole tables.
_PLANS = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
_BEGIN = "BEGIN; SELECT pg_advisory_xact_lock({lock})"
_COMMIT = "COMMIT"
_NOTIFY_AND_COMMIT = f"NOTIFY {CHANGED}; COMMIT"


class _Submission(Submission):
    def __init__(self, origin: Origin, change: Change[Any], sealed_answer: bytes | None) -> None:
        super().__init__(origin, change, sealed_answer)
        self.submitted = time.monotonic()

    @property
    def may_have_revoked(self) -> bool:
        """True if the change may have revoked keys, or found none to delete: an earlier DELETE may have lost its answer."""
        return bool(self.change.revokes) and (self.error is None or isinstance(self.error, NotFound))


class Writer:
    """The writer of one node. `connect` opens a connection to the primary."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
        lease: LeaseConnection | None,
        commits: Commits,
        lock: int,
    ) -> None:
        """`lock` is the advisory lock of all changes. Without a lease, the store has no audit trail."""
        self._begin = _BEGIN.format(lock=lock)
        self._transaction = Transaction if lease is None else AuditedTransaction
        self._connect = connect
        self._commits = commits
        self.waits = Histogram(SECONDS)
        """Seconds for which DELETEs waited for the other nodes, after their commit."""
        self._lease = lease
        self._connection: asyncpg.Connection[Any] | None = None
        self._jobs: deque[_Submission] = deque()
        self._waiting: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_doubtful = False
        self._patience = 0.0
        self._expected = 0
        self._returned: asyncio.Future[None] | None = None

    async def submit(self, origin: Origin, change: Change[Any], sealed_answer: bytes | None = None) -> Job:
        """Commit `change` and return its job. Raises the job's error."""
        job = _Submission(origin, change, sealed_answer)
        self._jobs.append(job)
        if len(self._jobs) >= self._expected:
            self._stop_waiting()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="sunshine-keys-writer")
        await job.future
        return job

    async def close(self) -> None:
        """Commit all submitted changes, then stop."""
        while self._task is not None:
            await self._task
        if self._waiting:
            await asyncio.wait(self._waiting)
        if self._connection is not None:
            self._connection.terminate()

    async def _run(self) -> None:
        try:
            while self._jobs:
                group = [self._jobs.popleft() for _ in range(min(len(self._jobs), _GROUP_LIMIT))]
                # If the database hangs, each group waits for the one before it. No caller should wait for them all.
                begun = time.monotonic()
                late = [job for job in group if begun - job.submitted > ANSWER_SECONDS]
                self._fail(late, StoreUnavailable())
                if prompt := [job for job in group if job not in late]:
                    await self._commit(prompt)
                    await self._await_return(len(prompt))
        finally:
            self._task = None

    async def _await_return(self, answered: int) -> None:
        """Wait until as many changes are queued as there were callers, at most as long as the last COMMIT took.

        The writer on SQLite explains why. At 4 connections a sixth more creates were made a second, at 32 a tenth.
        """
        self._expected = min(len(self._jobs) + answered, _GROUP_LIMIT)
        if self._patience and len(self._jobs) < self._expected:
            loop = asyncio.get_running_loop()
            self._returned = loop.create_future()
            timer = loop.call_later(self._patience, self._stop_waiting)
            try:
                await self._returned
            finally:
                timer.cancel()
                self._returned = None

    def _stop_waiting(self) -> None:
        if self._returned is not None and not self._returned.done():
            self._returned.set_result(None)

    async def _commit(self, jobs: list[_Submission]) -> None:
        """Apply, commit and settle all of `jobs`. Settle a job that revokes keys once every node has followed the trail."""
        try:
            connection = await self._transact(jobs)
        except PartialWrite as error:
            if len(jobs) > 1:
                for job in jobs:
                    await self._commit([job])
                return
            self._fail(jobs, error.__cause__ if isinstance(error.__cause__, ServiceError) else error)
            return
        except StoreUnavailable as error:
            self._fail(jobs, error)
            return
        except Exception as error:  # any failure: the callers must get an answer
            logger.exception("a group of %d writes failed", len(jobs))
            self._fail(jobs, error)
            return
        revoking = [job for job in jobs if self._lease is not None and job.may_have_revoked]
        if self._lease is not None and revoking:
            nodes = await self._lease.live_nodes(connection)
            task = asyncio.create_task(self._settle_revoked(self._lease, revoking, nodes))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        for job in jobs:
            if job not in revoking:
                job.settle()

    async def _settle_revoked(self, lease: LeaseConnection, jobs: list[_Submission], nodes: dict[str, float]) -> None:
        begun = time.monotonic()
        try:
            await lease.followed(max((job.entry for job in jobs), key=lambda entry: entry.sequence), nodes)
        except Exception:  # any failure: the callers must get an answer
            logger.exception("the wait for other nodes failed")
            self._fail(jobs, StoreUnavailable(_UNKNOWN))
            return
        self.waits.observe(time.monotonic() - begun)
        for job in jobs:
            job.settle()

    async def _transact(self, jobs: list[_Submission]) -> asyncpg.Connection[Any]:
        """Run `jobs` in one transaction, retrying only while nothing can have been committed. Return the connection."""
        self._patience = 0.0
        begun = time.monotonic()
        for attempt in range(1, _TRIES + 1):
            try:
                connection = await self._open()
                await connection.execute(self._begin)
                # A node with a wrong clock would prune the stored answers of all nodes, so the database's clock decides.
                now = None if self._lease is None else self._lease.now()
                if now is None and any(job.origin.idempotency is not None or job.origin.key_id for job in jobs):
                    now = await connection.fetchval(DATABASE_TIME)
                transaction = self._transaction(jobs, now)
                await run(connection, [transaction.begin()])
                for wave in waves(jobs):
                    await run(connection, [transaction.apply(job) for job in wave])
                await run(connection, [transaction.end()])
            except PartialWrite:
                await self._roll_back()
                raise
            except CONTACT_LOST as error:
                self._commits.failed()
                logger.warning("a group of %d writes was not committed: %s", len(jobs), summary(error))
                self._drop()
                if attempt == _TRIES or time.monotonic() - begun > ANSWER_SECONDS:
                    raise StoreUnavailable from error
            except BaseException:
                self._drop()
                raise
            else:
                await self._end(connection, jobs)
                self._commits.done(len(jobs), time.monotonic() - begun, actions_of(jobs))
                return connection
        raise AssertionError

    async def _end(self, connection: asyncpg.Connection[Any], jobs: list[_Submission]) -> None:
        """Commit. Raises StoreUnavailable if it is unknown whether the transaction was committed.

        This never cancels the statement: a COMMIT that is cancelled while it waits for a standby succeeds with a warning.
        The notification of the other nodes is part of the transaction, and of the same message.
        """
        self._is_doubtful = False
        end = _NOTIFY_AND_COMMIT if any(job.may_have_revoked for job in jobs) else _COMMIT
        ending = time.monotonic()
        commit = asyncio.ensure_future(connection.execute(end, timeout=3600))
        try:
            done, _ = await asyncio.wait([commit], timeout=ANSWER_SECONDS)
            if not done:
                raise TimeoutError("no answer to COMMIT")
            commit.result()
            if self._is_doubtful:
                raise ConnectionError("the database warned as it committed")
            self._patience = min(time.monotonic() - ending, MOST_PATIENCE)
        except CONTACT_LOST as error:
            self._commits.failed()
            logger.warning("it is not known whether a group of %d writes was committed: %s", len(jobs), summary(error))
            self._drop()
            commit.cancel()
            await asyncio.gather(commit, return_exceptions=True)
            raise StoreUnavailable(_UNKNOWN) from error

    async def _open(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
            self._connection.add_log_listener(self._warned)
            await self._connection.execute(_LIMITS if self._lease is None else f"{_LIMITS}; {_PLANS}")
        return self._connection

    async def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                await self._connection.execute("ROLLBACK")
        except CONTACT_LOST:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _fail(self, jobs: list[_Submission], error: BaseException) -> None:
        for job in jobs:
            job.error = error
            job.settle()

    def _warned(self, connection: Any, message: Any) -> None:
        self._is_doubtful = True
