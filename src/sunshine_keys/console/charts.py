"""A key's requests over time as bars: their geometry, and the same as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

HOUR = 3600
HEIGHT = 40.0
"""The height of a chart, in its own units; a bar is 1 wide."""

_LEAST = 1.5  # a single request stays visible beside a thousand


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
    """`bars` are the bars of `places` that are not empty; `days` has the same as numbers, the last day first."""

    places: int
    bars: list[Bar]
    total: int
    most: int
    hours_a_bar: int
    days: list[Day]

    @classmethod
    def of(cls, hours: Mapping[int, int], now: float, *, days: int, bars: int) -> Chart:
        """`hours` maps the start of an hour, in seconds since 1970, to its requests. `bars` of whole hours cover `days`."""
        width = days * 24 // bars
        first = int(now // HOUR) - days * 24 + 1
        counts = [0] * bars
        by_day: dict[str, int] = {}
        for hour in range(first, first + days * 24):
            requests = hours.get(hour * HOUR, 0)
            counts[(hour - first) // width] += requests
            date = datetime.fromtimestamp(hour * HOUR, UTC).date().isoformat()
            by_day[date] = by_day.get(date, 0) + requests
        most = max(counts)
        drawn = [
            Bar(place, round(max(count / most * HEIGHT, _LEAST), 2)) for place, count in enumerate(counts) if count
        ]
        listed = [Day(date, requests) for date, requests in reversed(by_day.items())]
        return cls(bars, drawn, sum(counts), most, width, listed)
