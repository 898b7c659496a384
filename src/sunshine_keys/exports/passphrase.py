"""What a passphrase is made into: a key that seals secrets, and one that signs the whole export."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import unicodedata
from typing import Any

import msgspec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sunshine_keys.exports.records import ExportError
from sunshine_keys.sealing.sealer import Sealer

_MOST_MEMORY = 1 << 30


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """scrypt's parameters, as OWASP asks for: 128 MiB and about half a second for each guess."""

    n: int = 1 << 17
    r: int = 8
    p: int = 1

    def usable(self) -> bool:
        """Whether it is a cost that a file may ask for."""
        power = self.n > 1 and self.n & (self.n - 1) == 0
        return power and self.r > 0 and 0 < self.p <= 16 and 128 * self.n * self.r <= _MOST_MEMORY


class Sealing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the header: how the keys come of the passphrase, and the id of the one that seals."""

    scrypt: Cost
    salt: str
    key: str = ""


class Digest:
    """Over all lines so far: keyed where there is a passphrase, so that only who knows it can make a good file."""

    def __init__(self, key: bytes | None = None) -> None:
        self.name = "sha256" if key is None else "hmacSha256"
        self._hash = hashlib.sha256() if key is None else hmac.new(key, digestmod=hashlib.sha256)

    def update(self, line: bytes) -> None:
        self._hash.update(line)

    def end(self, rows: int) -> dict[str, Any]:
        return {"end": {"rows": rows, self.name: self._hash.hexdigest()}}


class PassphraseKeys:
    """Raises ExportError where the header's passphrase was another."""

    def __init__(self, passphrase: str, sealing: Sealing | None = None) -> None:
        sealing = sealing or Sealing(Cost(), base64.b64encode(os.urandom(16)).decode())
        if not sealing.scrypt.usable():
            raise ExportError("line 1: those parameters of scrypt are refused")
        try:
            salt = base64.b64decode(sealing.salt, validate=True)
        except (binascii.Error, ValueError):
            raise ExportError("line 1: the salt should be base64") from None
        cost = sealing.scrypt
        derived = Scrypt(salt, 64, cost.n, cost.r, cost.p).derive(unicodedata.normalize("NFC", passphrase).encode())
        self.sealer = Sealer(derived[:32])
        self._signing = derived[32:]
        if sealing.key not in ("", self.sealer.key_id):
            raise ExportError("the passphrase is wrong")
        self.sealing = msgspec.structs.replace(sealing, key=self.sealer.key_id)

    def digest(self) -> Digest:
        return Digest(self._signing)
