"""`notify`: a test event, the state, and skipping, as an operator sees them."""

from __future__ import annotations

import asyncio
import json
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from support.commands import run
from support.notified import Recorder, append, begun
from support.targets import listening

from sunshine_keys.notifying.targets import NotSent
from sunshine_keys.opening import opened_store
from sunshine_keys.settings import Settings

SECRET = "whsec_" + "A" * 32


def test_a_test_event_reaches_a_url() -> None:
    with listening() as target:
        result = run("notify", "test", "--notify", target.url, SUNSHINE_KEYS_NOTIFY_SECRET=SECRET)
    assert result.returncode == 0, result.stderr
    (call,) = target.calls
    assert call.body["type"] == "test"
    assert f"accepted event {call.body['id']}: it answered 200.\n" in result.stdout
    assert "The request was signed with 1 secret." in result.stdout
    assert "/webhook" not in result.stdout


def test_the_variables_of_serve_name_the_target() -> None:
    with listening() as target:
        result = run("notify", "test", SUNSHINE_KEYS_NOTIFY=target.url, SUNSHINE_KEYS_NOTIFY_BODY="text")
    assert result.returncode == 0, result.stderr
    assert list(target.calls[0].body) == ["text"]
    assert "The request was not signed." in result.stdout


def test_a_command_is_tested_too() -> None:
    program = shlex.join([sys.executable, "-c", "import sys; sys.exit('no room' if 'test' in sys.stdin.read() else 0)"])
    result = run("notify", "test", "--notify-command", program)
    assert result.returncode == 1
    assert result.stdout == ""
    assert "did not accept the event: it ended with status 1: no room" in " ".join(result.stderr.split())


def test_a_refusal_and_a_target_that_is_down_have_their_exit_codes() -> None:
    with listening() as target:
        target.answer = lambda call: 404
        refused = run("notify", "test", "--notify", target.url)
    assert refused.returncode == 1
    assert "it answered 404" in refused.stderr
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = run("notify", "test", "--notify", f"http://127.0.0.1:{unused.getsockname()[1]}/token")
    assert down.returncode == 5
    assert "was not reached" in down.stderr
    assert "token" not in down.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no target of notifications is named"),
        (["--notify", "example.com"], "--notify should be a URL"),
        (["--notify", "https://example.com", "--notify-command", "true"], "name one target"),
    ],
)
def test_an_invalid_target_is_rejected(options: list[str], message: str) -> None:
    result = run("notify", "test", *options)
    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize("command", ["serve", "notify test"])
def test_an_invalid_secret_is_rejected_and_not_shown(command: str, data: Path) -> None:
    options = ["--data", str(data), "--port", "0"] if command == "serve" else []
    result = run(
        *command.split(), *options, "--notify", "https://example.com", SUNSHINE_KEYS_NOTIFY_SECRET="hunter2-hunter2"
    )
    assert result.returncode in (1, 2)
    assert "should be whsec_" in result.stderr
    assert "hunter2" not in result.stderr
    assert not data.exists()


def fail_twice(data: Path) -> None:
    """Begin notifications, and let the target refuse the first of two events twice."""

    async def run() -> None:
        target = Recorder()
        target.failure = NotSent("it answered 500", is_reached=True)
        async with opened_store(Settings(data)) as store:
            notifier = await begun(store, target, lambda: 2_000_000_000.0)
            await append(store, "key.create", "keys/act_1")
            await append(store, "key.delete", "keys/act_1")
            await notifier.tick()

    asyncio.run(run())


def test_the_state_shows_what_waits_and_why(sample: dict[str, Any], data: Path) -> None:
    before = run("notify", "status", "--data", str(data))
    assert "Notifications have not begun" in before.stdout
    assert json.loads(run("notify", "status", "--data", str(data), "--json").stdout)["position"] is None
    fail_twice(data)
    state = json.loads(run("notify", "status", "--data", str(data), "--json").stdout)
    assert state.pop("oldestSeconds") >= 0
    assert state == {
        "position": 1,
        "end": 3,
        "lastSent": None,
        "unsent": 2,
        "failures": 1,
        "nextAttempt": "2033-05-18T03:33:21Z",
        "lastFailure": "it answered 500",
    }
    text = run("notify", "status", "--data", str(data)).stdout
    assert "Events are sent up to entry 1 of 3." in text
    assert "2 events" in text
    assert "1 attempt; the next one is due at 2033-05-18T03:33:21Z" in text
    assert "it answered 500" in text


def test_unsent_events_are_skipped_after_a_confirmation(sample: dict[str, Any], data: Path) -> None:
    fail_twice(data)
    refused = run("notify", "skip", "--data", str(data))
    assert refused.returncode == 2
    assert "nothing was skipped" in refused.stderr
    assert "Skipped 2 events." in run("notify", "skip", "--data", str(data), "--yes").stdout
    state = json.loads(run("notify", "status", "--data", str(data), "--json").stdout)
    assert (state["position"], state["unsent"], state["failures"]) == (3, 0, 0)
    assert "Skipped 0 events." in run("notify", "skip", "--data", str(data), "--yes").stdout
