"""The cache of a node, tested without a database."""

from __future__ import annotations

import pytest

from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import Key
from sunshine_keys.store.postgres import remembered
from sunshine_keys.store.postgres.remembered import LEASE_SECONDS, Lease, RememberedKeys


def key(key_id: str, app: str | None = "a", integration: str | None = "i") -> Key:
    return Key(key_id, Scope.INTEGRATION, app, integration, "x", b"sealed")


def filled() -> RememberedKeys:
    keys = RememberedKeys()
    keys.follow(7, [])
    keys.keep([key("k"), key("l"), key("m", "a", "j"), key("n", "a", None), key("o", "b", "q")], 7)
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
    keys.follow(9, [(action, resource)])
    assert (known(keys), keys.sequence) == (left, 9)


def test_a_key_read_before_an_unread_entry_is_not_cached() -> None:
    keys = filled()
    as_of = keys.sequence
    keys.follow(8, [("key.delete", "apps/a/integrations/i/keys/k")])
    keys.keep([key("k")], as_of)
    assert known(keys) == "lmno"
    keys.keep([key("k")], keys.sequence)
    assert known(keys) == "klmno"


def test_least_recently_used_keys_are_forgotten_first() -> None:
    keys = RememberedKeys(most=2)
    keys.keep([key("k"), key("l")], 0)
    assert keys.get("k")
    keys.keep([key("m")], 0)
    assert known(keys) == "km"


def test_all_can_be_forgotten() -> None:
    keys = filled()
    keys.forget_all(3)
    assert (known(keys), keys.sequence) == ("", 3)


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
