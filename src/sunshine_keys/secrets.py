"""Secrets: how they are made, recognised, compared and sealed at rest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_CHECKSUM_DOMAIN = b"sunshine-keys secret v1\0"
_RANDOM_BYTES = 60
_NONCE_BYTES = 12
_KEY_ID_BYTES = 4


def new_secret() -> str:
    """A key's secret: 86 base64url characters, 60 random bytes and a checksum that tells one of ours offline."""
    random = os.urandom(_RANDOM_BYTES)
    return base64.urlsafe_b64encode(random + _checksum(random)).rstrip(b"=").decode()


def is_our_secret(text: str) -> bool:
    """Whether `text` has the form and the checksum of a secret from `new_secret`."""
    if len(text) != 86:
        return False
    try:
        raw = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(raw[_RANDOM_BYTES:], _checksum(raw[:_RANDOM_BYTES]))


def new_webhook_secret() -> str:
    """32 hex digits, as webhook secrets are published."""
    return os.urandom(16).hex()


def same_secret(given: str, kept: str) -> bool:
    """Compare in constant time (for secrets of one length)."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), kept.encode())


def _checksum(random: bytes) -> bytes:
    return zlib.crc32(_CHECKSUM_DOMAIN + random).to_bytes(4, "big")


class SealError(Exception):
    """A sealed secret that cannot be opened: sealed under another key, for another row, or damaged."""


class Sealer:
    """Seals secrets with AES-256-GCM under one key-encryption key.

    A sealed secret is: the sealing key's id (4 bytes), a random nonce (12), ciphertext and tag. It is bound to the
    id of the row it belongs to, so that a sealed secret moved to another row does not open.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError(f"a sealing key is 32 bytes, not {len(key)}")
        self._aead = AESGCM(key)
        self._prefix = hashlib.sha256(b"sunshine-keys sealing key id\0" + key).digest()[:_KEY_ID_BYTES]

    @property
    def key_id(self) -> str:
        """8 hex digits that name the sealing key without telling anything of it."""
        return self._prefix.hex()

    def __repr__(self) -> str:
        return f"Sealer(key_id={self.key_id!r})"

    def seal(self, secret: str, owner_id: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return self._prefix + nonce + self._aead.encrypt(nonce, secret.encode(), owner_id.encode())

    def open(self, sealed: bytes, owner_id: str) -> str:
        prefix, nonce, rest = sealed[:_KEY_ID_BYTES], sealed[_KEY_ID_BYTES:16], sealed[16:]
        if prefix != self._prefix:
            raise SealError(f"{owner_id} is sealed under key {prefix.hex()}, not {self.key_id}")
        try:
            return self._aead.decrypt(nonce, rest, owner_id.encode()).decode()
        except (InvalidTag, ValueError):
            raise SealError(f"the sealed secret of {owner_id} is damaged") from None
