"""The store's files are moved, deleted or replaced while a service has them open."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from support.ledger import INTEGRATIONS, KeyLedger
from support.servers import Server
from support.waiting import wait_until
from support.wire import Key, Place, first_run

from sunshine_keys.settings import STORE_FILE

SAMPLE = f"{INTEGRATIONS}/029c31f25a21b47effd7be90/keys"


@pytest.mark.parametrize("moved", ["", STORE_FILE, f"{STORE_FILE}-wal", f"{STORE_FILE}-shm"])
@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_while_what_is_open_is_not_the_store(tmp_path: Path, moved: str, replaced: bool) -> None:
    """A write to a deleted file would be lost when the process ends."""
    data, aside = tmp_path / "data", tmp_path / "aside"
    auth = Key.of(first_run(data, sample=True)["app_key"])
    path = data / moved
    with Server(data) as server:
        book = KeyLedger(server.wire, auth)
        book.wait_for_progress()
        path.rename(aside)
        if replaced:
            shutil.copytree(aside, path) if aside.is_dir() else shutil.copy(aside, path)
        book.wait_for_refusals()
        done = book.done
        book.wait_for_refusals()
        assert book.done == done
        if replaced:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        aside.rename(path)
        book.wait_for_progress()
        book.stop()
        server.kill()
    with Server(data) as after:
        book.check(after.wire, Place(data, None))


def test_keys_are_not_looked_up_in_a_file_that_is_no_longer_the_store(tmp_path: Path) -> None:
    """Another process may have revoked the keys in the file that replaced it."""
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    with Server(tmp_path) as server:
        assert server.wire.get(SAMPLE, auth).status == 200
        (tmp_path / STORE_FILE).rename(tmp_path / "aside")
        answer = server.wire.get(SAMPLE, auth)
        assert (answer.status, answer.errors[0][0]) == (503, "service_unavailable")
        assert server.wire.get("/healthz").status == 200
        ready = server.wire.get("/readyz")
        assert (ready.status, ready.errors[0][0]) == (503, "service_unavailable")
        (tmp_path / "aside").rename(tmp_path / STORE_FILE)
        assert server.wire.get(SAMPLE, auth).status == 200
        assert server.wire.get("/readyz").status == 200


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_conversations_are_not_looked_up_in_a_file_that_is_no_longer_the_store(tmp_path: Path, suffix: str) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    users = f"{INTEGRATIONS.removesuffix('/integrations')}/users"
    file = tmp_path / f"messaging.db{suffix}"
    with Server(tmp_path) as server:
        assert server.wire.post(users, auth, {"externalId": "ann"}).status == 201
        assert server.wire.get(f"{users}/ann", auth).status == 200
        file.rename(tmp_path / "aside")
        answer = server.wire.get(f"{users}/ann", auth)
        assert (answer.status, answer.errors[0][0]) == (503, "service_unavailable")
        assert server.wire.get(SAMPLE, auth).status == 200
        (tmp_path / "aside").rename(file)
        assert server.wire.get(f"{users}/ann", auth).status == 200


def has_opened(process_id: int, path: Path) -> bool:
    """Return True if a process has the connections to a store open that read and write. While it starts, it has one."""
    count = 0
    for file in Path(f"/proc/{process_id}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += file.readlink() == path
    return count >= 2


def test_a_worker_that_starts_again_makes_no_new_store(tmp_path: Path) -> None:
    first_run(tmp_path, sample=True)
    log = tmp_path / "log"
    with Server(tmp_path, "--workers", "2", log=log) as server:
        (killed, *_) = workers = server.workers()
        wait_until(lambda: all(has_opened(worker, tmp_path / STORE_FILE) for worker in workers))
        (tmp_path / STORE_FILE).rename(tmp_path / "aside")
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while "waiting for the store: there is no store" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert server.process.poll() is None
    assert not (tmp_path / STORE_FILE).exists()
