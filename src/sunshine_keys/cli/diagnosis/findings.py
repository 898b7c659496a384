"""The result of a diagnosis, and the forms of times in it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """`cause` is a word for programs, `message` says what happened, `advice` what to do. None contains a secret."""

    cause: str
    message: str
    advice: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """Whether the service accepts the credentials or the request, and why. `accepted` is None if that is unknown."""

    accepted: bool | None
    findings: list[Finding]


def refused(cause: str, message: str, advice: str = "") -> Diagnosis:
    return Diagnosis(accepted=False, findings=[Finding(cause, message, advice)])


def duration(seconds: float) -> str:
    """Format a duration in one unit: "4 minutes"."""
    seconds = abs(seconds)
    unit, size = next(
        ((unit, size) for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)) if seconds >= 2 * size),
        ("second", 1),
    )
    number = round(seconds / size)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def utc_time(seconds: float) -> str:
    """Format seconds since 1970 as a UTC time."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return "an invalid time"
