"""Durations as people write them: 30m, 2h, 7d."""

from __future__ import annotations

import re
from typing import NoReturn

import typer

_DURATION = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds_in(text: str) -> int | None:
    """Return the seconds in a duration such as 30m, 2h or 7d; None if the text is none."""
    match = _DURATION.fullmatch(text.strip())
    return int(match[1]) * _UNIT_SECONDS[match[2]] if match else None


def duration(text: str | None) -> int | None:
    """Return the seconds in the value of an option; None for None. Raises typer.BadParameter. It is a `callback` of Typer."""
    if text is None or isinstance(text, int):
        return text
    seconds = seconds_in(text)
    if seconds is None:
        _reject(text)
    return seconds


def words(seconds: float) -> str:
    """Return a duration in its largest whole unit: `7 days`."""
    number, unit = next(
        ((seconds / size, unit) for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)) if seconds >= size),
        (seconds, "second"),
    )
    return f"{number:g} {unit}{'' if number == 1 else 's'}" if number == int(number) else f"{number:.1f} {unit}s"


def _reject(text: str) -> NoReturn:
    raise typer.BadParameter(f"{text!r} is no duration such as 30m, 2h or 7d")
