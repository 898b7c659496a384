"""Requests and connections that the protocol itself refuses are logged and counted by cause."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from support.servers import Server
from support.wire import first_run

TOKEN = "a-metrics-token-of-this-test"
REFUSED = {
    "malformed": b"nonsense\r\n\r\n",
    "host": b"GET /secret-path HTTP/1.1\r\n\r\n",
    "target": b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "head_too_large": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"secret" * 20_000 + b"\r\n\r\n",
    "transfer_coding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    "version": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "connect": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
}


def receive(url: str, sent: bytes) -> bytes:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


class Service(Server):
    def metrics(self) -> str:
        return self.wire.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()

    def count(self, cause: str) -> int:
        match = re.search(rf'^sunshine_keys_rejections_total{{cause="{cause}"}} (\d+)$', self.metrics(), re.MULTILINE)
        return int(match[1]) if match else 0


def entries(log: Path, **fields: object) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if fields.items() <= line.items()]


def entry(log: Path, **fields: object) -> dict[str, object]:
    """Wait for a line of the log with these fields, and return it. The log writes a line after the answer."""
    deadline = time.monotonic() + 30
    while not (matching := entries(log, **fields)):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    return matching[0]


def test_each_cause_is_counted_and_its_request_id_is_in_the_log(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    log = tmp_path / "log"
    with Service(tmp_path / "data", "--log-format", "json", log=log, SUNSHINE_KEYS_METRICS_TOKEN=TOKEN) as service:
        for cause, sent in REFUSED.items():
            received = receive(service.wire.url, sent)
            assert received.startswith(b"HTTP/1.1 400 "), cause
            request_id = re.search(rb"x-request-id: ([0-9a-f]{24})\r\n", received)
            assert request_id is not None
            line = entry(log, request_id=request_id[1].decode())
            assert line.pop("time")
            assert line == {
                "level": "info",
                "logger": "sunshine_keys.request",
                "message": "refused",
                "method": None,
                "route": None,
                "status": 400,
                "duration": None,
                "source": "127.0.0.1",
                "request_id": request_id[1].decode(),
                "error": "bad_request",
                "cause": cause,
            }
            assert service.count(cause) == 1
        assert "secret" not in log.read_text()


def test_refused_and_dropped_connections_are_counted_and_logged(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    log = tmp_path / "log"
    few = "from sunshine_keys.wire import protocol\nprotocol.REFUSED_CONNECTIONS, protocol.LINGER_SECONDS = 1, 600"
    options = ("--max-connections", "2", "--log-format", "json")
    with Service(tmp_path / "data", *options, log=log, patch=few, SUNSHINE_KEYS_METRICS_TOKEN=TOKEN) as service:
        address = urlsplit(service.wire.url)

        def connected() -> socket.socket:
            return socket.create_connection((address.hostname, address.port), timeout=30)

        held = [connected() for _ in range(2)]
        for connection in held:  # an answer shows that the service has accepted the connection
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        refused = connected()
        assert refused.recv(65536).startswith(b"HTTP/1.1 503 ")
        dropped = connected()
        with contextlib.suppress(ConnectionError):
            assert dropped.recv(65536) == b""
        assert entry(log, cause="too_many_connections")["level"] == "error"
        message = "a connection was refused without an answer: connection_dropped"
        assert entry(log, message=message)["level"] == "warning"
        for connection in (*held, refused, dropped):
            connection.close()
        deadline = time.monotonic() + 30
        while service.wire.get("/healthz").status != 200:  # until the service has seen that they closed
            assert time.monotonic() < deadline
        assert service.count("too_many_connections") >= 1
        assert service.count("connection_dropped") >= 1


def test_a_slow_request_and_an_unread_answer_are_counted(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    patch = "from sunshine_keys.wire import protocol, reader\nreader.ARRIVAL_SECONDS = protocol.UNREAD_SECONDS = 0.5"
    with Service(tmp_path / "data", patch=patch, SUNSHINE_KEYS_METRICS_TOKEN=TOKEN) as service:
        assert receive(service.wire.url, b"GET /").startswith(b"HTTP/1.1 408 ")
        assert service.count("slow_request") == 1
        address = urlsplit(service.wire.url)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect((address.hostname, address.port))
            request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
            with contextlib.suppress(ConnectionError):
                while True:
                    connection.sendall(request * 100)
        assert service.count("unread_answer") == 1
