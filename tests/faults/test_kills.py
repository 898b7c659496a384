"""kill -9 of the whole service, of its supervisor, and of single workers: nothing that was answered is lost."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from support.ledger import Ledger, NewLedger
from support.servers import Server
from support.wire import Key, Place, first_run

KILLS = 30


def survive(
    place: Place, ledger: NewLedger, kills: int, kill: Callable[[int, Server, Ledger], None], workers: str = "1"
) -> None:
    """Kill the service under load and start it again, `kills` times, and check the store afterwards."""
    auth = Key.of(first_run(place, sample=True)["app_key"])
    server = Server(place, "--workers", workers)
    book = ledger(server.wire, auth)
    for number in range(kills):
        kill(number, server, book)
        server.__exit__()
        server = Server(place, "--workers", workers)
        book.wire = server.wire
    book.wait_for_progress()
    book.stop()
    with server:
        book.check(server.wire, place)


def kill_all_or_the_supervisor(number: int, server: Server, book: Ledger) -> None:
    """Kill all processes, and every other time only the supervisor: its workers serve until they notice."""
    book.wait_for_progress(60)
    if number % 2:
        server.kill()
    else:
        server.kill_all()


@pytest.mark.parametrize(("workers", "kills"), [("1", 1), ("2", 2)])
def test_kills_under_load_lose_nothing_that_was_answered(
    place: Place, ledger: NewLedger, workers: str, kills: int
) -> None:
    survive(place, ledger, kills, kill_all_or_the_supervisor, workers)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_kills_of_all_processes_lose_nothing_that_was_answered(place: Place, ledger: NewLedger) -> None:
    survive(place, ledger, KILLS // 3, kill_all_or_the_supervisor, "2")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_at_random_moments_lose_nothing_that_was_answered(place: Place, ledger: NewLedger) -> None:
    chance = random.Random(1)

    def kill(number: int, server: Server, book: Ledger) -> None:
        book.wait_for_progress(chance.randrange(1, 100))
        time.sleep(chance.random() / 50)
        server.kill()

    survive(place, ledger, KILLS, kill)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_of_workers_lose_nothing_that_was_answered(place: Place, ledger: NewLedger) -> None:
    auth = Key.of(first_run(place, sample=True)["app_key"])
    chance = random.Random(2)
    with Server(place, "--workers", "3") as server:
        book = ledger(server.wire, auth)
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
