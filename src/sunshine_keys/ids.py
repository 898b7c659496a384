"""Ids of objects, and the length of their display names."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime

DISPLAY_NAME_LENGTH = 100
"""The most characters in the display name of a key, an app or an integration (documented)."""

OBJECT_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)

_EARLIEST = datetime(2012, 1, 1, tzinfo=UTC).timestamp()
"""The API is younger than this. An id with an earlier time was not made from a time."""


def new_object_id() -> str:
    """Return 24 hex digits that sort by creation time.

    They encode 4 bytes of seconds since 1970 (as the vendor's ids do), 3 bytes of the second's fraction and 5 random bytes.
    """
    seconds, fraction = divmod(time.time_ns(), 1_000_000_000)
    return f"{seconds & 0xFFFFFFFF:08x}{fraction >> 6:06x}{os.urandom(5).hex()}"


def created(id: str) -> int | None:
    """Return when an object was created, in seconds since 1970, by its id; None if the id does not contain a time."""
    digits = id[-24:]
    seconds = int(digits[:8], 16) if OBJECT_ID.fullmatch(digits) else 0
    return seconds if seconds >= _EARLIEST else None
