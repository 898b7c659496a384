"""API keys: the struct that the store holds, its ids, and its JSON."""

from __future__ import annotations

import re

import msgspec

from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.ids import OBJECT_ID, new_object_id
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.views import SecretView

KEYS_PER_OWNER = 10
"""The most keys an app or an integration may have (documented)."""

KEY_ID = re.compile(f"(?:{'|'.join(ID_PREFIX.values())}){OBJECT_ID.pattern}", re.ASCII)


class Key(msgspec.Struct, frozen=True):
    """An API key. `app_id` is None for account keys, `integration_id` for account and app keys."""

    id: str
    scope: Scope
    app_id: str | None
    integration_id: str | None
    display_name: str
    sealed_secret: bytes


class KeyView(SecretView, frozen=True):
    display_name: str
    secret: str


def key_view(key: Key, sealer: Sealer) -> KeyView:
    """Return the key as JSON of the API, with its secret."""
    return KeyView(key.id, key.display_name, sealer.open(key.sealed_secret, key.id))


def new_key_id(scope: Scope) -> str:
    """Return the prefix of `scope` and a new object id."""
    return ID_PREFIX[scope] + new_object_id()
