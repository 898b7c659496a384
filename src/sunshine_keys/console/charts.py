"""A key's requests over time: the geometry of a small chart for lists and of a large one with scales, and the same as numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from sunshine_keys.console.moments import iso

HOUR = 3600
DAY_HOURS = 24
HEIGHT = 40.0
"""The height of a small chart, in its own units; a bar is 1 wide."""

TALL = 160
"""The height of a large chart's bars in pixels. Its horizontal places are percentages of its width, so text is not stretched."""

_LEAST = 1.5  # a single request stays visible beside a thousand
_STEPS = (1, 2, 5)
_MOST_LINES = 4


class Bar(msgspec.Struct, frozen=True):
    place: int
    height: float

    @property
    def top(self) -> float:
        return round(HEIGHT - self.height, 2)


class Day(msgspec.Struct, frozen=True):
    date: str
    requests: int


class Chart(msgspec.Struct, frozen=True):
    """A small chart. `bars` are the bars of `places` that are not empty."""

    places: int
    bars: list[Bar]
    total: int
    most: int
    hours_a_bar: int

    @classmethod
    def of(cls, hours: Mapping[int, int], now: float, *, days: int, bars: int) -> Chart:
        """`hours` maps the start of an hour, in seconds since 1970, to its requests. `bars` of whole hours cover `days`."""
        width = days * DAY_HOURS // bars
        first = int(now // HOUR) - days * DAY_HOURS + 1
        counts = [0] * bars
        for hour in range(first, first + days * DAY_HOURS):
            counts[(hour - first) // width] += hours.get(hour * HOUR, 0)
        most = max(counts)
        drawn = [
            Bar(place, round(max(count / most * HEIGHT, _LEAST), 2)) for place, count in enumerate(counts) if count
        ]
        return cls(bars, drawn, sum(counts), most, width)


class Hour(msgspec.Struct, frozen=True):
    """A bar of a large chart. `start` is its left edge as a percentage, `height` in pixels; `title` states its value."""

    start: float
    height: float
    title: str


class Line(msgspec.Struct, frozen=True):
    """A line of the scale at `top` pixels, with its value."""

    top: float
    requests: int


class Midnight(msgspec.Struct, frozen=True):
    """The beginning of a day as a percentage of the width, and where the label of the day is; it is empty for a short part."""

    start: float
    middle: float
    label: str


class History(msgspec.Struct, frozen=True):
    """A large chart: a bar for each hour, lines of a scale, and days. `days` has the same as numbers, the last day first."""

    hours: list[Hour]
    width: float
    lines: list[Line]
    midnights: list[Midnight]
    total: int
    most: int
    days: list[Day]

    @classmethod
    def of(cls, hours: Mapping[int, int], now: float, *, days: int) -> History:
        """`hours` maps the start of an hour, in seconds since 1970, to its requests. The current hour is the last."""
        number = days * DAY_HOURS
        first = int(now // HOUR) - number + 1
        counts = [hours.get((first + place) * HOUR, 0) for place in range(number)]
        most = max(counts)
        step, top = _scale(most)
        bars = [
            Hour(_percent(place, number), _height(count, top), _title((first + place) * HOUR, count))
            for place, count in enumerate(counts)
        ]
        lines = [Line(round(TALL - value / top * TALL, 1), value) for value in range(0, top + 1, step)]
        by_day: dict[str, int] = {}
        for place, count in enumerate(counts):
            date = datetime.fromtimestamp((first + place) * HOUR, UTC).date().isoformat()
            by_day[date] = by_day.get(date, 0) + count
        listed = [Day(date, requests) for date, requests in reversed(by_day.items())]
        return cls(bars, _percent(1, number), lines, _midnights(first, number), sum(counts), most, listed)


def _percent(place: float, number: int) -> float:
    return round(place / number * 100, 3)


def _height(count: int, top: int) -> float:
    return round(max(count / top * TALL, _LEAST), 1) if count else 0.0


def _title(start: int, count: int) -> str:
    return f"{iso(start)} to {iso(start + HOUR)}: {count:,} {'request' if count == 1 else 'requests'}"


def _scale(most: int) -> tuple[int, int]:
    """Return the distance of the lines, which is 1, 2 or 5 times a power of ten, and the highest value of the scale."""
    steps = (step * 10**power for power in itertools.count() for step in _STEPS)
    step = next(step for step in steps if step * _MOST_LINES >= most)
    return step, max(-(-most // step), 1) * step


def _midnights(first: int, number: int) -> list[Midnight]:
    """Return the days that `number` hours from the hour `first` since 1970 cover, the first one perhaps in part."""
    days = []
    begin = 0
    while begin < number:
        end = min(begin + DAY_HOURS - (first + begin) % DAY_HOURS, number)
        date = datetime.fromtimestamp((first + begin) * HOUR, UTC)
        label = f"{date:%m-%d}" if end - begin > DAY_HOURS / 2 else ""
        days.append(Midnight(_percent(begin, number), _percent((begin + end) / 2, number), label))
        begin = end
    return days
