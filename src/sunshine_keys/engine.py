"""The engine: a store and the sealer of its secrets, which every operation works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.sealing.ring import Renewal
from sunshine_keys.sealing.sealer import Sealer, UnknownSealingKey
from sunshine_keys.store import Origin, Store
from sunshine_keys.store.change import Change
from sunshine_keys.store.sealing import SealingKeyChanged, answer_owner

V = TypeVar("V")

_ATTEMPTS = 3
"""A change that meets a rotation succeeds in the second; another rotation would have to follow at once."""


class Engine(msgspec.Struct, frozen=True):
    store: Store
    sealer: Sealer
    renewal: Renewal

    async def create(self, origin: Origin, make: Callable[[], tuple[Change[Any], V]]) -> V | msgspec.Raw:
        """Do the change of `make()` and return the view beside it, what was made.

        Or the JSON of what was answered when `origin.idempotency` was done before: it is kept sealed, for it holds the
        secret. Where the sealing key has changed, all is made anew, sealed under the new one. Raises errors.Conflict
        where `origin.idempotency` names another request, and the change's own errors.
        """
        return await self.under_current_key(lambda: self._create(origin, *make()))

    async def under_current_key(self, attempt: Callable[[], Awaitable[V]]) -> V:
        """Do what seals something; once more, under the new key, where the sealing key has changed.

        Raises StoreUnavailable, and what `attempt` raises.
        """
        for _ in range(_ATTEMPTS):
            try:
                return await attempt()
            except SealingKeyChanged as changed:
                await self.renewal.require(changed.current)
                self.sealer.use(changed.current)
        raise StoreUnavailable

    async def _create(self, origin: Origin, change: Change[Any], view: V) -> V | msgspec.Raw:
        if origin.idempotency is None:
            await self.store.transact(origin, change)
            return view
        owner = answer_owner(origin.idempotency.id)
        sealed = self.sealer.seal(msgspec.json.encode(view).decode(), owner)
        kept = await self.store.transact_once(origin, change, sealed)
        return view if kept is None else msgspec.Raw((await self.opened(kept, owner)).encode())

    async def opened(self, sealed: bytes, owner_id: str) -> str:
        """Open it, though it be under a key that this process has yet to read. Raises StoreUnavailable, SealError."""
        try:
            return self.sealer.open(sealed, owner_id)
        except UnknownSealingKey as unknown:
            await self.renewal.require(unknown.key_id)
            return self.sealer.open(sealed, owner_id)
