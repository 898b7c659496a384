"""Dozens of kill -9 at random moments: of the whole service, of its supervisor, and of single workers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
from support.ledger import Ledger
from support.servers import Server
from support.wire import Key, first_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
KILLS = 30


def test_kills_of_the_service_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    server = Server(tmp_path)
    chance = random.Random(1)
    book = Ledger(server.wire, auth)
    for _ in range(KILLS):
        book.wait_for_progress(chance.randrange(1, 100))
        time.sleep(chance.random() / 50)
        server.kill()
        server.__exit__()
        server = Server(tmp_path)
        book.wire = server.wire
    book.wait_for_progress()
    book.stop()
    with server:
        book.check(server.wire, tmp_path)


def test_kills_of_workers_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    chance = random.Random(2)
    with Server(tmp_path, "--workers", "3") as server:
        book = Ledger(server.wire, auth)
        killed = 0
        while killed < KILLS:
            book.wait_for_progress(chance.randrange(1, 60))
            workers = [child for child in server.children() if b"supervisor" in _command(child)]
            if len(workers) > 1:  # the other workers continue to serve
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed += 1
        book.wait_for_progress()
        book.stop()
        book.check(server.wire, tmp_path)


def test_kills_of_all_processes_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    server = Server(tmp_path, "--workers", "2")
    book = Ledger(server.wire, auth)
    for number in range(KILLS // 3):
        book.wait_for_progress()
        if number % 2:
            server.kill_all()
        else:
            server.kill()  # its workers serve beside the next service until they notice
        server.__exit__()
        server = Server(tmp_path, "--workers", "2")
        book.wire = server.wire
    book.wait_for_progress()
    book.stop()
    with server:
        book.check(server.wire, tmp_path)


def _command(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""
