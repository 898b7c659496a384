"""Times of the ends of keys, as numbers and as text."""

from __future__ import annotations

import pytest

from sunshine_keys.keys.model import moment_of, moment_text


@pytest.mark.parametrize("year", [1970, 2026, 2500, 8000, 9998])
def test_every_millisecond_is_exact(year: int) -> None:
    for milliseconds in range(1000):
        text = f"{year}-07-31T23:59:59.{milliseconds:03}Z"
        assert moment_text(moment_of(text)) == text


def test_further_digits_are_cut() -> None:
    assert moment_text(moment_of("2026-11-27T17:02:10.1149999Z")) == "2026-11-27T17:02:10.114Z"
    assert moment_text(None) is None
