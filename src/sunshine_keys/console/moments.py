"""Times as every page shows them: ISO 8601, in UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup


def iso(value: float | str | datetime) -> str:
    """Return a moment as text: `2026-11-27T12:27:05Z`. A number counts seconds since 1970; a text is in ISO 8601."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif not isinstance(value, datetime):
        value = datetime.fromtimestamp(value, UTC)
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def moment(value: float | str | datetime) -> Markup:
    """Return a moment as the element `time`."""
    text = iso(value)
    return Markup('<time datetime="{}">{}</time>').format(text, text)


_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def in_words(seconds: float) -> str:
    """Return a time from now in whole units, rounded down: "in 6 days", "2 hours ago", "in less than a minute"."""
    text = span(abs(seconds))
    return f"in {text}" if seconds > 0 else f"{text} ago"


def span(seconds: float) -> str:
    """Return a duration in whole units, rounded down: "6 days"."""
    for unit, size in _UNITS:
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def clock(value: str) -> str:
    """Return the time of day of a moment in ISO 8601, in UTC: `12:27:05`."""
    return f"{datetime.fromisoformat(value).astimezone(UTC):%H:%M:%S}"
