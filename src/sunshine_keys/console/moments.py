"""Times as every page shows them: ISO 8601, in UTC, to the second. Ids contain the time of creation."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup

from sunshine_keys.ids import OBJECT_ID

_EARLIEST = datetime(2012, 1, 1, tzinfo=UTC).timestamp()
"""The API is younger than this. An id with an earlier time was not made from a time."""


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


def created(id: str) -> int | None:
    """Return when an object was created, in seconds since 1970, by its id; None if the id does not contain a time."""
    digits = id[-24:]
    seconds = int(digits[:8], 16) if OBJECT_ID.fullmatch(digits) else 0
    return seconds if seconds >= _EARLIEST else None


def clock(value: str) -> str:
    """Return the time of day of a moment in ISO 8601, in UTC: `12:27:05`."""
    return f"{datetime.fromisoformat(value).astimezone(UTC):%H:%M:%S}"
