"""The one writer of a process: a thread that commits changes arriving together in one transaction.

One fsync then serves many requests, and each is answered only after its own commit. A change that fails its own
checks is rolled back to its savepoint and fails alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from pathlib import Path
from typing import Any

from sunshine_keys.errors import ServiceError, StoreUnavailable
from sunshine_keys.store.changes import Change
from sunshine_keys.store.sqlite import changes, schema

logger = logging.getLogger("sunshine_keys.store")

_GROUP_LIMIT = 512


class _Job:
    """One change on its way to disk, and the caller that waits for it."""

    __slots__ = ("actor_id", "change", "error", "future", "loop", "result")

    def __init__(self, actor_id: str | None, change: Change[Any]) -> None:
        self.actor_id = actor_id
        self.change = change
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller; on the caller's own loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    def __init__(self, path: Path) -> None:
        self._connection = schema.connect(path)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sunshine-keys-writer", daemon=True)
        self._thread.start()

    async def submit(self, actor_id: str | None, change: Change[Any]) -> Any:
        job = _Job(actor_id, change)
        self._jobs.put(job)
        return await job.future

    def close(self) -> None:
        """Commit what has been submitted, then stop."""
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        closing = False
        while not closing:
            group = [self._jobs.get()]
            while len(group) < _GROUP_LIMIT and not self._jobs.empty():
                group.append(self._jobs.get())
            closing = None in group
            jobs = [job for job in group if job is not None]
            if jobs:
                self._commit(jobs)
                _answer(jobs)

    def _commit(self, jobs: list[_Job]) -> None:
        """Apply and commit all of `jobs`, leaving each its result or its error."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._apply(job)
            self._connection.execute("COMMIT")
        except Exception as error:  # whatever it was, the callers must hear of it
            logger.error("a group of %d writes was not committed: %s", len(jobs), error)
            self._rollback()
            for job in jobs:
                job.error = job.error or (StoreUnavailable() if isinstance(error, sqlite3.Error) else error)

    def _apply(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT change")
        try:
            job.result = changes.apply(self._connection, job.actor_id, job.change)
        except (ServiceError, sqlite3.IntegrityError) as error:
            if isinstance(error, sqlite3.IntegrityError):
                logger.error("%s broke a constraint", type(job.change).__name__, exc_info=error)
            self._connection.execute("ROLLBACK TO change")
            job.error = error
        self._connection.execute("RELEASE change")

    def _rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            logger.error("could not roll back: %s", error)


def _answer(jobs: list[_Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            logger.warning("%d writes were committed after their callers had gone", len(settled))


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()
