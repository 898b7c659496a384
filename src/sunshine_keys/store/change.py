"""Writes as data: what a change does, what the audit trail records of it, and where it comes from.

Every change stands beside the statements that it yields, in the package of its resource. `Store.transact` applies it in one
durable transaction.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from sunshine_keys.store.statements import Statements

R = TypeVar("R")

IDEMPOTENCY_SECONDS = 24 * 60 * 60
"""For how long the answer of a create is stored, so that a repetition gets the same answer."""


class Revokes(StrEnum):
    """The keys that a change can take away or change. Each value is a column of the table of keys, except "" and "*".

    A cache of keys drops the rows in which this column equals the last id of the change's resource; for "*" it drops all.
    """

    NOTHING = ""
    KEY = "id"
    KEYS_OF_INTEGRATION = "integration_id"
    KEYS_OF_APP = "app_id"
    ANY_KEY = "*"


class Change(msgspec.Struct, Generic[R], frozen=True):
    """Base of all changes. The type parameter is the type of the result that `Store.transact` returns.

    `action` is the change's name in the audit trail, which has no entry for it if `audited` is False. `revokes` states
    which keys the change can take away or change, and `adds_keys` whether it can add the key that its resource names, or any
    keys if its resource is the store itself; no other place states that.

    `path` is the path of the resource below /v2, a format string over the change: `apps/{0.app_id}`. It is empty if the
    resource is the store itself.
    """

    action: ClassVar[str]
    path: ClassVar[str] = ""
    audited: ClassVar[bool] = True
    revokes: ClassVar[Revokes] = Revokes.NOTHING
    adds_keys: ClassVar[bool] = False

    def apply(self) -> Statements[R]:
        """Yield the statements of the change, and return its result.

        A change reads before it writes, and each statement that writes returns the rows that it wrote. So a change that
        fails before its first write leaves the transaction unchanged.
        """
        raise NotImplementedError

    @property
    def resource(self) -> str:
        return self.path.format(self)

    @property
    def touches(self) -> set[str] | None:
        """The ids of what the change reads or writes, if others can be applied at the same time; None if it is alone.

        Two changes whose sets have no id in common must not read or write what the other writes. A change that cannot
        exclude that has None.
        """
        return None

    @property
    def note(self) -> str:
        """Further text for the entry in the audit trail."""
        return ""

    def note_on(self, result: R | None) -> str:
        """Return the note of a change that has this result; None if it was refused."""
        return self.note

    @property
    def seals(self) -> list[bytes]:
        """The sealed values that this change writes.

        The transaction rejects the change (SealingKeyChanged) unless all use the store's current sealing key.
        """
        return []


def actions() -> dict[str, Revokes]:
    """Return, for the action of each audited change that is imported, the keys that it can revoke."""
    return {change.action: change.revokes for change in _audited()}


def adding_actions() -> set[str]:
    """Return the actions of all audited changes that are imported and can add keys."""
    return {change.action for change in _audited() if change.adds_keys}


def _audited() -> list[type[Change[Any]]]:
    return [change for change in _subclasses(Change) if change.audited and hasattr(change, "action")]


def _subclasses(base: type[Change[Any]]) -> list[type[Change[Any]]]:
    return [change for direct in base.__subclasses__() for change in (direct, *_subclasses(direct))]


class Superseded(Exception):
    """There is nothing left to do for a change. It has written nothing, and the audit trail has no entry of it."""


class AuditOnly(Change[None], frozen=True):
    """Base of changes that write nothing but their entry in the audit trail."""

    @property
    def touches(self) -> set[str]:
        return set()

    def apply(self) -> Statements[None]:
        yield from ()


class Refused(AuditOnly, frozen=True):
    """A request that was refused before it could become a change."""

    action = "request"
    path = "{0.resource_path}"
    resource_path: str
    code: str
    detail: str = ""

    @property
    def note(self) -> str:
        return self.detail


class Idempotency(msgspec.Struct, frozen=True):
    """A create that may be repeated. `id` identifies the create, `fingerprint` its request. Both are SHA-256 hashes."""

    id: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, key_id: str, idempotency_key: str, request: bytes) -> Idempotency:
        """Return the identity of a create by the key `key_id`. Another key may use the same `idempotency_key`."""
        return cls(_digest(key_id.encode(), idempotency_key.encode()), _digest(request))


class Origin(msgspec.Struct, frozen=True):
    """The origin of a change.

    `key_id` is the key that authenticated the request; it is None for a request that did not authenticate, and for the
    operator at the command line. `source` is the client's address, empty if there is none.
    """

    key_id: str | None = None
    source: str = ""
    request_id: str = ""
    idempotency: Idempotency | None = None

    @property
    def actor(self) -> str:
        """The key's id; `stranger` for a request that did not authenticate; `operator` without a request."""
        return self.key_id or ("stranger" if self.request_id else "operator")


OPERATOR = Origin()


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
