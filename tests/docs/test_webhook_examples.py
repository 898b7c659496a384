"""The programs in examples/webhooks/ receive real requests on a socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.deliveries import DELIVERIES, SECRET

FOLDER = Path(__file__).parents[2] / "examples" / "webhooks"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))
LATER = "0" * 32
VERIFIED = {"X-API-Key": SECRET, "Content-Type": "application/json"}
MESSAGE = json.dumps(DELIVERIES["conversation:message"]).encode()


@dataclass
class Receiver:
    port: int
    output: Path
    process: subprocess.Popen[bytes]

    def request(self, method: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, "/", body, headers or {})
            response = connection.getresponse()
            response.read()
            return response.status

    def wait(self) -> None:
        """Wait until the program listens."""
        deadline = time.monotonic() + 50
        while True:
            assert self.process.poll() is None, self.output.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except OSError:
                assert time.monotonic() < deadline, self.output.read_text()
                time.sleep(0.05)
            else:
                return


@pytest.fixture(scope="module", params=PROGRAMS)
def receiver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    output = tmp_path_factory.mktemp(request.param) / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-W", "error::DeprecationWarning", str(FOLDER / f"{request.param}.py")],
            env=os.environ | {"PORT": str(port), "SECRET": f"{SECRET} {LATER}"}, stdout=file, stderr=file,
        )  # fmt: skip
    receiver = Receiver(port, output, process)
    try:
        receiver.wait()
        yield receiver
    finally:
        process.kill()
        process.wait()


def test_there_is_a_program_for_every_framework() -> None:
    assert PROGRAMS == ["django_app", "flask_app", "http_server", "starlette_app"]


def test_head_is_answered(receiver: Receiver) -> None:
    assert receiver.request("HEAD") == 200


def test_every_trigger_is_received_and_printed(receiver: Receiver) -> None:
    for trigger, delivered in DELIVERIES.items():
        assert receiver.request("POST", json.dumps(delivered).encode(), VERIFIED) == 200
        assert f"{trigger!r} {delivered['events'][0]['id']!r}\n" in receiver.output.read_text()


def test_either_secret_is_accepted_and_the_header_in_any_case(receiver: Receiver) -> None:
    assert receiver.request("POST", MESSAGE, {"x-api-KEY": LATER}) == 200


def test_an_unknown_event_is_received(receiver: Receiver) -> None:
    body = json.dumps({"events": [{"type": "new:\ud800\nkind", "id": None}]}).encode()
    assert receiver.request("POST", body, VERIFIED) == 200
    assert "'new:\\ud800\\nkind' None\n" in receiver.output.read_text()


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}, {"X-API-Key": "\xe9"}], ids=repr)
def test_a_wrong_key_is_answered_with_401(receiver: Receiver, headers: dict[str, str]) -> None:
    printed = receiver.output.read_text().count("'conversation:message'")
    assert receiver.request("POST", MESSAGE, headers) == 401
    assert receiver.output.read_text().count("'conversation:message'") == printed


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"\xff", b"[]", b'{"events": 1}', b"[" * 100_000], ids=lambda body: repr(body[:20])
)
def test_garbage_is_answered_with_400(receiver: Receiver, body: bytes) -> None:
    assert receiver.request("POST", body, VERIFIED) == 400


def test_a_huge_body_is_refused(receiver: Receiver) -> None:
    assert receiver.request("POST", b" " * 1_000_001, VERIFIED) in (400, 413)
    assert receiver.request("POST", MESSAGE, VERIFIED) == 200


def test_another_method_is_refused(receiver: Receiver) -> None:
    assert receiver.request("GET") in (405, 501)


def test_no_secret_is_printed(receiver: Receiver) -> None:
    receiver.request("POST", MESSAGE, VERIFIED)
    receiver.request("POST", b"garbage", VERIFIED)
    shown = receiver.output.read_text()
    assert "conversation:message" in shown
    assert not any(text in shown for text in (SECRET, LATER, "Traceback"))
