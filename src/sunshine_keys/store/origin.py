"""Where a change comes from: the key that authenticated it, from what address, by which request; and whether that
request asked for it to be done only once."""

from __future__ import annotations

import hashlib

import msgspec

IDEMPOTENCY_SECONDS = 24 * 60 * 60
"""How long a create's answer is kept for its repetition."""


class Idempotency(msgspec.Struct, frozen=True):
    """A create that may come again: what names it, and what it asks for."""

    id: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, key_id: str, idempotency_key: str, request: bytes) -> Idempotency:
        """One key's `idempotency_key` is nothing to another key."""
        return cls(_digest(key_id.encode(), idempotency_key.encode()), _digest(request))


class Origin(msgspec.Struct, frozen=True):
    """`key_id` None is the operator, at the command line. `source` is an address, empty where there is none."""

    key_id: str | None = None
    source: str = ""
    request_id: str = ""
    idempotency: Idempotency | None = None

    @property
    def actor(self) -> str:
        """The key's id; of a request that did not authenticate, `stranger`; without a request, `operator`."""
        return self.key_id or ("stranger" if self.request_id else "operator")


OPERATOR = Origin()


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
