"""Filters of `keys list`: keys that nobody has used for a time, and keys that end soon."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from sunshine_keys.cli.durations import duration
from sunshine_keys.ids import created

UNUSED_FOR = Annotated[
    str | None,
    typer.Option(
        "--unused-for",
        envvar="SUNSHINE_KEYS_UNUSED_FOR",
        metavar="DURATION",
        help="Only keys that are older, and that nobody has used for so long: 90d.",
    ),
]
EXPIRES_WITHIN = Annotated[
    str | None,
    typer.Option(
        "--expires-within",
        envvar="SUNSHINE_KEYS_EXPIRES_WITHIN",
        metavar="DURATION",
        help="Only keys that end within this time, or have ended: 30d.",
    ),
]


class KeyFilter(msgspec.Struct, frozen=True):
    """A filter. None lets every key pass."""

    unused_seconds: int | None
    expiring_seconds: int | None

    @classmethod
    def of(cls, unused_for: str | None, expires_within: str | None) -> KeyFilter:
        """Return the filter of the options. Raises typer.BadParameter."""
        return cls(duration(unused_for), duration(expires_within))

    def filtered(self, keys: Iterable[Any]) -> list[Any]:
        """Return the keys that pass. `lastUsedAt` and `expiresAt` are among their further properties."""
        now = time.time()
        return [key for key in keys if self._is_unused(key, now) and self._is_ending(key, now)]

    def _is_unused(self, key: Any, now: float) -> bool:
        if self.unused_seconds is None:
            return True
        since = max(_seconds(key, "lastUsedAt") or 0.0, created(key.id) or 0.0)
        return now - since >= self.unused_seconds

    def _is_ending(self, key: Any, now: float) -> bool:
        if self.expiring_seconds is None:
            return True
        end = _seconds(key, "expiresAt")
        return end is not None and end - now <= self.expiring_seconds


def _seconds(key: Any, name: str) -> float | None:
    text = key.additional_properties.get(name)
    return datetime.fromisoformat(text).timestamp() if text else None
