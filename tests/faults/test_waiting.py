"""How long a request waits for a store that another process locks or that a slow disk holds up."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from support.ledger import INTEGRATIONS, KeyLedger
from support.servers import Server
from support.tracing import injected
from support.wire import Key, Place, first_run

from sunshine_keys.settings import STORE_FILE

SAMPLE = f"{INTEGRATIONS}/029c31f25a21b47effd7be90/keys"
IMPATIENT = """
from sunshine_keys.store.sqlite import schema
schema._BUSY_SECONDS = 0.3
"""
HURRIED = """
from sunshine_keys.store.sqlite import writer
writer.ANSWER_SECONDS = 0.5
"""


def test_a_store_that_another_process_holds_is_a_503_in_the_end_and_works_once_it_lets_go(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    with Server(tmp_path, patch=IMPATIENT) as server:
        book = KeyLedger(server.wire, auth)
        book.wait_for_progress()
        with closing(sqlite3.connect(tmp_path / STORE_FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            book.wait_for_refusals()
            assert server.wire.get(SAMPLE, auth).status == 200
        book.wait_for_progress()
        book.stop()
        book.check(server.wire, Place(tmp_path, None))


def test_a_disk_that_does_not_answer_is_a_503_that_leaves_open_what_happened(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    once = {"Idempotency-Key": "a"}
    with Server(tmp_path, patch=HURRIED) as server:
        with injected(server, tmp_path / f"{STORE_FILE}-wal", "fdatasync:delay_enter=2s"):
            lost = server.wire.post(SAMPLE, auth, {"displayName": "x"}, headers=once)
        assert lost.errors == [("service_unavailable", "The store did not answer: it may have been done, or not")]
        retried = server.wire.post(SAMPLE, auth, {"displayName": "x"}, headers=once)
        while retried.status == 503:
            retried = server.wire.post(SAMPLE, auth, {"displayName": "x"}, headers=once)
        assert (retried.status, retried.headers.get("idempotency-replayed")) == (201, "true")
        assert retried.json["key"] in server.wire.get(SAMPLE, auth).json["keys"]


def test_a_change_whose_client_gave_up_before_it_began_is_not_made(tmp_path: Path) -> None:
    auth = Key.of(first_run(tmp_path, sample=True)["app_key"])
    with Server(tmp_path, patch=HURRIED) as server:
        before = len(server.wire.get(SAMPLE, auth).json["keys"])
        with closing(sqlite3.connect(tmp_path / STORE_FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            first = threading.Thread(target=server.wire.post, args=(SAMPLE, auth, {"displayName": "first"}))
            first.start()
            time.sleep(0.2)  # the change runs, and waits for the other process
            assert server.wire.post(SAMPLE, auth, {"displayName": "second"}).status == 503
            first.join()
        while len(server.wire.get(SAMPLE, auth).json["keys"]) == before:
            time.sleep(0.02)
        assert server.wire.post(SAMPLE, auth, {"displayName": "third"}).status == 201
        names = [key["displayName"] for key in server.wire.get(SAMPLE, auth).json["keys"]]
        assert names == ["Sample key", "first", "third"]
