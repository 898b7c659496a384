"""System calls on the store's files that fail: strace makes them, in a server that is serving."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from conftest import Key, first_run
from ledger import INTEGRATIONS, Ledger
from servers import Server

from sunshine_keys.app import STORE_FILE

SAMPLE = f"{INTEGRATIONS}/029c31f25a21b47effd7be90/keys"

WRITES_FAIL = [
    ("fdatasync", "EIO", "-wal"),
    ("fdatasync", "ENOSPC", "-wal"),
    ("pwrite64", "EIO", "-wal"),
    ("pwrite64", "ENOSPC", "-wal"),
]


@contextlib.contextmanager
def failing(server: Server, call: str, error: str, path: Path, when: str = "1+") -> Generator[None]:
    """While it lasts, `call` fails on `path`, in all of the server's threads and processes."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which this machine lacks")
    processes = [server.process.pid, *server.children()]
    attached = [f"--attach={each}" for each in processes]
    inject = f"--inject={call}:error={error}:when={when}"
    strace = subprocess.Popen(
        ["strace", "--follow-forks", "--trace-path", str(path), "--output=/dev/null", inject, *attached],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert strace.stderr is not None
    try:
        for _ in processes:
            line = strace.stderr.readline()
            if "attached" not in line:
                pytest.skip(f"strace cannot attach to a process here: {line.strip()}")
        yield
    finally:
        strace.send_signal(signal.SIGINT)  # it lets go of them
        try:
            strace.communicate(timeout=5)
        except subprocess.TimeoutExpired:  # it waits for one that was killed meanwhile; the kernel frees the others
            strace.kill()
            strace.communicate()


def fail_writes(data: Path, call: str, error: str, suffix: str, when: str, *options: str) -> None:
    auth = Key.of(first_run(data, sample=True)["app_key"])
    with Server(data, *options) as server:
        book = Ledger(server.wire, auth)
        book.wait_for_progress()
        with failing(server, call, error, data / (STORE_FILE + suffix), when):
            book.wait_for_refusals()
            assert server.wire.get(SAMPLE, auth).status == 200
        book.wait_for_progress()
        with failing(server, call, error, data / (STORE_FILE + suffix), when):
            book.wait_for_refusals()
            server.kill_all()  # what failed may be found by the next: whole
        book.stop()
    with Server(data) as after:
        book.check(after.wire, data)


@pytest.mark.parametrize(("call", "error", "suffix"), [WRITES_FAIL[0], WRITES_FAIL[3]])
def test_a_write_that_fails_is_refused_and_the_service_recovers_by_itself(
    tmp_path: Path, call: str, error: str, suffix: str
) -> None:
    fail_writes(tmp_path, call, error, suffix, "1+")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("when", ["1+", "3+2", "2+3", "5+5"])
@pytest.mark.parametrize(("call", "error", "suffix"), WRITES_FAIL)
def test_the_nth_write_or_fsync_may_fail(
    tmp_path: Path, call: str, error: str, suffix: str, when: str, workers: str
) -> None:
    fail_writes(tmp_path, call, error, suffix, when, "--workers", workers)


@pytest.mark.slow
@pytest.mark.parametrize(("call", "error"), [("pwrite64", "EIO"), ("fdatasync", "EIO"), ("pwrite64", "ENOSPC")])
def test_while_the_file_beside_the_wal_cannot_be_written_changes_stay_in_the_wal(
    tmp_path: Path, call: str, error: str
) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    with Server(tmp_path) as server:
        book = Ledger(server.wire, auth)
        with failing(server, call, error, tmp_path / STORE_FILE):
            book.wait_for_progress(1000)
            server.kill_all()
        book.stop()
    with Server(tmp_path) as after:
        book.check(after.wire, tmp_path)


def test_a_read_that_fails_is_a_503_and_the_next_is_not(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    with Server(tmp_path) as server:
        book = Ledger(server.wire, auth)
        book.wait_for_progress()
        book.wire.post(SAMPLE, auth, {"displayName": "y"})
        with failing(server, "pread64", "EIO", tmp_path / f"{STORE_FILE}-wal"):
            book.wait_for_refusals()
        assert server.wire.get(SAMPLE, auth).status == 200
        book.wait_for_progress()
        book.stop()
        book.check(server.wire, tmp_path)
