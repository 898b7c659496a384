"""A reader of the log that stalls never stops the service: lines are dropped and counted."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.servers import Server
from support.wire import first_run

from sunshine_keys.observing.log_writer import WAITING_BYTES, LogWriter

TOKEN = "a-metrics-token-of-this-test"
PIPE_BYTES = 64 * 1024


def dropped_in(page: str) -> int:
    match = re.search(r"^sunshine_keys_log_lines_dropped_total (\d+)$", page, re.MULTILINE)
    assert match is not None, page
    return int(match[1])


def send_requests(url: str, count: int) -> None:
    """Send requests for an unknown path on one connection, and read all answers."""
    request = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        sending = threading.Thread(
            target=connection.sendall, args=(request * (count - 1) + request[:-2] + b"Connection: close\r\n\r\n",)
        )
        sending.start()
        answers = b""
        while part := connection.recv(1 << 16):
            answers += part
        sending.join()
    assert answers.count(b"HTTP/1.1 404 ") == count


def test_a_stalled_log_reader_stops_no_request_and_no_exit(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with Server(
            tmp_path / "data", "--log-format", "json", log=tmp_path / "log", SUNSHINE_KEYS_METRICS_TOKEN=TOKEN
        ) as server:
            requests = 0
            headers = {"Authorization": f"Bearer {TOKEN}"}
            while dropped_in(server.wire.get("/metrics", headers=headers).content.decode()) == 0:
                send_requests(server.wire.url, 1000)
                requests += 1000
                assert requests < 20_000
            assert server.wire.get("/healthz").status == 200
            text = b""
            while b"lines of the log were dropped" not in text:  # the reader reads on
                try:
                    text += os.read(reader, 1 << 16)
                except BlockingIOError:
                    time.sleep(0.01)
            assert text.count(b"/nowhere") == 0  # no line has the path of a request
            send_requests(server.wire.url, 1000)  # the reader stalls once more
            assert server.kill(signal.SIGTERM) == 0
    finally:
        os.close(reader)


def test_all_lines_are_written_in_order_while_the_log_is_read() -> None:
    reading, writing = os.pipe()
    writer = LogWriter(writing)
    lines = [b"%d\n" % number for number in range(20_000)]
    for line in lines:
        writer.write(line)
    expected, text = b"".join(lines), b""
    while len(text) < len(expected):
        text += os.read(reading, 1 << 16)
    writer.flush(30)
    assert (text, writer.dropped) == (expected, 0)


def test_lines_are_dropped_and_counted_when_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    writer = LogWriter(writing)
    line = b"x" * 1023 + b"\n"
    sent = (WAITING_BYTES + PIPE_BYTES) // len(line) + 100
    for _ in range(sent):
        writer.write(line)
    writer.flush(0.01)  # returns, although nobody reads
    dropped = writer.dropped
    assert dropped >= 100
    text = b""
    while len(text) < (sent - dropped) * len(line):
        text += os.read(reading, 1 << 16)
    writer.flush(30)
    assert text == line * (sent - dropped)
    deadline = time.monotonic() + 30
    while not caplog.records:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert caplog.records[0].getMessage().startswith(f"{dropped} lines of the log were dropped")


def test_a_descriptor_that_another_program_made_non_blocking_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    writer = LogWriter(writing)
    expected = b"y" * (PIPE_BYTES * 4) + b"\n"
    writer.write(expected)
    text = b""
    while len(text) < len(expected):
        text += os.read(reading, 1 << 16)
    assert text == expected
