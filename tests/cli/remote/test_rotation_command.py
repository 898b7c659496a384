"""`keys rotate`, and ends of keys in `keys create` and `keys list`."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import pytest
from support.remote import Commands

from sunshine_keys.keys.usage import KeyHour, SourceOfUse


def own(commands: Commands) -> tuple[str, str]:
    return "--integration", commands.server.integration_id


def used(commands: Commands, key_id: str, days_ago: float, agent: str = "bot/1") -> None:
    """Record a use of a key, as a service with usage does."""
    now = time.time() - days_ago * 86400
    hour = int(now) // 3600 * 3600
    source = SourceOfUse(key_id, hour, "192.0.2.7", agent, 12, now)
    batch = [KeyHour(key_id, hour, 12, now, "192.0.2.7", (source,))]
    commands.server.run(commands.server._engine.store.count_usage(batch))


def test_rotate_shows_the_successor_and_repeats_it(commands: Commands) -> None:
    key = commands.json("keys", "create", "worker", *own(commands))
    first = commands.json("keys", "rotate", key["id"], *own(commands), "--grace", "2d")
    assert first["rotation"]["keyId"] == key["id"]
    assert first["key"]["displayName"] == "worker"
    end, began = (datetime.fromisoformat(first["rotation"][name]) for name in ("endsAt", "beganAt"))
    assert (end - began).days == 2
    text = commands.ok("keys", "rotate", key["id"], *own(commands), "--grace", "2d", "--when-quiet", "36h")
    assert first["key"]["secret"] in text
    assert f"Key {key['id']} ends {first['rotation']['endsAt']}; its successor is {first['key']['id']}." in text
    assert "It ends early once nobody has used it for 1.5 days." in text
    quiet = commands("keys", "rotate", key["id"], *own(commands), "--grace", "2d", "--quiet")
    assert quiet.stdout == first["key"]["secret"] + "\n"
    assert first["key"]["id"] in quiet.stderr


def test_status_shows_who_uses_the_key_and_no_secret(commands: Commands) -> None:
    key = commands.json("keys", "create", "worker", *own(commands))
    rotated = commands.json("keys", "rotate", key["id"], *own(commands))
    assert "Nobody has used it" in commands.ok("keys", "rotate", key["id"], *own(commands), "--status")
    used(commands, key["id"], 0.01, "bot \x1b[31m/1")
    text = commands.ok("keys", "rotate", key["id"], *own(commands), "--status")
    assert re.search(r"192\.0\.2\.7 +bot .*/1 +20\S+Z +\d", text), text
    assert "\x1b" not in text
    assert rotated["key"]["secret"] not in text
    status = commands.json("keys", "rotate", key["id"], *own(commands), "--status")
    assert list(status) == ["rotation"]


def test_status_of_a_key_without_a_rotation(commands: Commands) -> None:
    key = commands.json("keys", "create", "worker", *own(commands))
    result = commands("keys", "rotate", key["id"], *own(commands), "--status")
    assert (result.returncode, "is not being rotated" in result.stderr) == (3, True)
    assert commands("keys", "rotate", "int_" + "0" * 24, *own(commands)).returncode == 3


@pytest.mark.parametrize(
    "options", [["--grace", "soon"], ["--grace", "-1d"], ["--when-quiet", "5"], ["--status", "--grace", "1d"]]
)
def test_wrong_options_rotate_nothing(commands: Commands, options: list[str]) -> None:
    key = commands.json("keys", "create", "worker", *own(commands))
    assert commands("keys", "rotate", key["id"], *own(commands), *options).returncode == 2
    assert "expiresAt" not in commands.json("keys", "show", key["id"], *own(commands))


def test_a_time_that_the_service_refuses_is_explained(commands: Commands) -> None:
    key = commands.json("keys", "create", "worker", *own(commands))
    result = commands("keys", "rotate", key["id"], *own(commands), "--when-quiet", "10s")
    assert result.returncode == 1
    assert "whenQuietSeconds" in result.stderr


def test_expires_in_sets_an_end(commands: Commands) -> None:
    key = commands.json("keys", "create", "contractor", *own(commands), "--expires-in", "30d")
    assert 29.9 < (datetime.fromisoformat(key["expiresAt"]).timestamp() - time.time()) / 86400 <= 30
    assert key["expiresAt"] in commands.ok("keys", "list", *own(commands))
    for wrong in ("0d", "later", ""):
        assert commands("keys", "create", "x", *own(commands), "--expires-in", wrong).returncode in (0, 2)
    assert commands("keys", "create", "x", *own(commands), "--expires-in", "0d").returncode == 2


def ids(commands: Commands, *options: str) -> list[str]:
    listed: list[dict[str, Any]] = commands.json("keys", "list", *own(commands), *options)
    return [key["id"] for key in listed]


def test_list_shows_keys_that_nobody_has_used(commands: Commands) -> None:
    old = commands.server.key.id  # its id is of 2019
    commands.json("keys", "create", "too young", *own(commands))
    assert ids(commands, "--unused-for", "90d") == [old]
    used(commands, old, 100)
    assert ids(commands, "--unused-for", "90d") == [old]
    assert ids(commands, "--unused-for", "20w") == []
    used(commands, old, 1)
    assert ids(commands, "--unused-for", "90d") == []
    assert ids(commands, "--unused-for", "12h") == [old]


def test_list_shows_keys_that_end_soon(commands: Commands) -> None:
    soon = commands.json("keys", "create", "soon", *own(commands), "--expires-in", "20d")
    commands.json("keys", "create", "later", *own(commands), "--expires-in", "40d")
    assert ids(commands, "--expires-within", "30d") == [soon["id"]]
    assert len(ids(commands, "--expires-within", "60d")) == 2
    assert commands("keys", "list", *own(commands), "--expires-within", "x").returncode == 2
