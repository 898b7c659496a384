"""Metadata of users, conversations and messages: flat objects of at most 4096 bytes of JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest

METADATA_BYTES = 4096
"""The most bytes of metadata as compact JSON (documented)."""


def is_small(metadata: dict[str, Any] | None) -> bool:
    """Return True if metadata is not too large."""
    return not metadata or len(msgspec.json.encode(metadata)) <= METADATA_BYTES


def require_small(metadata: dict[str, Any] | None, owner: str) -> None:
    """Raise BadRequest if metadata is too large. `owner` is in the title: User, Conversation or Message."""
    if not is_small(metadata):
        raise BadRequest(f"{owner} metadata is limited to {METADATA_BYTES} bytes in size.")
