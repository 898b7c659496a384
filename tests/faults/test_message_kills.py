"""kill -9 and power cuts while clients talk: no message, user or conversation that was answered is lost; counts stay right."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
from support.disks import WITHOUT_SYNC, ext4
from support.message_ledger import MessageLedger
from support.servers import Server
from support.wire import Key, Place, first_run

KILLS = 30


@pytest.mark.parametrize("workers", ["1", "2"])
def test_kills_under_load_lose_no_message_that_was_answered(place: Place, workers: str) -> None:
    auth = Key.of(first_run(place, sample=True)["app_key"])
    server = Server(place, "--workers", workers)
    book = MessageLedger(server.wire, auth)
    for _ in range(3):
        book.wait_for_progress(60)
        server.kill_all()
        server.__exit__()
        server = Server(place, "--workers", workers)
        book.wire = server.wire
    book.wait_for_progress()
    book.stop()
    with server:
        book.check(server.wire, place)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_many_kills_of_the_service_lose_no_message_that_was_answered(place: Place) -> None:
    auth = Key.of(first_run(place, sample=True)["app_key"])
    server = Server(place)
    chance = random.Random(1)
    book = MessageLedger(server.wire, auth)
    for _ in range(KILLS):
        book.wait_for_progress(chance.randrange(1, 100))
        time.sleep(chance.random() / 50)
        server.kill()
        server.__exit__()
        server = Server(place)
        book.wire = server.wire
    book.wait_for_progress()
    book.stop()
    with server:
        book.check(server.wire, place)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_of_workers_lose_no_message_that_was_answered(place: Place) -> None:
    auth = Key.of(first_run(place, sample=True)["app_key"])
    chance = random.Random(2)
    with Server(place, "--workers", "3") as server:
        book = MessageLedger(server.wire, auth)
        killed = 0
        while killed < KILLS:
            book.wait_for_progress(chance.randrange(1, 60))
            workers = server.workers()
            if len(workers) > 1:  # the other workers continue to serve
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed += 1
        book.wait_for_progress()
        book.stop()
        book.check(server.wire, place)


def cut(base: Path, patch: str = "") -> None:
    """Cut the power under load, and check the store afterwards."""
    with ext4(base) as disk:
        place = Place(disk.data, None)
        auth = Key.of(first_run(place, sample=True)["app_key"])
        with Server(place, patch=patch) as server:
            book = MessageLedger(server.wire, auth)
            book.wait_for_progress(200)
            book.is_deaf = True  # a machine without power sends no answer
            disk.cut_the_power()
            server.kill_all()
            book.stop()
        disk.unmount()
        disk.mount()
        with Server(place) as after:
            book.check(after.wire, place)


def test_power_cut_loses_no_message_that_was_answered(tmp_path: Path) -> None:
    cut(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(10))
def test_many_power_cuts_lose_no_message_that_was_answered(tmp_path: Path, attempt: int) -> None:
    cut(tmp_path)


@pytest.mark.slow
def test_power_cut_is_one_that_messages_without_fsync_do_not_survive(tmp_path: Path) -> None:
    with pytest.raises((AssertionError, KeyError)):
        cut(tmp_path, WITHOUT_SYNC)
