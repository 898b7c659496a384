"""The store: what the service asks of a database, and each change as data.

Reads are methods. Writes are `Change` values given to `transact`, which does three things in one durable
transaction: it checks that the key that authenticated the request still exists, applies the change with the limits
and cascades that belong to it, and commits. `transact` returns only when the change is on disk.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from sunshine_keys.models import App, Integration, Key, Page, Webhook
from sunshine_keys.store.changes import Change

__all__ = ["Store", "StoreError", "StoreTooNew"]

R = TypeVar("R")


class StoreError(Exception):
    """The store cannot be opened; the message says why and what to do, in one line."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of this program."""


class Store(Protocol):
    """Every method but `close` raises `errors.StoreUnavailable` where the database cannot do it now."""

    async def key(self, key_id: str) -> Key | None: ...

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

    async def transact(self, actor_id: str | None, change: Change[R]) -> R:
        """Apply `change` on behalf of the key `actor_id` (None: the operator), durably.

        Raises errors.Unauthorized if that key has been deleted meanwhile, and the change's own errors.
        """
        ...

    async def close(self) -> None: ...
