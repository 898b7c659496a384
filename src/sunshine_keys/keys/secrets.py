"""Secrets of keys: generate, recognise and compare them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import zlib

_CHECKSUM_DOMAIN = b"sunshine-keys secret v1\0"
_RANDOM_BYTES = 60


def new_secret() -> str:
    """Return a new secret: 86 base64url characters that encode 60 random bytes and their checksum.

    The checksum lets a scanner recognise a secret of this service without asking the service.
    """
    random = os.urandom(_RANDOM_BYTES)
    return base64.urlsafe_b64encode(random + _checksum(random)).rstrip(b"=").decode()


def is_our_secret(text: str) -> bool:
    """Return True if `text` has the form and the checksum of a secret from `new_secret`."""
    if len(text) != 86:
        return False
    try:
        raw = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(raw[_RANDOM_BYTES:], _checksum(raw[:_RANDOM_BYTES]))


def new_webhook_secret() -> str:
    """Return 32 hex digits, the form of the published examples."""
    return os.urandom(16).hex()


def token_hash(secret: str) -> str:
    """Return the SHA-256 of an access token's secret in hexadecimal. The secret has 480 random bits, so it needs no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same_secret(presented: str, stored: str) -> bool:
    """Compare two secrets in constant time (for secrets of the same length)."""
    return hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), stored.encode())


def _checksum(random: bytes) -> bytes:
    return zlib.crc32(_CHECKSUM_DOMAIN + random).to_bytes(4, "big")
