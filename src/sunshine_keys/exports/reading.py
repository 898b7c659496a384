"""Reading an export: all of it is checked, and staged in a store of its own, before anything is imported."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import IO, Any

import msgspec

from sunshine_keys.errors import ServiceError
from sunshine_keys.exports.passphrase import Digest, PassphraseKeys
from sunshine_keys.exports.records import FORMAT, VERSION, ExportError, Row, row
from sunshine_keys.exports.writing import Header, Progress
from sunshine_keys.keys.secrets import new_secret, new_webhook_secret
from sunshine_keys.models import App, Counts, Integration, Key, Webhook
from sunshine_keys.sealing.sealer import Sealer, SealError
from sunshine_keys.store.sqlite.staging import Staging
from sunshine_keys.store.statements import ConstraintBroken

_LONGEST_LINE = 1 << 20
_KINDS: tuple[type[Row], ...] = (App, Integration, Webhook, Key)


def new_sealer() -> Sealer:
    """For what is staged: of a key that is nowhere but in this process."""
    return Sealer(os.urandom(32))


class Reader:
    """Reads the header at once. Raises ExportError here and in `stage`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._number = 0
        self._first = self._line()
        try:
            read = msgspec.json.decode(self._first)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            read = None
        if not isinstance(read, dict) or read.get("format") != FORMAT:
            raise ExportError("it is no export of this program")
        if read.get("version") != VERSION:
            raise ExportError(
                f"it is of version {read.get('version')}, this program knows {VERSION}: use the newer program"
            )
        try:
            self.header = msgspec.convert(read, Header)
        except msgspec.ValidationError as error:
            raise ExportError(f"line 1: {error}") from None

    @property
    def has_secrets(self) -> bool:
        return self.header.passphrase is not None

    def stage(self, passphrase: str | None, staging: Staging, sealer: Sealer, progress: Progress) -> None:
        """Put all rows into `staging`, their secrets sealed by `sealer`; new ones where the file has none."""
        keys = None if self.header.passphrase is None else PassphraseKeys(passphrase or "", self.header.passphrase)
        digest = Digest() if keys is None else keys.digest()
        digest.update(self._first)
        found = dict.fromkeys(_KINDS, 0)
        total = sum(msgspec.structs.astuple(self.header.counts))
        while True:
            content = self._line()
            read = self._decoded(content)
            if isinstance(read, dict) and "end" in read:
                break
            try:
                made = _sealed(read, keys, sealer)
                found[type(made)] += 1
                staging.add(made)
            except (ExportError, ServiceError, ConstraintBroken, SealError) as error:
                raise ExportError(f"line {self._number}: {_why(error)}") from None
            digest.update(content)
            if self._number % 1000 == 0:
                progress(self._number, total)
        rows = sum(found.values())
        expected, given = (
            digest.end(rows)["end"][digest.name],
            read["end"].get(digest.name) if isinstance(read["end"], dict) else None,
        )
        if not isinstance(given, str) or not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise ExportError("it was changed after it was made: its digest is another")
        if Counts(*found.values()) != self.header.counts or self._file.read(1):
            raise ExportError("it is not as it was made: its counts are others")

    def _line(self) -> bytes:
        self._number += 1
        content = self._file.readline(_LONGEST_LINE)
        if len(content) == _LONGEST_LINE:
            raise ExportError(f"line {self._number} is longer than any of an export")
        if not content.endswith(b"\n"):
            what = "is cut off" if self._number > 1 or content else "is empty"
            raise ExportError(
                f"it {what}: line {self._number} has no end" if content else f"it {what}: its last line is missing"
            )
        return content

    def _decoded(self, content: bytes) -> Any:
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ExportError(f"line {self._number}: that is no JSON") from None


def _sealed(read: Any, keys: PassphraseKeys | None, sealer: Sealer) -> Row:
    made, given = row(read, secrets=keys is not None)
    if not isinstance(made, Webhook | Key):
        return made
    if keys is None:
        secret = new_secret() if isinstance(made, Key) else new_webhook_secret()
    else:
        try:
            secret = keys.sealer.open(base64.b64decode(given, validate=True), made.id)
        except (binascii.Error, ValueError):
            raise ExportError("its secret should be base64") from None
    return msgspec.structs.replace(made, sealed_secret=sealer.seal(secret, made.id))


def _why(error: Exception) -> str:
    if isinstance(error, ServiceError):
        return "; ".join(error.titles)
    if isinstance(error, ConstraintBroken):
        return "a row of that id came before"
    return str(error)
