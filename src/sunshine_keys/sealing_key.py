"""Where the key-encryption key comes from: given by the operator, or a file of mode 0600 beside the store."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path

from sunshine_keys.drafts import sync_folder
from sunshine_keys.store import StoreError

FILE_NAME = "sealing.key"


def decode(text: str, source: str) -> bytes:
    """32 bytes from their base64 (either alphabet). Raises StoreError naming `source`, never the key."""
    compact = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        key = base64.b64decode(compact + "=" * (-len(compact) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise StoreError(f"{source} should hold a sealing key: 32 bytes in base64")
    return key


def load(folder: Path) -> bytes | None:
    """The key in `folder`, or None where there is none."""
    path = folder / FILE_NAME
    try:
        return decode(path.read_text("ascii"), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read the sealing key {path}: {error}") from error


def make(folder: Path) -> bytes:
    """Make a key in `folder`, on disk before it is used; where another process was first, return its key."""
    path, draft = folder / FILE_NAME, folder / f".{FILE_NAME}.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        sync_folder(folder)
    except OSError as error:
        raise StoreError(f"cannot write the sealing key {path}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    key = load(folder)
    if key is None:
        raise StoreError(f"the sealing key {path} vanished as it was made")
    return key
