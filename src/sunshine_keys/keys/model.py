"""API keys and access tokens: the struct that the store holds, their ids, and the JSON of keys."""

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

TOKEN_PREFIX = "oat_"  # noqa: S105 - the prefix of ids
"""What the id of an access token begins with. It sorts after the ids of all keys."""

CREDENTIAL_ID = re.compile(f"{KEY_ID.pattern}|{TOKEN_PREFIX}{OBJECT_ID.pattern}", re.ASCII)
"""The id of a key or of an access token."""


class Key(msgspec.Struct, frozen=True):
    """An API key, or an access token of OAuth. `app_id` is None for account keys, `integration_id` for account and app keys.

    An access token is a credential of a partner's integration. It is in the table of keys, so that whatever ends keys ends
    tokens, but it is not a key: no operation on keys lists, shows, counts or deletes it. Its sealed secret is the SHA-256
    of the token's secret in hexadecimal.
    """

    id: str
    scope: Scope
    app_id: str | None
    integration_id: str | None
    display_name: str
    sealed_secret: bytes

    @property
    def is_token(self) -> bool:
        """True for an access token."""
        return self.id.startswith(TOKEN_PREFIX)


class KeyView(SecretView, frozen=True):
    display_name: str
    secret: str


def key_view(key: Key, sealer: Sealer) -> KeyView:
    """Return the key as JSON of the API, with its secret."""
    return KeyView(key.id, key.display_name, sealer.open(key.sealed_secret, key.id))


def new_key_id(scope: Scope) -> str:
    """Return the prefix of `scope` and a new object id."""
    return ID_PREFIX[scope] + new_object_id()
