"""Times on pages have one form."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.visitor import Visitor
from support.wire import Service, Tenant

from sunshine_keys.console.moments import in_words, moment
from sunshine_keys.ids import created

TIME = '<time datetime="2026-11-27T12:27:05Z">2026-11-27T12:27:05Z</time>'


@pytest.mark.parametrize(
    "value",
    [
        1795782425,
        1795782425.9,
        "2026-11-27T12:27:05.123Z",
        "2026-11-27T13:27:05+01:00",
        datetime(2026, 11, 27, 12, 27, 5, tzinfo=UTC),
        datetime(2026, 11, 27, 14, 27, 5, tzinfo=timezone(timedelta(hours=2))),
    ],
    ids=str,
)
def test_moment_is_shown_in_iso_8601_and_utc(value: float | str | datetime) -> None:
    assert str(moment(value)) == TIME


def test_id_contains_the_time_of_creation() -> None:
    assert created("int_6b0977193adb4bf917fd3db1") == created("6b0977193adb4bf917fd3db1") == 0x6B097719
    for id in ("029c31f25a21b47effd7be90", "an id", "", "operator"):
        assert created(id) is None


def test_every_time_on_a_page_is_in_iso_8601(owner: Visitor, tenant: Tenant, service: Service) -> None:
    integration = f"/console{tenant.integration.removeprefix('/v2')}"
    for path in (
        "/console/apps", f"/console/apps/{tenant.app_id}", integration, f"{integration}/keys/{tenant.key.id}",
        "/console/account-keys", f"/console/account-keys/{service.account.id}", "/console/audit",
    ):  # fmt: skip
        times = re.findall(r'<time datetime="([^"]*)">([^<]*)</time>', owner.get(path).html)
        assert times, path
        for value, text in times:
            assert value == text and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), path


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (6 * 86400 + 86399, "in 6 days"),
        (86400, "in 1 day"),
        (86399.9, "in 23 hours"),
        (60, "in 1 minute"),
        (59, "in less than a minute"),
        (0, "less than a minute ago"),
        (-7300, "2 hours ago"),
    ],
)
def test_time_from_now_is_in_whole_units(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
