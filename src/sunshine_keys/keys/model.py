"""API keys and access tokens: the struct that the store holds, their ids, and the JSON of keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.ids import OBJECT_ID, new_object_id
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.views import SecretView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KEYS_PER_OWNER = 10
"""The most keys an app or an integration may have (documented)."""

KEY_ID = re.compile(f"(?:{'|'.join(ID_PREFIX.values())}){OBJECT_ID.pattern}", re.ASCII)

TOKEN_PREFIX = "oat_"  # noqa: S105 - the prefix of ids
"""What the id of an access token begins with. It sorts after the ids of all keys."""

CREDENTIAL_ID = re.compile(f"{KEY_ID.pattern}|{TOKEN_PREFIX}{OBJECT_ID.pattern}", re.ASCII)
"""The id of a key or of an access token."""


class Notice(StrEnum):
    """The last thing that the audit trail has said about the end of a key."""

    WEEK = "week"
    DAY = "day"
    ENDED = "ended"


class Key(msgspec.Struct, frozen=True):
    """An API key, or an access token of OAuth. `app_id` is None for account keys, `integration_id` for account and app keys.

    An access token is a credential of a partner's integration. It is in the table of keys, so that whatever ends keys ends
    tokens, but it is not a key: no operation on keys lists, shows, counts or deletes it. Its sealed secret is the SHA-256
    of the token's secret in hexadecimal.

    From `expires_at` on, in seconds since 1970, the key is refused as a deleted one is. Once its end is recorded in the audit
    trail (`Notice.ENDED`), it stays ended even if the clock goes back.
    """

    id: str
    scope: Scope
    app_id: str | None
    integration_id: str | None
    display_name: str
    sealed_secret: bytes
    expires_at: float | None = None
    notice: Notice | None = None

    def has_ended(self, now: float) -> bool:
        """Return True if the key has an end that is not after `now`."""
        return self.expires_at is not None and (self.expires_at <= now or self.notice is Notice.ENDED)

    @property
    def is_token(self) -> bool:
        """True for an access token."""
        return self.id.startswith(TOKEN_PREFIX)


class KeyView(SecretView, frozen=True, omit_defaults=True):
    display_name: str
    secret: str
    expires_at: str | None = None


def key_view(key: Key, sealer: Sealer) -> KeyView:
    """Return the key as JSON of the API, with its secret."""
    end = None if key.expires_at is None else moment_text(key.expires_at)
    return KeyView(key.id, key.display_name, sealer.open(key.sealed_secret, key.id), end)


def moment_text(seconds: float | None) -> str | None:
    """Return a time in seconds since 1970 in the form of the API, in UTC and to the millisecond; None for None."""
    if seconds is None:
        return None
    moment = _EPOCH + timedelta(milliseconds=round(seconds * 1000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(text: str) -> float:
    """Return a time in the form of RFC 3339 in seconds since 1970, rounded down to the millisecond."""
    return (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(milliseconds=1) / 1000


def new_key_id(scope: Scope) -> str:
    """Return the prefix of `scope` and a new object id."""
    return ID_PREFIX[scope] + new_object_id()
