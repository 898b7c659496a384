"""Encrypt secrets at rest with AES-256-GCM. Each is bound to the row that holds it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sunshine_keys.store.seal_format import SEALING_KEY_ID_BYTES, sealed_under

_NONCE_BYTES = 12
_CACHE_SIZE = 1000


class SealError(Exception):
    """A sealed secret cannot be unsealed: it belongs to another row, or is damaged."""


class UnknownSealingKey(SealError):
    """A secret is sealed under the key `key_id`, which is not in the ring."""

    def __init__(self, owner_id: str, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(f"{owner_id} is sealed under key {key_id}, which is not in the ring")


def sealing_key_id(key: bytes) -> str:
    """Return 8 hex digits that name a sealing key and reveal nothing else. Raises ValueError unless it has 32 bytes."""
    if len(key) != 32:
        raise ValueError(f"a sealing key is 32 bytes, not {len(key)}")
    return hashlib.sha256(b"sunshine-keys sealing key id\0" + key).digest()[:SEALING_KEY_ID_BYTES].hex()


class Sealer:
    """Seals secrets with AES-256-GCM under the current key of a ring, and unseals secrets under any key of the ring.

    A sealed secret consists of the sealing key's id (4 bytes), a random nonce (12 bytes), ciphertext and tag. It is bound
    to the id of its row: in another row, it cannot be unsealed.

    The first key is current until `use` names another key. Only the thread that seals and unseals may add keys. No key is
    ever removed.
    """

    def __init__(self, *keys: bytes) -> None:
        if not keys:
            raise ValueError("a ring needs at least one key")
        self._ring: dict[bytes, AESGCM] = {}
        self._cache: dict[tuple[bytes, str], str] = {}
        self.add(keys)
        self.use(sealing_key_id(keys[0]))

    def add(self, keys: Iterable[bytes]) -> None:
        """Add keys to the ring. Raises ValueError unless each has 32 bytes."""
        self._ring |= {bytes.fromhex(sealing_key_id(key)): AESGCM(key) for key in keys}

    def use(self, key_id: str) -> None:
        """Make the key `key_id` the current one. Raises KeyError if it is not in the ring."""
        prefix = bytes.fromhex(key_id)
        self._current = prefix, self._ring[prefix]

    @property
    def key_id(self) -> str:
        """The id of the current key."""
        return self._current[0].hex()

    @property
    def key_ids(self) -> list[str]:
        """The ids of all keys in the ring."""
        return [prefix.hex() for prefix in self._ring]

    def __repr__(self) -> str:
        return f"Sealer(key_id={self.key_id!r})"

    def seal(self, secret: str, owner_id: str) -> bytes:
        """Seal `secret` under the current key, bound to the row `owner_id`."""
        prefix, aead = self._current
        nonce = os.urandom(_NONCE_BYTES)
        return prefix + nonce + aead.encrypt(nonce, secret.encode(), owner_id.encode())

    def open(self, sealed: bytes, owner_id: str) -> str:
        """Return the secret in `sealed`, which belongs to the row `owner_id`. Raises UnknownSealingKey, SealError.

        A thousand results are cached by both arguments, because unsealing a secret takes 1.4 µs and a list has ten secrets.
        """
        secret = self._cache.get((sealed, owner_id))
        if secret is None:
            secret = self._open(sealed, owner_id)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[sealed, owner_id] = secret
        return secret

    def _open(self, sealed: bytes, owner_id: str) -> str:
        aead = self._ring.get(sealed[:SEALING_KEY_ID_BYTES])
        if aead is None:
            raise UnknownSealingKey(owner_id, sealed_under(sealed))
        try:
            return aead.decrypt(sealed[4:16], sealed[16:], owner_id.encode()).decode()
        except (InvalidTag, ValueError):
            raise SealError(f"the sealed secret of {owner_id} is damaged") from None
