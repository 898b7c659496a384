"""The form of a sealed value: it begins with the id of its sealing key."""

from __future__ import annotations

SEALING_KEY_ID_BYTES = 4
"""The length of the sealing key's id, with which a sealed value begins."""


def sealed_under(sealed: bytes) -> str:
    """Return the id of the sealing key that `sealed` is encrypted under, in hex."""
    return sealed[:SEALING_KEY_ID_BYTES].hex()
