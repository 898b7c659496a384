"""The key that authenticated a request."""

from __future__ import annotations

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import Key


class Actor(msgspec.Struct, frozen=True):
    """The key that authenticated a request: its id, its scope, and the app and integration that it belongs to.

    `is_ending` is True if the key has an end, so that its owner sees who still uses it.
    """

    key_id: str
    scope: Scope
    app_id: str | None
    integration_id: str | None
    is_ending: bool = False

    @classmethod
    def of(cls, key: Key) -> Actor:
        """Return the actor that `key` authenticates."""
        return cls(key.id, key.scope, key.app_id, key.integration_id, key.expires_at is not None)
