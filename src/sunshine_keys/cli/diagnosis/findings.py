"""What a diagnosis comes to."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """`cause` is a word for programs, `told` what it is, and `advice` what would mend it. No secret is in any of them."""

    cause: str
    told: str
    advice: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """Whether the request was or would be accepted, None where nobody can know; and why."""

    accepted: bool | None
    findings: list[Finding]


def refused(cause: str, told: str, advice: str = "") -> Diagnosis:
    return Diagnosis(accepted=False, findings=[Finding(cause, told, advice)])


def span(seconds: float) -> str:
    """How long that is, as people say it."""
    seconds = abs(seconds)
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size < size / 10):
            return _counted(round(seconds / size), unit)
    return _counted(round(seconds), "second")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def told_time(seconds: float) -> str:
    """A moment since 1970 in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return "a time that no calendar has"
