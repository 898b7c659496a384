"""The store: what the service asks of a database, and each change as data.

Reads are methods. Writes are `Change` values given to `transact`, which does in one durable transaction: check that the
key that authenticated the request still exists, apply the change with the limits and cascades that belong to it, and
add its entry to the audit trail. `transact` returns only when all of it is on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.model import App
from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.usage import KeyHour, Usage
from sunshine_keys.measures import Commits, LeaseState
from sunshine_keys.store.audit import Entry, Wanted
from sunshine_keys.store.changes import Change
from sunshine_keys.store.origin import OPERATOR, Origin
from sunshine_keys.store.page import Page
from sunshine_keys.store.sealing import Kind, Sealed, SealedId, Sealing
from sunshine_keys.webhooks.model import Webhook

__all__ = ["OPERATOR", "Origin", "Store", "StoreError", "StoreTooNew", "UnfinishedCopy"]

R = TypeVar("R")

USAGE_BATCH = 250
"""The most that `count_usage` is given at once: what follows waits for it, on SQLite some 4 milliseconds."""


class StoreError(Exception):
    """The store cannot be opened; the message says why and what to do, in one line."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of this program."""


class UnfinishedCopy(StoreError):
    """Another store is being copied into this one."""


class Store(Protocol):
    """Every method but `close` raises `errors.StoreUnavailable` where the database cannot do it now."""

    commits: Commits

    @property
    def reads_inline(self) -> bool:
        """Whether reads never wait, so that whoever only reads needs no task of his own."""
        ...

    @property
    def lease(self) -> LeaseState | None:
        """None where what is remembered needs none, because every read first asks whether it still holds."""
        ...

    async def key_counts(self) -> dict[Scope, int]:
        """How many keys there are of each scope. Reads the whole store, and holds up nobody meanwhile."""
        ...

    async def key(self, key_id: str) -> Key | None: ...

    async def keys_after(self, after: str, limit: int) -> list[Key]:
        """Return at most `limit` keys of the whole store, in order of id, from the one that follows id `after`."""
        ...

    async def credential(self, key_id: str) -> Key | None:
        """The key, to verify a credential by: never one whose deletion had been answered when this was called."""
        ...

    async def ready(self) -> None:
        """Returns where credentials can be verified at the moment."""
        ...

    async def app(self, app_id: str) -> App | None: ...

    async def apps(self, page: Page) -> tuple[list[App], bool]:
        """One page in order of id, and whether there are more in the direction asked for."""
        ...

    async def app_keys(self, app_id: str) -> list[Key]: ...

    async def integration(self, app_id: str, integration_id: str) -> Integration | None: ...

    async def integrations(
        self, app_id: str, page: Page, types: frozenset[str] | None
    ) -> tuple[list[Integration], bool]: ...

    async def integration_keys(self, integration_id: str) -> list[Key]: ...

    async def webhooks(self, integration_ids: list[str]) -> list[Webhook]: ...

    async def webhook(self, integration_id: str, webhook_id: str) -> Webhook | None: ...

    async def usage(self, key_ids: Sequence[str], since: float) -> dict[str, Usage]:
        """By key, with the hours that began at `since` or later; keys that have never been used are absent."""
        ...

    async def count_usage(self, batch: Sequence[KeyHour]) -> None:
        """Add `batch`, at most USAGE_BATCH, and remove hours that are over for USAGE_DAYS.

        Keys that are gone meanwhile are passed over. It gives way to changes, is no part of the audit trail, and may
        be lost by a crash soon afterwards. Where it raises it has added nothing, or, having lost the answer, all of it.
        """
        ...

    async def console_session(self, session_id: bytes) -> ConsoleSession | None: ...

    async def audit_entries(self, after: int, limit: int) -> list[Entry]:
        """Return at most `limit` entries of the audit trail, in order, from the one that follows number `after`."""
        ...

    async def trail(self, wanted: Wanted, before: int, span: int, limit: int) -> list[Entry]:
        """The last entries that are wanted, the newest first, among the `span` before number `before`."""
        ...

    async def trail_end(self, until: str = "") -> int:
        """The number of the last entry that is not after `until`; 0 where there is none."""
        ...

    async def sealing(self) -> Sealing | None:
        """None while nothing is sealed: the store is empty."""
        ...

    async def sealed_counts(self) -> dict[Kind, dict[str, int]]:
        """How many of each kind are sealed under each key, by its id. Reads the whole store."""
        ...

    async def sealed_otherwise(self, kind: Kind, key_id: str, after: SealedId, limit: int) -> list[Sealed]:
        """What is sealed under other keys than `key_id`, at most `limit` in order of id from what follows `after`."""
        ...

    async def transact(self, origin: Origin, change: Change[R]) -> R:
        """Apply `change`, durably.

        Raises errors.Unauthorized if the key it comes from has been deleted meanwhile, sealing.SealingKeyChanged if
        what it seals is not sealed under the store's current key, and the change's own errors.
        """
        ...

    async def transact_once(self, origin: Origin, change: Change[R], sealed_answer: bytes) -> bytes | None:
        """Apply `change` unless `origin.idempotency` has been done before: then return the sealed answer it had.

        Raises errors.Conflict where it was another request, and what `transact` raises.
        """
        ...

    async def close(self) -> None: ...
