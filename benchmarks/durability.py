"""The section of creates per second with every answer durable: committed in groups, beside one fsync for each request.

The same server, on a new store in the current folder (a real disk), once as it is and once with a group's limit of one,
interleaved. The load comes from another process, over sockets that stay open, 32 and then one. The gain of groups depends on
the cost of an fsync: if strace is installed, the same is measured with fsyncs that take longer, and creates per fsync are
counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Generator
from pathlib import Path
from typing import Any

from goals import Goal, Spread, figure
from report import table

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.model import DEFAULT_SETTINGS, App
from sunshine_keys.compose import open_engine
from sunshine_keys.first_run import Initialise
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.operations import issue
from sunshine_keys.settings import Settings
from sunshine_keys.store import OPERATOR

SERVE = """
import sys
from sunshine_keys.store.sqlite import writer
writer._GROUP_LIMIT = int(sys.argv.pop(1)) or writer._GROUP_LIMIT
from sunshine_keys.cli import main
main()
"""
WAYS = {"in groups": 0, "one fsync each": 1}
INTEGRATIONS = 10_000
GOALS = {0.2: 4.0, 1.0: 8.0}
"""How many times as many creates groups should make at 32 connections, by the milliseconds that an fsync takes longer."""

SECONDS = 2.0

FSYNC = "fsync,fdatasync"
STRACE = ("strace", "--daemonize", "--follow-forks", "--seccomp-bpf", f"--trace={FSYNC}")


class Load:
    """POSTs of new keys, at most ten per integration. Each connection sends one request at a time."""

    def __init__(self, folder: Path) -> None:
        self.app = App(new_object_id(), "Load", DEFAULT_SETTINGS)
        self.integrations = [Integration(f"{number:024x}", self.app.id, "custom", {}) for number in range(INTEGRATIONS)]
        asyncio.run(self._prepare(folder))
        self.created = 0

    async def _prepare(self, folder: Path) -> None:
        engine = await open_engine(Settings(folder))
        key, view = issue(engine.sealer, Scope.APP, self.app.id, None, "Load")
        self.credentials = b64encode(f"{key.id}:{view.secret}".encode()).decode()
        change = Initialise(engine.sealer.key_id, [self.app], self.integrations, [], [key])
        await engine.store.transact(OPERATOR, change)
        await engine.store.close()

    def request(self) -> bytes:
        integration = self.integrations[self.created // KEYS_PER_OWNER]
        self.created += 1
        return (
            f"POST /v2/apps/{self.app.id}/integrations/{integration.id}/keys HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Basic {self.credentials}\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n"
            '{"displayName":"x"}'
        ).encode()

    def run(self, port: int, connections: int, seconds: float) -> int:
        """Return how many were answered 201 within `seconds`."""
        answered = 0
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            for _ in range(connections):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(self.request())
                selector.register(connection, selectors.EVENT_READ, [])
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                for key, _ in selector.select(timeout=1):
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    answer = key.data.pop() + connection.recv(65536) if key.data else connection.recv(65536)
                    if not answer.startswith(b"HTTP/1.1 201 "):
                        raise SystemExit(f"not created: {answer!r}")
                    if not answer.endswith(b"}}"):  # the body has not arrived yet
                        key.data.append(answer)
                        continue
                    answered += 1
                    connection.sendall(self.request())
        return answered


@contextlib.contextmanager
def serving(folder: Path, limit: int, *under: str) -> Generator[int]:
    """Yield the port of a running server."""
    command = [
        *under,
        sys.executable,
        "-c",
        SERVE,
        str(limit),
        "serve",
        "--data",
        str(folder),
        "--port",
        "0",
        "--log-level",
        "warning",
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        said = ""
        while not said.startswith("Sunshine Keys serves on "):
            said = server.stdout.readline()
            if not said:
                raise SystemExit("the server did not start")
        yield int(said.rpartition(":")[2])
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        server.stdout.close()


def creates_per_second(folder: Path, limit: int, connections: int, seconds: float, *under: str) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as data:
        load = Load(Path(data))
        with serving(Path(data), limit, *under) as port:
            load.run(port, connections, 0.3)
            return load.run(port, connections, seconds) / seconds


def creates_per_fsync(folder: Path, limit: int, connections: int, seconds: float) -> float:
    """Count fsyncs with strace. A few of them belong to the start and the stop."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        load, seen = Load(Path(data)), Path(data, "fsyncs")
        with serving(Path(data), limit, *STRACE, "--output", str(seen)) as port:
            created = load.run(port, connections, seconds)
        return created / len(re.findall("sync\\(", seen.read_text()))


def fsync_milliseconds(folder: Path) -> float:
    """Return how long this disk takes to append 12 kB to a file durably."""
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(200):
            file.write(bytes(12288))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e3


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Measure in the current folder: temporary folders are often in memory, where an fsync takes no time."""
    folder, has_strace = Path(), shutil.which("strace") is not None
    delays = [0.0, *GOALS] if has_strace else [0.0]
    rates: dict[str, dict[str, list[float]]] = {}
    for connections in (32, 1):
        for ms in delays:
            under = (*STRACE, "--output=/dev/null", f"--inject={FSYNC}:delay_exit={int(ms * 1000)}us") if ms else ()
            by_way = rates[f"{connections} {ms:g}"] = {name: [] for name in WAYS}
            for _ in range(rounds):
                for name, limit in WAYS.items():
                    by_way[name].append(creates_per_second(folder, limit, connections, SECONDS, *under))
    counted = {
        f"{connections}": [creates_per_fsync(folder, limit, connections, SECONDS) for limit in WAYS.values()]
        for connections in ((32, 1) if has_strace else ())
    }
    return {"fsync_ms": fsync_milliseconds(folder), "rates": rates, "per_fsync": counted}


def section(results: dict[str, Any]) -> tuple[list[Goal], str]:
    goals, rows = [], []
    for case, by_way in results["rates"].items():
        connections, delay = case.split()
        gains = [grouped / alone for grouped, alone in zip(*by_way.values(), strict=True)]
        disk = f"{results['fsync_ms']:.2f} ms" + (f" and {delay} ms more" if float(delay) else "")
        rows.append([connections, disk, *(Spread.of(values).text() for values in (*by_way.values(), gains))])
        if connections == "32" and float(delay) in GOALS:
            title = f"creates a second at 32 connections, an fsync takes {delay} ms more: of one fsync each"
            goals.append(Goal.at_least(title, GOALS[float(delay)], gains))
        elif connections == "1" and not float(delay):
            goals.append(Goal.at_least("creates a second at 1 connection: of one fsync each", 0.9, gains))
    text = (
        "## Creates in groups\n\nCreates per second, each durable before it is answered: committed in groups, as the service does, "
        "and with one fsync for each.\n\n" + table(["connections", "an fsync takes", *WAYS, "ratio"], rows)
    )
    if results["per_fsync"]:
        per_fsync = [[name, *map(figure, counts)] for name, counts in results["per_fsync"].items()]
        text += table(["connections", *(f"creates for each fsync, {name}" for name in WAYS)], per_fsync)
    return goals, text
