"""The locations that --database accepts, and how messages show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunshine_keys.store import StoreError
from sunshine_keys.store.locations import PostgresUrl, SqliteFile, location, urls_by_host

SECRET = "correcthorse"


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///a/b", "/a/b"), ("sqlite:////a/b", "/a/b"), ("sqlite:b", "b"), ("sqlite:/a/b", "/a/b")],
)
def test_a_file(url: str, path: str) -> None:
    assert location(url) == SqliteFile(Path(path))
    assert location(SqliteFile(Path(path)).url) == SqliteFile(Path(path).absolute())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgres://u@h:5432/d", "postgresql://u@h:5432/d"),
        (f"postgresql://u:{SECRET}@h/d?sslmode=require", "postgresql://u@h/d"),
        (f"postgresql://u:{SECRET}@a:1,[::1]:2/d?target_session_attrs=read-write", "postgresql://u@a:1,[::1]:2/d"),
        (f"postgresql:///d?host=/run/postgresql&password={SECRET}", "postgresql:///d"),
        (f"postgresql://u:%40%2F{SECRET}@%2Frun%2Fpostgresql/d", "postgresql://u@%2Frun%2Fpostgresql/d"),
        ("postgresql://", "postgresql://"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    place = location(url)
    assert place == PostgresUrl(url)
    assert str(place) == shown
    assert SECRET not in repr(place) + f"{place}"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}/x@h/d",
        f"postgresql://u:12/{SECRET}@h/d",
        f"postgresql://u:@{SECRET}@h/d",
        f"postgresql://u:x#{SECRET}@h/d",
        f"postgresql://u:x?{SECRET}@h/d",
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:{SECRET}@h:65536/d",
        f"postgresql://u:{SECRET}@h/d?sslmode",
        f"postgresql:u:{SECRET}@h/d",
        f"mysql://u:{SECRET}@h/d",
        f"host=h user=u password={SECRET}",
    ],
)
def test_an_invalid_location_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StoreError, match="--database") as raised:
        location(url)
    assert SECRET not in str(raised.value)


def test_several_hosts_are_parsed() -> None:
    assert urls_by_host("postgresql://u:p@a:1,[::1]:2,c/d?x=1") == [
        "postgresql://u:p@a:1/d?x=1",
        "postgresql://u:p@[::1]:2/d?x=1",
        "postgresql://u:p@c/d?x=1",
    ]
    assert urls_by_host("postgresql:///d?host=a,b") == ["postgresql:///d?host=a,b"]
