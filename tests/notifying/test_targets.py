"""A URL and a command receive an event, and what counts as accepted."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from support.targets import Received, Target, listening
from support.waiting import wait_until

from sunshine_keys.notifying.events import test_event as new_test_event
from sunshine_keys.notifying.options import Body, Notifications
from sunshine_keys.notifying.targets import CommandTarget, HttpTarget, NotSent, target_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "B" * 32


@pytest.fixture
def target() -> Iterator[Target]:
    with listening() as target:
        yield target


async def send(settings: Notifications) -> str:
    sender = target_of(settings)
    try:
        return await sender.send(new_test_event())
    finally:
        await sender.close()


async def failure_of(sender: HttpTarget | CommandTarget) -> NotSent:
    try:
        with pytest.raises(NotSent) as raised:
            await sender.send(new_test_event())
    finally:
        await sender.close()
    return raised.value


def http(url: str, seconds: float = 20) -> HttpTarget:
    return HttpTarget(url, Body.EVENT, [], seconds=seconds)


async def test_a_url_receives_the_event_as_json(target: Target) -> None:
    assert await send(Notifications(target.url)) == "it answered 200"
    (call,) = target.calls
    assert call.body["type"] == "test"
    assert call.headers["webhook-id"] == call.body["id"]
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["webhook-timestamp"].isdigit()
    assert "webhook-signature" not in call.headers


async def test_a_chat_receives_only_the_text(target: Target) -> None:
    await send(Notifications(target.url, body=Body.TEXT))
    assert target.calls[0].body == {"text": "Sunshine Keys sends this test: notifications arrive here."}


@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER_SECRET, SECRET)])
async def test_another_implementation_verifies_the_signature(target: Target, secrets: tuple[str, ...]) -> None:
    await send(Notifications(target.url, secrets=secrets))
    (call,) = target.calls
    headers = {name.lower(): value for name, value in call.headers.items()}
    assert Webhook(SECRET).verify(call.content.decode(), headers)["type"] == "test"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(call.content.decode() + " ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(call.content.decode(), headers | {"webhook-id": "evt_other"})


@pytest.mark.parametrize("status", [301, 400, 410, 500, 503])
async def test_another_status_than_2xx_is_a_refusal(target: Target, status: int) -> None:
    target.answer = lambda call: status
    target.headers = {"Location": target.url}
    target.content = b"no\r\n\x1b[2Jroom"
    failure = await failure_of(http(target.url))
    assert str(failure) == f"it answered {status}: no \N{REPLACEMENT CHARACTER}[2Jroom"
    assert failure.is_reached
    assert len(target.calls) == 1


async def test_a_target_that_hangs_up_or_is_late_may_have_received_the_event(target: Target) -> None:
    target.answer = lambda call: None
    assert (await failure_of(http(target.url))).is_reached

    def never(call: Received) -> int:
        release.wait(60)
        return 200

    release = threading.Event()
    target.answer = never
    failure = await failure_of(http(target.url, seconds=0.2))
    release.set()
    assert str(failure) == "no answer within 0.2 seconds"
    assert failure.is_reached


async def test_a_target_that_is_down_is_not_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failure = await failure_of(http(f"http://127.0.0.1:{unused.getsockname()[1]}/token"))
    assert not failure.is_reached
    assert "token" not in str(failure)
    failure = await failure_of(http("http://nobody.invalid/token"))
    assert not failure.is_reached
    assert "token" not in str(failure)


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


async def test_a_command_receives_the_event_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUNSHINE_KEYS_SEALING_KEY", "secret")
    monkeypatch.setenv("OTHER", "visible")
    file = tmp_path / "received"
    program = f"import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ)], open({str(file)!r}, 'w'))"
    assert await send(Notifications(command=python(program))) == "it ended with status 0"
    event, environment = json.loads(file.read_text())
    assert event["type"] == "test"
    assert environment["OTHER"] == "visible"
    assert "SUNSHINE_KEYS_SEALING_KEY" not in environment


async def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    file = tmp_path / "file"
    await send(Notifications(command=f"echo ; touch {file}"))
    assert not file.exists()


async def test_a_command_that_reads_nothing_may_accept_the_event() -> None:
    assert await send(Notifications(command="true")) == "it ended with status 0"


async def test_the_end_of_a_failed_commands_output_is_in_the_message() -> None:
    program = "import sys; print('x' * 100_000); print('disk\\nfull', file=sys.stderr); sys.exit(3)"
    failure = await failure_of(CommandTarget(shlex.split(python(program)), Body.EVENT))
    assert str(failure).startswith("it ended with status 3: xxx")
    assert str(failure).endswith(" disk full")
    assert len(str(failure)) < 2200
    assert failure.is_reached


async def test_a_command_that_does_not_exist_is_not_reached(tmp_path: Path) -> None:
    failure = await failure_of(CommandTarget([str(tmp_path / "missing")], Body.EVENT))
    assert str(failure) == f"{tmp_path / 'missing'} cannot be started: No such file or directory"
    assert not failure.is_reached


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    program = (
        "import os, subprocess, sys, time; child = subprocess.Popen(['sleep', '600']);"
        f"open({str(file)!r} + '.part', 'w').write(f'{{os.getpid()}} {{child.pid}}');"
        f"os.rename({str(file)!r} + '.part', {str(file)!r}); time.sleep(600)"
    )
    failure = await failure_of(CommandTarget(shlex.split(python(program)), Body.EVENT, seconds=5))
    assert str(failure) == "it did not end within 5 seconds"
    assert failure.is_reached
    for pid in map(int, file.read_text().split()):
        wait_until(lambda pid=pid: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def test_a_command_whose_child_keeps_the_output_open_ends_all_the_same() -> None:
    program = "import subprocess; subprocess.Popen(['sleep', '600'])"
    assert await send(Notifications(command=python(program))) == "it ended with status 0"
