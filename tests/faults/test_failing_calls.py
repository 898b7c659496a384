"""System calls on the store's files fail: strace injects the failures into a running server."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ledger import INTEGRATIONS, KeyLedger
from support.servers import Server
from support.tracing import injected
from support.wire import Key, Place, first_run

from sunshine_keys.settings import STORE_FILE

SAMPLE = f"{INTEGRATIONS}/029c31f25a21b47effd7be90/keys"

WRITES_FAIL = [
    ("fdatasync", "EIO", "-wal"),
    ("fdatasync", "ENOSPC", "-wal"),
    ("pwrite64", "EIO", "-wal"),
    ("pwrite64", "ENOSPC", "-wal"),
]


def fail_writes(data: Path, call: str, error: str, suffix: str, when: str, *options: str) -> None:
    auth = Key.of(first_run(data, sample=True)["app_key"])
    with Server(data, *options) as server:
        book = KeyLedger(server.wire, auth)
        book.wait_for_progress()
        with injected(server, data / (STORE_FILE + suffix), f"{call}:error={error}:when={when}"):
            book.wait_for_refusals()
            assert server.wire.get(SAMPLE, auth).status == 200
        book.wait_for_progress()
        with injected(server, data / (STORE_FILE + suffix), f"{call}:error={error}:when={when}"):
            book.wait_for_refusals()
            server.kill_all()  # the next service may have the failed change, as a whole
        book.stop()
    with Server(data) as after:
        book.check(after.wire, Place(data, None))


@pytest.mark.parametrize(
    ("what", "title"),
    [
        ("fdatasync:error=EIO", "The store did not answer: it may have been done, or not"),
        ("pwrite64:error=ENOSPC", "The store is unavailable at the moment; nothing was changed"),
    ],
)
def test_a_503_says_whether_the_change_may_be_found_after_a_crash(tmp_path: Path, what: str, title: str) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    with Server(tmp_path) as server:
        assert server.wire.post(SAMPLE, auth, {"displayName": "x"}).status == 201
        with injected(server, tmp_path / f"{STORE_FILE}-wal", what):
            assert server.wire.post(SAMPLE, auth, {"displayName": "y"}).errors == [("service_unavailable", title)]
        assert [key["displayName"] for key in server.wire.get(SAMPLE, auth).json["keys"]] == ["Sample key", "x"]


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
        book = KeyLedger(server.wire, auth)
        with injected(server, tmp_path / STORE_FILE, f"{call}:error={error}"):
            book.wait_for_progress(1000)
            server.kill_all()
        book.stop()
    with Server(tmp_path) as after:
        book.check(after.wire, Place(tmp_path, None))


def test_a_read_that_fails_is_a_503_and_the_next_is_not(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    with Server(tmp_path) as server:
        book = KeyLedger(server.wire, auth)
        book.wait_for_progress()
        with injected(server, tmp_path / f"{STORE_FILE}-wal", "pread64:error=EIO"):
            book.wait_for_refusals()
        assert server.wire.get(SAMPLE, auth).status == 200
        book.wait_for_progress()
        book.stop()
        book.check(server.wire, Place(tmp_path, None))
