"""Users: the struct that the store holds, its JSON, and the handles that find it."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any

import msgspec


class User(msgspec.Struct, frozen=True):
    """A user. `signed_up_at` is a moment on the wire. `authenticated` shows in events only."""

    id: str
    app_id: str
    external_id: str | None
    brand_id: str | None
    zendesk_id: str | None
    signed_up_at: str
    authenticated: bool
    to_be_retained: bool | None
    profile: dict[str, Any]
    metadata: dict[str, Any]
    identities: list[Any]


class UserPatch(msgspec.Struct, frozen=True):
    """The properties that a PATCH names; UNSET leaves a field as it is. Null removes a field of the profile or metadata."""

    signed_up_at: str | msgspec.UnsetType = msgspec.UNSET
    to_be_retained: bool | msgspec.UnsetType = msgspec.UNSET
    profile: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET

    def apply(self, user: User) -> User:
        changes: dict[str, Any] = {}
        if self.signed_up_at is not msgspec.UNSET:
            changes["signed_up_at"] = self.signed_up_at
        if self.to_be_retained is not msgspec.UNSET:
            changes["to_be_retained"] = self.to_be_retained
        if self.profile is not msgspec.UNSET:
            changes["profile"] = without_nulls(user.profile | self.profile)
        if self.metadata is not msgspec.UNSET:
            changes["metadata"] = without_nulls(user.metadata | self.metadata) if self.metadata else self._cleared(user)
        return msgspec.structs.replace(user, **changes)

    def _cleared(self, user: User) -> dict[str, Any]:
        return {} if self.metadata is None else user.metadata


def without_nulls(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def user_view(user: User) -> dict[str, Any]:
    """Return the user as JSON of the API. Unset ids are left out."""
    view: dict[str, Any] = {"id": user.id}
    if user.external_id is not None:
        view["externalId"] = user.external_id
    if user.zendesk_id is not None:
        view["zendeskId"] = user.zendesk_id
    if user.brand_id is not None:
        view["brandId"] = user.brand_id
    view["signedUpAt"] = user.signed_up_at
    view["hasPaymentInfo"] = False
    view["identities"] = user.identities
    view["profile"] = user.profile
    view["metadata"] = user.metadata
    if user.to_be_retained is not None:
        view["toBeRetained"] = user.to_be_retained
    return view


class HandleKind(StrEnum):
    """What a handle finds its user by. Only an e-mail identity may find several users."""

    EXTERNAL_ID = "external"
    ZENDESK_ID = "zendesk"
    EMAIL = "email"


class Handle(msgspec.Struct, frozen=True):
    """A row that finds a user. `key` is the prefix of `handle_prefix` and the user's id.

    The prefix is a hash, because an index of PostgreSQL cannot hold an external id of 1024 characters.
    """

    key: str
    user_id: str


def handle_prefix(kind: HandleKind, app_id: str, brand_id: str | None, value: str) -> str:
    """Return the beginning of the keys of a handle: 33 characters, of which the last is a colon."""
    parts = [kind.value, app_id, brand_id, value.casefold() if kind is HandleKind.EMAIL else value]
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest() + ":"


def handles(user: User) -> list[Handle]:
    """Return the handles of a user."""
    named = [] if user.external_id is None else [(HandleKind.EXTERNAL_ID, user.external_id)]
    named += [] if user.zendesk_id is None else [(HandleKind.ZENDESK_ID, user.zendesk_id)]
    named += [(HandleKind.EMAIL, identity["value"]) for identity in user.identities if identity["type"] == "email"]
    prefixes = {handle_prefix(kind, user.app_id, user.brand_id, value) for kind, value in named}
    return [Handle(prefix + user.id, user.id) for prefix in sorted(prefixes)]
