"""The cache of a node, tested without a database."""

from __future__ import annotations

import pytest

from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import Key
from sunshine_keys.store.audit import Head
from sunshine_keys.store.postgres import remembered
from sunshine_keys.store.postgres.remembered import LEASE_SECONDS, Lease, RememberedKeys


def key(key_id: str, app: str | None = "a", integration: str | None = "i") -> Key:
    return Key(key_id, Scope.INTEGRATION, app, integration, "x", b"sealed")


def filled() -> RememberedKeys:
    keys = RememberedKeys()
    keys.advance(Head(7, b"7"), continues=True)
    keys.follow([])
    keys.keep([key("k"), key("l"), key("m", "a", "j"), key("n", "a", None), key("o", "b", "q")], ["x", "y"])
    return keys


def known(keys: RememberedKeys) -> str:
    return "".join(name for name in "klmno" if keys.get(name))


@pytest.mark.parametrize(
    ("action", "resource", "left"),
    [
        ("key.delete", "apps/a/integrations/i/keys/k", "lmno"),
        ("key.delete", "apps/a/keys/n", "klmo"),
        ("key.delete", "apps/a/keys/unknown", "klmno"),
        ("integration.delete", "apps/a/integrations/i", "mno"),
        ("app.delete", "apps/a", "o"),
        ("sealing.rotate", "", ""),
        ("something.new", "x", ""),
    ],
)
def test_a_key_that_the_trail_revokes_is_forgotten(action: str, resource: str, left: str) -> None:
    keys = filled()
    keys.advance(Head(9, b"9"), continues=True)
    keys.follow([(action, resource)])
    assert (known(keys), keys.sequence) == (left, 9)


@pytest.mark.parametrize(
    ("action", "resource", "left"),
    [
        ("key.create", "apps/a/integrations/i/keys/x", "y"),
        ("key.create", "apps/a/keys/z", "xy"),
        ("key.delete", "apps/a/keys/k", "xy"),
        ("app.delete", "apps/a", "xy"),
        ("store.initialise", "", ""),
        ("store.restore", "", ""),
        ("something.new", "x", ""),
    ],
)
def test_a_missing_id_is_forgotten_when_the_trail_may_add_its_key(action: str, resource: str, left: str) -> None:
    keys = filled()
    keys.advance(Head(9, b"9"), continues=True)
    keys.follow([(action, resource)])
    assert "".join(name for name in "xyz" if keys.is_missing(name)) == left


def test_a_read_alone_does_not_skip_entries() -> None:
    keys = filled()
    keys.advance(Head(9, b"9"), continues=True)
    keys.keep([key("p")])
    assert (keys.sequence, keys.head) == (7, Head(9, b"9"))


def test_all_is_forgotten_if_the_trail_lacks_an_entry_that_was_seen() -> None:
    keys = filled()
    keys.advance(Head(8, b"8"), continues=False)
    assert (known(keys), keys.sequence, keys.head, keys.is_missing("x")) == ("", 8, Head(8, b"8"), False)


def test_least_recently_used_keys_are_forgotten_first() -> None:
    keys = RememberedKeys(most=2, most_missing=2)
    keys.keep([key("k"), key("l")], ["x", "y"])
    assert keys.get("k")
    keys.keep([key("m")], ["z"])
    assert known(keys) == "km"
    assert [name for name in "xyz" if keys.is_missing(name)] == ["y", "z"]


def test_a_lease_starts_before_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(remembered, "clock", lambda: now)
    lease = Lease()
    assert not lease.is_held()
    lease.renewed(99.0)
    assert lease.is_held()
    now = 99.0 + LEASE_SECONDS
    assert not lease.is_held()
    lease.renewed(98.0)  # a late answer does not extend the lease
    assert not lease.is_held()
    lease.renewed(now)
    assert lease.is_held()
    lease.given_up()
    assert not lease.is_held()
