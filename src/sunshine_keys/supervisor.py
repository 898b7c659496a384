"""Run the service in several processes, and replace a worker that has ended.

A worker that cannot use its store when it starts waits for it (asgi.py), so a database that is down for a moment costs no node.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import msgspec

from sunshine_keys import server
from sunshine_keys.asgi import Service
from sunshine_keys.observing import process_metrics
from sunshine_keys.observing.process_metrics import Processes
from sunshine_keys.server import Connections
from sunshine_keys.settings import Settings

RESTART_SECONDS = 1.0
"""The time between two starts of one worker, so that one that always fails does not use up the machine."""

_KILL_SECONDS = server.STOP_SECONDS + 0.3
_TICK_SECONDS = 0.1
_WORKER = "SUNSHINE_KEYS_WORKER"
_COMMAND = (sys.executable, "-P", "-c", "from sunshine_keys.supervisor import work; work()")

logger = logging.getLogger("sunshine_keys.server")


class Assignment(msgspec.Struct, frozen=True):
    """What a worker inherits: descriptors of the listening socket and of all figures, and the index of its own figures.

    The worker ends when the process `supervisor` has ended.
    """

    connections: Connections
    listener: int
    figures: list[int]
    slot: int
    supervisor: int


class _Worker:
    def __init__(self, supervisor: Supervisor, slot: int) -> None:
        self._supervisor = supervisor
        self._slot = slot
        self.start()

    def start(self) -> None:
        self._started = time.monotonic()
        self.process = self._supervisor.start(self._slot)

    def replace(self) -> None:
        """Start a new process if this one has ended."""
        status = self.process.poll()
        if status is not None and time.monotonic() - self._started >= RESTART_SECONDS:
            logger.error("a worker has ended with status %d, another one starts", status)
            self.start()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)  # does nothing if it has ended


class Supervisor:
    def __init__(self, settings: Settings, connections: Connections, listener: socket.socket, workers: int) -> None:
        self._connections = connections
        self._listener = listener.fileno()
        self._environment = os.environ | settings.environment()
        self._figures = [process_metrics.new_file() for _ in range(workers)]
        self._signals: list[int] = []

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. SIGHUP makes all workers load the certificate."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, frame: self._signals.append(number))
        workers: list[_Worker] = []
        try:
            workers += [_Worker(self, slot) for slot in range(len(self._figures))]
            while signal.SIGTERM not in self._signals and signal.SIGINT not in self._signals:
                time.sleep(_TICK_SECONDS)
                if signal.SIGHUP in self._signals:
                    self._signals.remove(signal.SIGHUP)
                    for worker in workers:
                        worker.signal(signal.SIGHUP)
                for worker in workers:
                    worker.replace()
        finally:
            _stop(workers)

    def start(self, slot: int) -> subprocess.Popen[bytes]:
        assignment = Assignment(self._connections, self._listener, self._figures, slot, os.getpid())
        # A process inherits an ignored signal: SIGHUP must not end a worker before it has a handler.
        handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            return self._start(assignment)
        finally:
            signal.signal(signal.SIGHUP, handler)

    def _start(self, assignment: Assignment) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the command is a constant
            _COMMAND,
            env=self._environment | {_WORKER: msgspec.json.encode(assignment, enc_hook=str).decode()},
            pass_fds=(self._listener, *self._figures),
            stdin=subprocess.DEVNULL,
        )


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.signal(signal.SIGTERM)
    end = time.monotonic() + _KILL_SECONDS
    for worker in workers:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(max(end - time.monotonic(), 0))
    for worker in workers:
        worker.process.kill()


def _path(kind: type, value: Any) -> Any:
    return kind(value)


def work() -> None:
    """Run a worker."""
    assignment = msgspec.json.decode(os.environ.pop(_WORKER), type=Assignment, dec_hook=_path)
    settings = Settings.from_environment()
    if settings.log is not None:
        settings.log.configure()
    server.exit_0_on_signals()

    def watch() -> None:
        while os.getppid() == assignment.supervisor:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="sunshine-keys-watch", daemon=True).start()
    gc.freeze()
    service = Service(settings, Processes(assignment.figures, assignment.slot))
    server.Server(service, assignment.connections).run([socket.socket(fileno=assignment.listener)])
