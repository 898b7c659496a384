"""The key that authenticated a request."""

from __future__ import annotations

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import Key


class Actor(msgspec.Struct, frozen=True):
    """The key that authenticated a request: its id, its scope, and the app and integration that it belongs to."""

    key_id: str
    scope: Scope
    app_id: str | None
    integration_id: str | None

    @classmethod
    def of(cls, key: Key) -> Actor:
        """Return the actor that `key` authenticates."""
        return cls(key.id, key.scope, key.app_id, key.integration_id)
