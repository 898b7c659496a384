"""A plugin of detect-secrets for the secrets of Sunshine Keys: `detect-secrets scan --plugin detect_secrets_plugin.py`.

It checks the checksum of each secret, so that false alarms practically do not occur. It needs nothing but detect-secrets.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator

from detect_secrets.plugins.base import RegexBasedDetector

_CHECKSUM_DOMAIN = b"sunshine-keys secret v1\0"
_RANDOM_BYTES = 60
_SECRET_LENGTH = 86
_LAST = "AQgw"
"""The possible last characters of a secret: it carries two bits, and its other bits are zero."""
_LONGEST_RUN = 120


class SunshineKeysDetector(RegexBasedDetector):
    """Finds secrets of keys, access tokens and OAuth clients, bare and in Basic credentials."""

    secret_type = "Sunshine Keys Secret"  # noqa: S105 - a name

    denylist = (
        re.compile(r"[A-Za-z0-9_-]{86,120}"),
        re.compile(r"(?:aW50X|YXBwX|YWN0X)[A-Za-z0-9+/]{149}"),
    )

    def analyze_string(self, string: str) -> Iterator[str]:
        """Yield the secrets in a line. The text around a secret may belong to the same alphabet, such as a minus."""
        for run in super().analyze_string(string):
            yield from _secrets(run)


def _secrets(run: str) -> Iterator[str]:
    if len(run) > _LONGEST_RUN:
        run = base64.b64decode(run + "==").decode("latin-1")[-_SECRET_LENGTH:]
    for first in range(len(run) - _SECRET_LENGTH + 1):
        if _is_secret(text := run[first : first + _SECRET_LENGTH]):
            yield text


def _is_secret(text: str) -> bool:
    if text[-1] not in _LAST:
        return False
    try:
        raw = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except ValueError:
        return False
    checksum = zlib.crc32(_CHECKSUM_DOMAIN + raw[:_RANDOM_BYTES]).to_bytes(4, "big")
    return raw[_RANDOM_BYTES:] == checksum
