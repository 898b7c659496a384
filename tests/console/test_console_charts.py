"""The chart of a key's use has a scale that fits, a bar for each hour, and the days in UTC."""

from __future__ import annotations

import pytest

from sunshine_keys.console.charts import HOUR, TALL, History

NOON = 1795780800
"""2026-11-27T12:00:00Z in seconds since 1970."""


def history(hours: dict[int, int]) -> History:
    return History.of(hours, NOON + 1800.5, days=7)


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (105, [0, 50, 100, 150]),
        (1_000, [0, 500, 1_000]),
        (1_000_001, [0, 500_000, 1_000_000, 1_500_000]),
    ],
)
def test_scale_has_at_most_four_round_values_above_zero(most: int, expected: list[int]) -> None:
    lines = history({NOON: most}).lines
    assert [line.requests for line in lines] == expected
    assert (lines[0].top, lines[-1].top) == (TALL, 0)


def test_every_hour_has_a_place_and_its_value() -> None:
    chart = history({NOON: 3, NOON - 167 * HOUR: 1, NOON - 168 * HOUR: 99, NOON + HOUR: 99})
    assert len(chart.hours) == 168 and (chart.total, chart.most) == (4, 3)
    first, last = chart.hours[0], chart.hours[-1]
    assert first.title == "2026-11-20T13:00:00Z to 2026-11-20T14:00:00Z: 1 request"
    assert last.title == "2026-11-27T12:00:00Z to 2026-11-27T13:00:00Z: 3 requests"
    assert (first.start, round(last.start + chart.width)) == (0, 100)
    assert last.height == TALL and first.height == pytest.approx(TALL / 3, abs=0.1)
    assert {hour.height for hour in chart.hours[1:-1]} == {0}


def test_hour_with_one_request_is_visible_beside_a_million() -> None:
    assert history({NOON: 1_000_000, NOON - HOUR: 1}).hours[-2].height > 1


def test_days_begin_at_midnight_in_utc() -> None:
    days = history({}).midnights
    assert [day.label for day in days] == ["", "11-21", "11-22", "11-23", "11-24", "11-25", "11-26", "11-27"]
    assert [day.start for day in days[:2]] == [0, pytest.approx(11 / 168 * 100, abs=0.001)]
    assert days[1].middle == pytest.approx(23 / 168 * 100, abs=0.001)
    assert [day.date for day in history({}).days] == [f"2026-11-{day}" for day in range(27, 19, -1)]
