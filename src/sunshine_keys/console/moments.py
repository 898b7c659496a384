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


def clock(value: str) -> str:
    """Return the time of day of a moment in ISO 8601, in UTC: `12:27:05`."""
    return f"{datetime.fromisoformat(value).astimezone(UTC):%H:%M:%S}"
