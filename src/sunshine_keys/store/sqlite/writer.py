"""The one writer of a process: a thread that commits changes that arrive together in one transaction.

One fsync then serves many requests, and each request is answered only after its own commit. A change that fails its own
checks fails alone. Statistics have transactions of their own, after the changes that wait at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from sunshine_keys.errors import ServiceError, StoreUnavailable
from sunshine_keys.keys.usage import KeyHour
from sunshine_keys.store.change import Change, Origin
from sunshine_keys.store.sqlite import schema, usage
from sunshine_keys.store.sqlite.file_identity import FileIdentity
from sunshine_keys.store.statistics import Commits
from sunshine_keys.store.submissions import MOST_PATIENCE, Submission, Waiting
from sunshine_keys.store.transaction import AuditedTransaction, Job, PartialWrite, Transaction, actions_of

logger = logging.getLogger("sunshine_keys.store")

_GROUP_LIMIT = 512

ANSWER_SECONDS = 30
"""Seconds for which a caller waits: more than two groups take, if each waits for another process as long as it can."""

_UNKNOWN = "The store did not answer: it may have been done, or not"


class _Count(Waiting):
    """Statistics to add, and the caller that waits for them."""

    def __init__(self, batch: Sequence[KeyHour]) -> None:
        super().__init__()
        self.batch = batch
        self.error = None


_Item: TypeAlias = Submission | _Count | None
"""What the thread takes from its queue; None ends it."""


class _Tick:
    """The changes that arrive in one tick of an event loop. They are handed to the thread at once, and have one time limit.

    Each hand-over wakes the thread, which then competes with the event loop for the interpreter's lock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.jobs: list[Submission] = []
        self.waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    def hand_over(self, jobs: queue.Queue[Sequence[_Item]]) -> None:
        if self._timer is None and self.waiting:
            self._timer = self.loop.call_later(ANSWER_SECONDS, self._give_up)
            jobs.put(self.jobs)

    def leave(self) -> None:
        """Count a caller that waits no more."""
        self.waiting -= 1
        if not self.waiting and self._timer is not None:
            self._timer.cancel()

    def _give_up(self) -> None:
        for job in self.jobs:
            job.fail(StoreUnavailable(_UNKNOWN))


class Writer:
    def __init__(
        self, path: Path, file: FileIdentity, commits: Commits, now: Callable[[], float], *, audited: bool = True
    ) -> None:
        """Open a connection and start the thread. Without `audited`, the store has no audit trail."""
        self._now = now
        self._transaction = AuditedTransaction if audited else Transaction
        self._file = file
        self._commits = commits
        self._connection = schema.connect(path)
        # Not a SimpleQueue: its `get` waits for ever if its time is over before it begins to wait.
        self._jobs: queue.Queue[Sequence[_Item]] = queue.Queue()
        self._tick: _Tick | None = None
        self._patience = 0.0
        self._thread = threading.Thread(target=self._run, name="sunshine-keys-writer", daemon=True)
        self._thread.start()

    async def submit(self, origin: Origin, change: Change[Any], sealed_answer: bytes | None = None) -> Job:
        """Commit `change` and return its job. A caller that is cancelled while it waits in the queue cancels the change.

        Raises the job's error; StoreUnavailable if the disk takes longer than ANSWER_SECONDS, or the writer is closed.
        """
        self._require_open()
        job = Submission(origin, change, sealed_answer)
        tick = self._tick
        if tick is None or tick.loop is not job.loop:
            tick = self._tick = _Tick(job.loop)
            job.loop.call_soon(self._hand_over, tick)
        tick.jobs.append(job)
        tick.waiting += 1
        try:
            await job.future
        finally:
            tick.leave()
        return job

    def _hand_over(self, tick: _Tick) -> None:
        if self._tick is tick:
            self._tick = None
        tick.hand_over(self._jobs)

    async def count(self, batch: Sequence[KeyHour]) -> None:
        """Add statistics. Raises StoreUnavailable. A caller that is cancelled while it waits in the queue cancels them."""
        self._require_open()
        count = _Count(batch)
        self._jobs.put([count])
        await count.future

    def _require_open(self) -> None:
        if not self._thread.is_alive():
            raise StoreUnavailable

    def close(self) -> None:
        """Commit all submitted changes, then stop."""
        if self._tick is not None and self._tick.loop is asyncio.get_running_loop():
            self._hand_over(self._tick)
        self._jobs.put([None])
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        queued: list[_Item] = []
        closing = False
        while not closing:
            if not queued:
                queued += self._jobs.get()
            while len(queued) < _GROUP_LIMIT and not self._jobs.empty():
                queued += self._jobs.get()
            group, queued = queued[:_GROUP_LIMIT], queued[_GROUP_LIMIT:]
            closing = None in group
            waiting = [item for item in group if item is not None and not item.future.done()]
            jobs = [item for item in waiting if isinstance(item, Submission)]
            if jobs:
                self._commit(jobs)
                _answer(jobs)
            for item in waiting:
                if isinstance(item, _Count):
                    self._add(item)
                    _answer([item])
            if jobs and not closing:
                self._await_return(queued, len(jobs))

    def _await_return(self, queued: list[_Item], answered: int) -> None:
        """Wait until as many changes are queued as there were callers, at most as long as the last COMMIT took.

        Many callers send their next change as soon as they have an answer. If the next group began at once, it would miss
        them, and two halves of the callers would take turns, with an fsync for each. A wait costs no more than the fsync
        that it can save. At 4 and at 32 connections a third more creates were made a second.
        """
        end = time.perf_counter() + self._patience
        while not self._jobs.empty():
            queued += self._jobs.get()
        expected = min(len(queued) + answered, _GROUP_LIMIT)
        while len(queued) < expected and None not in queued and (left := end - time.perf_counter()) > 0:
            with contextlib.suppress(queue.Empty):
                queued += self._jobs.get(timeout=left)

    def _commit(self, jobs: list[Submission]) -> None:
        """Apply and commit all of `jobs`; set the result or the error of each."""
        is_ending = False
        begun = time.perf_counter()
        self._patience = 0.0
        try:
            self._file.require()
            self._connection.execute("BEGIN IMMEDIATE")
            schema.run(self._connection, self._transaction(jobs, self._now()).whole())
            is_ending = True
            ending = time.perf_counter()
            self._connection.execute("COMMIT")
            ended = time.perf_counter()
            self._patience = min(ended - ending, MOST_PATIENCE)
            self._commits.done(len(jobs), ended - begun, actions_of(jobs))
        except PartialWrite as error:
            self._rollback()
            if len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
            else:
                jobs[0].error = error.__cause__ if isinstance(error.__cause__, ServiceError) else error
        except Exception as error:  # any failure: the callers must get an answer
            logger.error("a group of %d writes was not committed: %s", len(jobs), error)
            self._commits.failed()
            self._rollback()
            if isinstance(error, sqlite3.Error):
                # An fsync that fails leaves a whole transaction in the WAL. It is rolled back here, and the next
                # transaction overwrites it. But if the process crashes before that, it counts as committed when the
                # store is opened next.
                error = StoreUnavailable(_UNKNOWN) if is_ending and _is_io(error) else StoreUnavailable()
            for job in jobs:
                job.error = error

    def _add(self, count: _Count) -> None:
        try:
            self._file.require()
            usage.add(self._connection, count.batch)
        except Exception as error:  # any failure: the caller must get an answer
            self._rollback()
            count.error = StoreUnavailable() if isinstance(error, sqlite3.Error) else error

    def _rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            logger.error("could not roll back: %s", error)


def _is_io(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR


def _answer(jobs: Sequence[Waiting]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            logger.warning("%d writes were committed after their callers had gone", len(settled))


def _settle(jobs: list[Waiting]) -> None:
    for job in jobs:
        job.settle()
