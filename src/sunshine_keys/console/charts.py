"""A key's requests over time as bars: their geometry, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

HOUR = 3600
HEIGHT = 40.0
"""Of a chart, in units of its own; each bar is one wide."""

_LEAST = 1.5  # a single request should be seen beside a thousand


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
    """`bars` are those that are not empty, of `places`; `days` tells the same in numbers, the last day first."""

    places: int
    bars: list[Bar]
    total: int
    most: int
    hours_a_bar: int
    days: list[Day]

    @classmethod
    def of(cls, hours: Mapping[int, int], now: float, *, days: int, bars: int) -> Chart:
        """`hours`: the start of an hour in seconds since 1970, and its requests. `bars` of whole hours make `days`."""
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
        told = [Day(date, requests) for date, requests in reversed(by_day.items())]
        return cls(bars, drawn, sum(counts), most, width, told)
