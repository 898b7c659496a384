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
"""How long the answer of a create is stored for its repetition."""


class Revokes(StrEnum):
    """Which keys a change can take away. The values name columns of the table of keys.

    Whatever remembers keys forgets those whose column holds the last id of the change's resource.
    """

    NOTHING = ""
    KEY = "id"
    KEYS_OF_INTEGRATION = "integration_id"
    KEYS_OF_APP = "app_id"
    ANY_KEY = "*"


class Change(msgspec.Struct, Generic[R], frozen=True):
    """Base of all changes. The type parameter is what `Store.transact` returns for it.

    `action` names the change in the audit trail, unless it is not `audited`. `revokes` is the only place that says
    whether the change can take keys away, or change them.

    `path` is the path of the resource below /v2, a format string over the change: `apps/{0.app_id}`. It is empty for the
    store itself.
    """

    action: ClassVar[str]
    path: ClassVar[str] = ""
    audited: ClassVar[bool] = True
    revokes: ClassVar[Revokes] = Revokes.NOTHING

    def apply(self) -> Statements[R]:
        """Yield the statements that make the change, and return its result.

        A change reads before it writes, and each statement that writes returns the rows it wrote: a change that fails
        before it has written anything leaves the transaction as it was.
        """
        raise NotImplementedError

    @property
    def resource(self) -> str:
        return self.path.format(self)

    @property
    def note(self) -> str:
        """What else the audit trail should say."""
        return ""

    @property
    def seals(self) -> list[bytes]:
        """Sealed values that this change writes.

        The transaction rejects the change (SealingKeyChanged) unless all use the store's current sealing key.
        """
        return []


def actions() -> dict[str, Revokes]:
    """Return the actions of all audited changes that are loaded, with what they revoke."""
    changes = [change for change in _subclasses(Change) if change.audited and hasattr(change, "action")]
    return {change.action: change.revokes for change in changes}


def _subclasses(base: type[Change[Any]]) -> list[type[Change[Any]]]:
    return [change for direct in base.__subclasses__() for change in (direct, *_subclasses(direct))]


class AuditOnly(Change[None], frozen=True):
    """Base of changes that write nothing but their entry in the audit trail."""

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
    """A create that may be repeated: `id` names it, `fingerprint` identifies what it asks for. Both are SHA-256."""

    id: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, key_id: str, idempotency_key: str, request: bytes) -> Idempotency:
        """`idempotency_key` names a create of the key `key_id` alone: other keys may use the same."""
        return cls(_digest(key_id.encode(), idempotency_key.encode()), _digest(request))


class Origin(msgspec.Struct, frozen=True):
    """Where a change comes from.

    `key_id` is the key that authenticated the request; None is the operator, at the command line. `source` is an address,
    empty if there is none.
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
