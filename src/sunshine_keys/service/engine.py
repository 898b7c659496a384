"""The engine: a store and the sealer of its secrets, which every operation works with."""

from __future__ import annotations

import msgspec

from sunshine_keys.errors import AppNotFound, IntegrationNotFound
from sunshine_keys.models import App, Integration
from sunshine_keys.secrets import Sealer
from sunshine_keys.store import Store


class Engine(msgspec.Struct, frozen=True):
    store: Store
    sealer: Sealer

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
