"""Several processes: workers that die or hang, stores that are away, signals, and what a kill leaves behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from support.commands import failed, run
from support.machine import needs_root
from support.postgres import Postgres
from support.postgres import running as running_postgres
from support.servers import Server
from support.waiting import wait_until
from support.wire import Key, Place, Wire, first_run

from sunshine_keys.settings import STORE_FILE
from sunshine_keys.supervisor import Silence

TOKEN = "a-metrics-token-of-this-test"
QUICKLY = {"SUNSHINE_KEYS_METRICS_TOKEN": TOKEN}


def page(wire: Wire) -> str:
    return wire.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()


def serves_with(server: Server, workers: int) -> bool:
    """Return True if as many workers serve. A worker that waits for its store does not."""
    try:
        return f"\nsunshine_keys_processes {workers}\n" in page(server.wire)
    except OSError:  # the connection was one of a killed worker
        return False


@contextlib.contextmanager
def moved(data: Path) -> Generator[None]:
    data.rename(data.with_name("aside"))
    yield
    data.with_name("aside").rename(data)


@contextlib.contextmanager
def locked(data: Path) -> Generator[None]:
    with contextlib.closing(sqlite3.connect(data / STORE_FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextlib.contextmanager
def without_key(data: Path) -> Generator[None]:
    (data / "sealing.key").rename(data / "aside")
    yield
    (data / "aside").rename(data / "sealing.key")


def kill_workers(server: Server) -> None:
    killed = server.workers()
    assert killed
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(set(server.workers()) - set(killed)) == len(killed))


@pytest.mark.parametrize("away", [moved, without_key, locked])
def test_workers_that_die_while_their_store_is_away_are_replaced(
    tmp_path: Path, away: Callable[[Path], contextlib.AbstractContextManager[None]]
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    account = Key.of(first_run(data)["account_key"])
    with Server(data, "--workers", "2", log=log, **QUICKLY) as server:
        wait_until(lambda: serves_with(server, 2))
        with away(data):
            kill_workers(server)
            if away is not locked:
                wait_until(lambda: "waiting for the store" in log.read_text())
            assert server.process.poll() is None
        wait_until(lambda: serves_with(server, 2))
        assert server.wire.get("/v2/apps", account).status == 200
        assert server.kill(signal.SIGTERM) == 0


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """Return a PostgreSQL of this test, which may stop it."""
    with running_postgres() as server:
        yield server


def test_workers_that_die_while_postgresql_is_down_are_replaced(own_postgres: Postgres, tmp_path: Path) -> None:
    place = Place(tmp_path, own_postgres.new_store())
    account = Key.of(first_run(place)["account_key"])
    log = tmp_path / "log"
    with Server(place, "--workers", "2", log=log, **QUICKLY) as server:
        wait_until(lambda: serves_with(server, 2))
        own_postgres.stop()
        kill_workers(server)
        wait_until(lambda: "waiting for the store: cannot reach the database" in log.read_text())
        own_postgres.start()
        wait_until(lambda: serves_with(server, 2))
        wait_until(lambda: server.wire.get("/v2/apps", account).status == 200)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_waits_for_a_database_that_is_not_there_yet(own_postgres: Postgres, tmp_path: Path, workers: str) -> None:
    place = Place(tmp_path / "data", own_postgres.new_store())
    own_postgres.stop()
    log, started = tmp_path / "log", []
    thread = threading.Thread(target=lambda: started.append(Server(place, "--workers", workers, log=log)))
    thread.start()
    wait_until(lambda: log.exists() and "waiting for the database: cannot reach the database" in log.read_text())
    assert not started
    own_postgres.start()
    thread.join(60)
    with started[0] as server:
        assert server.wire.get("/readyz").status == 200
        assert server.kill(signal.SIGTERM) == 0


def test_sigterm_ends_a_serve_that_waits_for_its_database(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "sunshine_keys", "serve", "--data", str(tmp_path / "data"), "--port", "0"]
    nowhere = "postgresql://postgres@127.0.0.1:1/x?sslmode=disable"
    with log.open("w") as stderr:
        process = subprocess.Popen([*command, "--database", nowhere], stderr=stderr, stdout=stderr)
    wait_until(lambda: "waiting for the database" in log.read_text())
    process.terminate()
    assert process.wait(30) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_within_six_seconds_while_postgresql_hangs(
    own_postgres: Postgres, tmp_path: Path, workers: str
) -> None:
    place = Place(tmp_path, own_postgres.new_store())
    account = Key.of(first_run(place)["account_key"])
    with Server(place, "--workers", workers) as server:
        wire = server.wire
        assert wire.post("/v2/apps", account, {"displayName": "x"}).status == 201
        with own_postgres.hanging():
            for number in range(5):  # refusals that wait to be written
                assert wire.get("/v2/apps", Key(f"act_{number:024x}", "wrong")).status in (401, 503)
            creating = threading.Thread(target=_create, args=(wire, account))
            creating.start()
            began = time.monotonic()
            assert server.kill(signal.SIGTERM) == 0
            assert time.monotonic() - began < 15  # six, and what a loaded machine adds; it was 18
            creating.join()


def _create(wire: Wire, account: Key) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        wire.post("/v2/apps", account, {"displayName": "in flight"})


HANGABLE = """
import sys
from sunshine_keys import supervisor
supervisor.HANG_SECONDS = 3
supervisor._COMMAND = (sys.executable, "-c", '''
import signal, time
signal.signal(signal.SIGUSR1, lambda number, frame: time.sleep(600))
from sunshine_keys.supervisor import work
work()
''')
"""
"""Code that makes workers block their event loop on SIGUSR1, and shortens the time after which they count as hung."""


def test_worker_that_hangs_is_replaced_while_another_serves(tmp_path: Path) -> None:
    account, log = Key.of(first_run(tmp_path)["account_key"]), tmp_path / "log"
    with Server(tmp_path, "--workers", "2", log=log, patch=HANGABLE, **QUICKLY) as server:
        wait_until(lambda: serves_with(server, 2))
        hung, other = server.workers()
        os.kill(hung, signal.SIGUSR1)
        served = 0
        while hung in server.workers() or len(server.workers()) < 2:
            with contextlib.suppress(OSError):  # the worker hung after it had accepted this connection
                served += server.wire.get("/v2/apps", account).status == 200
        assert served
        assert other in server.workers()
        wait_until(lambda: serves_with(server, 2))
        assert '\nsunshine_keys_workers_replaced_total{cause="hung"} 1\n' in page(server.wire)
        assert '\nsunshine_keys_workers_replaced_total{cause="ended"} 0\n' in page(server.wire)
        lines = [line for line in log.read_text().splitlines() if "another one starts" in line]
        assert len(lines) == 1
        assert f"worker {hung} has not responded for 3 seconds and is killed" in lines[0]
        assert server.kill(signal.SIGTERM) == 0


def test_worker_that_is_stopped_is_not_replaced(tmp_path: Path) -> None:
    first_run(tmp_path)
    with Server(tmp_path, "--workers", "2", patch=HANGABLE, **QUICKLY) as server:
        wait_until(lambda: serves_with(server, 2))
        stopped, hung = server.workers()
        os.kill(stopped, signal.SIGSTOP)
        os.kill(hung, signal.SIGUSR1)
        wait_until(lambda: hung not in server.workers())  # the stopped worker has been silent for longer
        assert stopped in server.workers()
        os.kill(stopped, signal.SIGCONT)
        wait_until(lambda: serves_with(server, 2))
        assert stopped in server.workers()


def test_only_time_in_which_the_supervisor_runs_counts_as_silence() -> None:
    silence = Silence(last=None)
    for _ in range(100):
        silence.observe(None, 1)  # the worker imports its modules
    silence.observe(1, 0.1)
    silence.observe(1, 0.1)
    assert silence.seconds == pytest.approx(0.1)
    silence.observe(1, 3600)  # the machine was suspended
    assert silence.seconds == pytest.approx(1.1)
    silence.observe(2, 0.1)
    assert silence.seconds == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_stops_nothing(tmp_path: Path, workers: str) -> None:
    first_run(tmp_path / "data")
    log = tmp_path / "log"
    with Server(tmp_path / "data", "--workers", workers, log=log) as server:
        before = server.workers()
        for _ in range(3):
            server.process.send_signal(signal.SIGHUP)
            assert server.wire.get("/healthz").status == 200
        wait_until(lambda: "SIGHUP: there is no certificate to load" in log.read_text())
        assert server.workers() == before
        assert server.kill(signal.SIGTERM) == 0


def test_a_kill_of_the_supervisor_ends_its_workers_and_leaves_no_file(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    files = set((tmp_path / "data").iterdir())
    with Server(tmp_path / "data", "--workers", "2", TMPDIR=str(temporary), **QUICKLY) as server:
        wait_until(lambda: serves_with(server, 2))
        workers = server.workers()
        server.kill()
        wait_until(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))
    assert list(temporary.iterdir()) == []
    assert {file.name for file in files} >= {file.name for file in (tmp_path / "data").iterdir()} - {
        f"{STORE_FILE}-wal", f"{STORE_FILE}-shm"
    }  # fmt: skip


def test_metrics_survive_a_temporary_folder_that_is_cleaned(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with Server(tmp_path / "data", "--workers", "2", TMPDIR=str(temporary), **QUICKLY) as server:
        wait_until(lambda: serves_with(server, 2))
        shutil.rmtree(temporary)
        for _ in range(10):
            assert serves_with(server, 2)


@pytest.fixture
def folder_on_disk() -> Iterator[Path]:
    """A folder on the root file system. Other temporary folders may be in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="sunshine-keys-") as folder:
        yield Path(folder)


@needs_root
def test_it_serves_on_a_read_only_root_file_system(folder_on_disk: Path) -> None:
    """Only the folder of the store can be written, as with a container's volume."""
    data = folder_on_disk / "data"
    account = Key.of(first_run(data)["account_key"])
    serve = [sys.executable, "-m", "sunshine_keys", "serve", "--data", str(data), "--port", "0", "--workers", "2"]
    script = (
        f"mount --bind {data} {data} && mount --bind / / && mount -o remount,ro,bind / && "
        f"cd / && ! touch {shlex.quote(str(folder_on_disk / 'x'))} 2>/dev/null && exec {shlex.join(serve)}"
    )
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ | QUICKLY
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Sunshine Keys serves on "), line
        wire = Wire(line.split()[-1])

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return wire.post("/v2/apps", account, {"displayName": "x"}).status == 201
            return False

        wait_until(answers)
        wait_until(lambda: "\nsunshine_keys_processes 2\n" in page(wire))
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


def test_a_link_of_kubernetes_is_no_port(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    log = tmp_path / "log"
    links = {"SUNSHINE_KEYS_PORT": "tcp://10.96.0.7:8080", "SUNSHINE_KEYS_PORT_8080_TCP": "tcp://10.96.0.7:8080"}
    with Server(tmp_path / "data", log=log, **links) as server:
        assert server.wire.get("/healthz").status == 200
    assert "SUNSHINE_KEYS_PORT is ignored: it is a link of Kubernetes to a service, not a port" in log.read_text()


def test_the_image_serves_on_all_interfaces_and_demands_encryption(tmp_path: Path) -> None:
    """The Dockerfile's variables, with the folder of the test."""
    text = (Path(__file__).parents[2] / "deploy" / "Dockerfile").read_text()
    variables = dict(re.findall(r"(SUNSHINE_KEYS_\w+)=(\S+)", text))
    assert variables.pop("SUNSHINE_KEYS_DATA") == "/var/lib/sunshine-keys"
    assert variables == {"SUNSHINE_KEYS_HOST": "0.0.0.0"}
    refused = failed(run("serve", SUNSHINE_KEYS_DATA=str(tmp_path / "data"), **variables))
    assert "other machines can reach 0.0.0.0" in refused
    for setting in ("SUNSHINE_KEYS_TLS_CERT", "SUNSHINE_KEYS_TLS_KEY", "SUNSHINE_KEYS_INSECURE"):
        assert setting in (Path(__file__).parents[2] / "deploy" / "README.md").read_text()


def test_the_systemd_unit_never_gives_up_and_reloads() -> None:
    unit = (Path(__file__).parents[2] / "deploy" / "sunshine-keys.service").read_text()
    assert "\nStartLimitIntervalSec=0\n" in unit.partition("[Service]")[0]
    assert "\nExecReload=/bin/kill -HUP $MAINPID\n" in unit
