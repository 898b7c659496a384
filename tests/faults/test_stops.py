"""Signals to stop: what is in flight is finished, workers stop with their supervisor, and the exit status is 0."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.servers import Server
from support.wire import Key, Place, first_run

SAMPLE_KEYS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations/029c31f25a21b47effd7be90/keys"
PATIENT = """
from sunshine_keys import server
server.GRACE_SECONDS = 60  # there is nothing to wait for
"""


@pytest.fixture
def sample(place: Place) -> dict[str, Any]:
    return first_run(place, sample=True)


def test_sigterm_finishes_what_is_in_flight_and_exits_0(place: Place, sample: dict[str, Any]) -> None:
    with Server(place) as server:
        auth = Key.of(sample["app_key"])
        content = b'{"displayName": "slow"}'
        connection = http.client.HTTPConnection(server.wire.url.removeprefix("http://"), timeout=30)
        connection.putrequest("POST", SAMPLE_KEYS)
        connection.putheader("Authorization", auth.basic())
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content[:5])
        time.sleep(0.2)

        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.send(content[5:])

        response = connection.getresponse()
        assert response.status == 201
        created = json.loads(response.read())["key"]
        connection.close()
        assert server.process.wait(10) == 0
    with Server(place) as after:
        assert after.wire.get(f"{SAMPLE_KEYS}/{created['id']}", auth).json == {"key": created}


def test_an_incomplete_request_does_not_delay_the_stop(place: Place, sample: dict[str, Any]) -> None:
    with Server(place) as server:
        connection = http.client.HTTPConnection(server.wire.url.removeprefix("http://"), timeout=30)
        connection.putrequest("POST", SAMPLE_KEYS)
        connection.putheader("Authorization", Key.of(sample["app_key"]).basic())
        connection.putheader("Content-Length", "10")
        connection.endheaders(b"half")
        time.sleep(0.2)
        assert server.kill(signal.SIGTERM) == 0
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["errors"][0]["code"]) == (503, "service_unavailable")
        connection.close()


@pytest.mark.parametrize("delay", [0, 0.001, 0.003, 0.01, 0.03])
def test_a_server_can_be_stopped_from_its_first_moment(place: Place, sample: dict[str, Any], delay: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sunshine_keys", "serve", *place.options, "--port", "0"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


def test_workers_stop_with_their_supervisor(place: Place, sample: dict[str, Any]) -> None:
    with Server(place, "--workers", "2") as server:
        tasks = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        children = [int(pid) for pid in tasks.read_text().split()]
        server.kill()
    deadline = time.monotonic() + 15
    while any(_alive(child) for child in children):
        assert time.monotonic() < deadline, "a worker outlived its supervisor"
        time.sleep(0.1)


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process_id}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_stopping_on_a_signal_is_no_failure(
    place: Place, sample: dict[str, Any], workers: str, number: signal.Signals
) -> None:
    with Server(place, "--workers", workers, patch=PATIENT) as server:
        assert server.kill(number) == 0
