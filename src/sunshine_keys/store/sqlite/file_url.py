"""The URL by which SQLite opens a file with options."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


def file_url(path: Path, options: str) -> str:
    """Return the URL of a file, whose path may hold any bytes. `options` is its query, such as `mode=ro`."""
    return f"file:{quote(os.fsencode(path.absolute()))}?{options}"
