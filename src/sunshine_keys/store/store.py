"""The interface of a store: reads of tables, and changes applied in durable transactions.

Reads are generators of statements (see `statements`) that `Reader.read` runs. Writes are `Change` values: `Store.transact`
runs one durable transaction: it checks that the key that authenticated the request still exists, applies the change with
its limits and cascades, and adds its entry to the audit trail. It returns only after all of this is on disk.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from sunshine_keys.store import audit, sealing
from sunshine_keys.store.change import Change, Origin
from sunshine_keys.store.sealing import Sealed, SealedId, Sealing
from sunshine_keys.store.statements import Row, Statements
from sunshine_keys.store.statistics import Commits, LeaseState
from sunshine_keys.store.table import Catalog, Table

R = TypeVar("R")
S = TypeVar("S", bound=msgspec.Struct)

CREDENTIALS_REMEMBERED = 10_000
"""The most keys and access tokens whose rows stay in memory, and the most headers with a secret that are cached as accepted."""

USAGE_BATCH = 500
"""The most keys and sources of one `count_usage`: changes wait behind it, on SQLite for 3 to 15 milliseconds."""


class Reader(ABC):
    """Reads of one database."""

    @abstractmethod
    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return the rows of a SELECT. Raises errors.StoreUnavailable."""

    async def read(self, statements: Statements[R]) -> R:
        """Run reads, and return their result. Raises errors.StoreUnavailable, and what the reads raise."""
        try:
            statement = next(statements)
            while True:
                statement = statements.send(await self.rows(statement.sql, *statement.values))
        except StopIteration as end:
            result: R = end.value
            return result

    async def get(self, table: Table[S], key: Any) -> S | None:
        """Return the row of `table` with this primary key, or None. Do not change what is in it: others may get it, too."""
        return await self.read(table.get(key))

    async def select(self, table: Table[S], clauses: str, *values: Any) -> list[S]:
        """Return the rows of `table` that `clauses` select. Do not change the list: others may get it, too."""
        return await self.read(table.select(clauses, *values))


class Store(Reader):
    """A store with the tables of `catalog`.

    Every method but `close` raises `errors.StoreUnavailable` if the database cannot do it now.
    """

    catalog: Catalog
    commits: Commits
    clock: Callable[[], float] = staticmethod(time.time)
    """This machine's clock, in seconds since 1970. Tests replace it."""

    def now(self) -> float:
        """Return the time that the ends of keys are compared with, in seconds since 1970."""
        return self.clock()

    @property
    @abstractmethod
    def reads_inline(self) -> bool:
        """True if reads finish without awaiting I/O. The server may then run read-only requests inline, without a task."""

    @property
    @abstractmethod
    def lease(self) -> LeaseState | None:
        """The node's lease; None if the store needs no lease, because each read checks whether remembered keys are valid."""

    @abstractmethod
    async def credential(self, key_id: str) -> Any:
        """Return the row of `catalog.credentials` that a credential is verified with, or None.

        A row whose deletion was answered before this call is never returned.
        """

    @abstractmethod
    async def ready(self) -> None:
        """Check that credentials can be verified at the moment."""

    @abstractmethod
    async def read_aside(self, statements: Statements[R]) -> R:
        """Run reads that scan whole tables. Other reads do not wait for them."""

    @abstractmethod
    async def transact(self, origin: Origin, change: Change[R]) -> R:
        """Apply `change`, durably.

        Raises errors.Unauthorized if the key of `origin` has been deleted meanwhile, SealingKeyChanged if the change's
        sealed values are not sealed under the store's current key, and the change's own errors.
        """

    @abstractmethod
    async def transact_once(self, origin: Origin, change: Change[R], sealed_answer: bytes) -> bytes | None:
        """Apply `change` and store its answer, or return the stored answer if `origin.idempotency` was applied before.

        Raises errors.Conflict if that was a different request, and what `transact` raises.
        """

    @abstractmethod
    async def transact_answer(self, origin: Origin, change: Change[bytes]) -> tuple[bytes, bool]:
        """Apply `change`, whose result is an answer, in a store without an audit trail. Return the answer and False.

        If `origin.idempotency` was applied before, change nothing, and return the first answer and True. Raises
        errors.Conflict if that was a different request, and the change's own errors.
        """

    @abstractmethod
    async def count_usage(self, batch: Sequence[Any]) -> None:
        """Add `batch` (`keys.usage.KeyHour`), about USAGE_BATCH with their sources, and delete hours older than USAGE_DAYS.

        On SQLite, a batch whose keys are in order is cheaper. This skips keys that no longer exist, gives way to changes,
        and writes no entry in the audit trail. A crash soon afterwards may lose the batch. If this raises, nothing was
        added or, if the answer was lost, the whole batch.
        """

    @abstractmethod
    async def close(self) -> None: ...

    async def sealing(self) -> Sealing | None:
        """Return the record of the sealing keys; None while nothing is sealed, so while the store is empty."""
        return await self.read(sealing.read())

    async def sealed_counts(self) -> dict[str, dict[str, int]]:
        """Return how many values of each table, by its title, are sealed under each key, by its id. Reads the whole store."""
        return {table.title: await self.read(sealing.counts(table)) for table in self.catalog.sealed}

    async def sealed_otherwise(self, table: Table[Any], key_id: str, after: SealedId, limit: int) -> list[Sealed]:
        """Return at most `limit` values that are not sealed under `key_id`, in order of id, beginning after the id `after`."""
        return await self.read(sealing.others(table, key_id, after, limit))

    async def audit_entries(self, after: int, limit: int) -> list[audit.Entry]:
        """Return entries of the audit trail, in order, from the one that follows number `after`."""
        return await self.read(audit.entries_after(after, limit))

    async def trail(self, wanted: audit.Wanted, before: int, span: int, limit: int) -> list[audit.Entry]:
        """Return the last wanted entries, newest first, among the `span` entries before number `before`."""
        return await self.read(audit.last_wanted(wanted, before, span, limit))

    async def trail_end(self, until: str = "") -> int:
        """Return the number of the last entry that is not after `until`; 0 if there is none."""
        return await self.read(audit.end(until))
