"""The engine: a store and the sealer of its secrets, which every operation works with."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from sunshine_keys.errors import AppNotFound, IntegrationNotFound
from sunshine_keys.models import App, Integration
from sunshine_keys.secrets import Sealer
from sunshine_keys.store import Origin, Store
from sunshine_keys.store.changes import Change

V = TypeVar("V")


class Engine(msgspec.Struct, frozen=True):
    store: Store
    sealer: Sealer

    async def create(self, origin: Origin, change: Change[Any], view: V) -> V | msgspec.Raw:
        """Make `change` and return `view`, what was made; or the JSON of what was answered when it was made before.

        The kept answer is sealed, for it holds the secret. Raises errors.Conflict where `origin.idempotency` names
        another request, and the change's own errors.
        """
        if origin.idempotency is None:
            await self.store.transact(origin, change)
            return view
        bound_to = "answer " + origin.idempotency.id.hex()
        sealed = self.sealer.seal(msgspec.json.encode(view).decode(), bound_to)
        kept = await self.store.transact_once(origin, change, sealed)
        return view if kept is None else msgspec.Raw(self.sealer.open(kept, bound_to).encode())

    async def require_app(self, app_id: str) -> App:
        """Raises AppNotFound."""
        app = await self.store.app(app_id)
        if app is None:
            raise AppNotFound
        return app

    async def require_integration(self, app_id: str, integration_id: str) -> Integration:
        """Raises AppNotFound or IntegrationNotFound, whichever is missing."""
        integration = await self.store.integration(app_id, integration_id)
        if integration is None:
            await self.require_app(app_id)
            raise IntegrationNotFound
        return integration
