"""A primary with a synchronous standby is killed under load: the nodes use the new primary, and nothing is lost."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.postgres import Postgres
from support.servers import Server
from support.wire import WEBHOOK, Key, Wire

from sunshine_keys.compose import create_first_objects
from sunshine_keys.settings import Settings

APP = "/v2/apps/5d8cff3cd55b040010928b5b"


class Pair:
    """A primary, and a standby that receives every commit before the commit is acknowledged."""

    def __init__(self, folder: Path) -> None:
        self.primary = Postgres(folder / "primary", "shared_buffers=32MB", "max_connections=100")
        self.standby = Postgres(folder / "standby", "shared_buffers=32MB", "max_connections=100")

    def start(self) -> None:
        self.primary.init()
        self.primary.start()
        self.standby.run(
            "pg_basebackup", "-D", str(self.standby.data), "-R", "-X", "stream", "-c", "fast", "--no-sync",
            "-d", f"host=127.0.0.1 port={self.primary.port} user=postgres application_name=standby",
        )  # fmt: skip
        self.standby.start()
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.primary.execute("SELECT pg_reload_conf()")
        synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        deadline = time.monotonic() + 30
        while self.primary.execute(synchronous)[0][0] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby))
        return f"postgresql://postgres@{hosts}/postgres?sslmode=disable&target_session_attrs=read-write"

    def fail_over(self) -> None:
        self.primary.kill()
        self.standby.run("pg_ctl", "promote", "-D", str(self.standby.data), "-w", "-t", "30")

    def stop(self) -> None:
        for server in (self.primary, self.standby):
            server.stop(signal.SIGQUIT)


@pytest.fixture
def pair() -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="sunshine-keys-pair-"))
    folder.chmod(0o755)
    for name in ("primary", "standby"):
        (folder / name).mkdir()
    pair = Pair(folder)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Load:
    """Creates and deletes keys through the nodes in turn, and retries failed requests with the same Idempotency-Key."""

    def __init__(self, wires: list[Wire], auth: Key) -> None:
        body = {"type": "custom", "webhooks": [WEBHOOK]}
        integration = wires[0].post(f"{APP}/integrations", auth, body).json["integration"]["id"]
        self.path = f"{APP}/integrations/{integration}/keys"
        self._wires, self._auth = wires, auth
        self._ended = threading.Event()
        self.live: dict[str, Key] = {}
        self.deleted: list[Key] = []
        self.unsettled = 0
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def end(self) -> None:
        self._ended.set()
        self.thread.join(60)
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                name = uuid.uuid4().hex
                created = self._until(201, "POST", self.path, {"displayName": name}, {"Idempotency-Key": name})
                self.live[name] = Key.of(created["key"])
                if len(self.live) > 5:
                    oldest = next(iter(self.live))
                    key = self.live[oldest]
                    self._until(200, "DELETE", f"{self.path}/{key.id}")
                    del self.live[oldest]
                    self.deleted.append(key)
        except BaseException as error:  # the test's own thread raises it
            self.failure = error

    def _until(self, done: int, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        """Retry until the request succeeds. A DELETE whose first answer was lost may then get a 404."""
        doubtful = False
        deadline = time.monotonic() + 60
        number = 0
        while time.monotonic() < deadline:
            wire = self._wires[number % len(self._wires)]
            number += 1
            try:
                answer = wire.send(method, path, self._auth, body=body, headers=headers)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                doubtful = True
                continue
            if answer.status == done:
                return answer.json
            if doubtful and method == "DELETE" and answer.status == 404:
                return None
            assert answer.status == 503, answer
            doubtful = True
            self.unsettled += 1
            time.sleep(0.05)
        raise AssertionError("no answer within a minute")


def test_acknowledged_changes_survive_the_loss_of_the_primary(pair: Pair, tmp_path: Path) -> None:
    sample = create_first_objects(Settings.of(str(tmp_path), pair.url), sample=True)
    assert sample is not None
    auth = Key.of(sample["app_key"])
    with Server(tmp_path, "--database", pair.url) as first, Server(tmp_path, "--database", pair.url) as second:
        wires = [first.wire, second.wire]
        loads = [Load(wires[turn:] + wires[:turn], auth) for turn in (0, 1, 0, 1)]
        for load in loads:
            load.thread.start()
        deadline = time.monotonic() + 30
        while not all(load.deleted for load in loads):  # this takes a second, and longer on a busy machine
            assert time.monotonic() < deadline, "the nodes did not serve the first requests"
            time.sleep(0.1)
        pair.fail_over()
        deadline = time.monotonic() + 30
        before = sum(len(load.deleted) for load in loads)
        while sum(len(load.deleted) for load in loads) < before + 20:
            assert time.monotonic() < deadline, "the nodes did not follow to the new primary"
            time.sleep(0.1)
        for load in loads:
            load.end()
        assert sum(load.unsettled for load in loads) > 0, "nothing happened while there was no primary"

        for load in loads:
            for wire in wires:
                keys = {key["displayName"]: Key.of(key) for key in wire.get(load.path, auth).json["keys"]}
                assert keys == load.live, "each name was made once, and is there"
                for key in load.deleted[-30:]:
                    assert wire.get(load.path.replace("/keys", "/webhooks"), key).status == 401
                for key in load.live.values():
                    assert wire.get(load.path.replace("/keys", "/webhooks"), key).status == 200
