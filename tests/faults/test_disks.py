"""Power cuts, full disks and read-only disks, on real file systems of a few megabytes."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from support.disks import WITHOUT_SYNC, Disk, ext4, tmpfs
from support.ledger import INTEGRATIONS, KeyLedger, NewLedger
from support.servers import Server
from support.wire import Key, Place, first_run

from sunshine_keys.settings import STORE_FILE


def cut(base: Path, ledger: NewLedger, patch: str = "") -> None:
    """Cut the power under load, and check the store afterwards."""
    with ext4(base) as disk:
        place = Place(disk.data, None)
        auth = Key.of(first_run(place, sample=True)["app_key"])
        with Server(place, patch=patch) as server:
            book = ledger(server.wire, auth)
            book.wait_for_progress(200)
            book.is_deaf = True  # a machine without power sends no answer
            disk.cut_the_power()
            server.kill_all()
            book.stop()
        disk.unmount()
        disk.mount()
        with Server(place) as after:
            book.check(after.wire, place)


def test_a_power_cut_loses_nothing_that_was_answered(tmp_path: Path, ledger: NewLedger) -> None:
    cut(tmp_path, ledger)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(10))
def test_many_power_cuts_lose_nothing_that_was_answered(tmp_path: Path, ledger: NewLedger, attempt: int) -> None:
    cut(tmp_path, ledger)


@pytest.mark.slow
def test_the_power_cut_is_one_that_a_commit_without_fsync_does_not_survive(tmp_path: Path, ledger: NewLedger) -> None:
    with pytest.raises((AssertionError, KeyError)):
        cut(tmp_path, ledger, WITHOUT_SYNC)


def fill(disk: Disk, *options: str) -> None:
    auth = Key.of(first_run(disk.data, sample=True)["app_key"])
    with Server(disk.data, *options) as server:
        book = KeyLedger(server.wire, auth)
        book.wait_for_progress()
        for _ in range(3):
            disk.fill()
            book.wait_for_refusals()
            assert server.wire.get(book.clients[0].keys, auth).status == 200
            disk.empty()
            book.wait_for_progress()
        book.stop()
        server.kill_all()
    with Server(disk.data) as after:
        book.check(after.wire, Place(disk.data, None))


def test_a_full_disk_refuses_writes_and_the_service_recovers_by_itself(tmp_path: Path) -> None:
    with tmpfs(tmp_path) as disk:
        fill(disk)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("kind", [ext4, tmpfs])
def test_any_full_disk_refuses_writes_and_every_worker_recovers(
    tmp_path: Path, kind: Callable[[Path], AbstractContextManager[Disk]], workers: str
) -> None:
    with kind(tmp_path) as disk:
        fill(disk, "--workers", workers)


def grow(store: Path) -> None:
    """Leave two megabytes of free pages in the store."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.executescript(
            "CREATE TABLE filler (content); INSERT INTO filler VALUES (zeroblob(2000000)); DROP TABLE filler;"
            "PRAGMA wal_checkpoint(TRUNCATE)"
        )
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 400


def grow_wal(store: Path, book: KeyLedger) -> None:
    """Grow the WAL to one and a half times its usual size, and have SQLite start it again."""
    wal = Path(f"{store}-wal")
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM keys").fetchone()  # SQLite does not restart the WAL while this is open
        while wal.stat().st_size < 6_200_000:
            book.wait_for_progress()
        began = wal.read_bytes()[:32]
    while wal.read_bytes()[:32] == began:
        book.wait_for_progress()


def test_a_disk_that_turns_read_only_refuses_writes_and_keeps_reading(tmp_path: Path) -> None:
    """Ext4 confirms an fsync that is under way as its journal fails, and loses what a file grew by (7 times in 28, on
    Linux 6.18). What is overwritten in place it keeps; so here no file grows any more: the store has free pages for what
    checkpoints bring, and the WAL is larger than it is used, however late a checkpoint comes."""
    with ext4(tmp_path) as disk:
        auth = Key.of(first_run(disk.data, sample=True)["app_key"])
        grow(disk.data / STORE_FILE)
        with Server(disk.data) as server:
            book = KeyLedger(server.wire, auth)
            grow_wal(disk.data / STORE_FILE, book)
            disk.become_read_only()
            book.wait_for_refusals()
            assert server.wire.get(f"{INTEGRATIONS}/029c31f25a21b47effd7be90/keys", auth).status == 200
            book.stop()
            server.kill_all()
        disk.unmount()
        disk.mount()
        with Server(disk.data) as after:
            book.check(after.wire, Place(disk.data, None))
            assert (
                after.wire.post(f"{INTEGRATIONS}/029c31f25a21b47effd7be90/keys", auth, {"displayName": "x"}).status
                == 201
            )
