"""The form of a sealed value: the id of its sealing key comes first."""

from __future__ import annotations

SEALING_KEY_ID_BYTES = 4
"""A sealed value begins with so many bytes that name the sealing key."""


def sealed_under(sealed: bytes) -> str:
    """Return the id of the sealing key that `sealed` is encrypted under, in hex."""
    return sealed[:SEALING_KEY_ID_BYTES].hex()
