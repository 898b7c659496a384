"""Ids of objects, and the length of their display names."""

from __future__ import annotations

import os
import re
import time

DISPLAY_NAME_LENGTH = 100
"""The most characters in the display name of a key, an app or an integration (documented)."""

OBJECT_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)


def new_object_id() -> str:
    """Return 24 hex digits that sort by creation time.

    They encode 4 bytes of seconds since 1970 (as the vendor's ids do), 3 bytes of the second's fraction and 5 random bytes.
    """
    seconds, fraction = divmod(time.time_ns(), 1_000_000_000)
    return f"{seconds & 0xFFFFFFFF:08x}{fraction >> 6:06x}{os.urandom(5).hex()}"
