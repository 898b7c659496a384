"""Run the service in several processes, and replace a worker that has ended or hangs.

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
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import msgspec

from sunshine_keys import server
from sunshine_keys.asgi import Service
from sunshine_keys.observing import process_metrics
from sunshine_keys.observing.process_metrics import Processes, heartbeat
from sunshine_keys.observing.prometheus import labels
from sunshine_keys.server import Connections
from sunshine_keys.settings import Settings

RESTART_SECONDS = 1.0
"""The time between two starts of one worker, so that one that always fails does not use up the machine."""

HANG_SECONDS = 30.0
"""The time without a heartbeat after which a worker hangs. No request holds up an event loop for a second, but a busy machine or
a slow disk may hold up a process for several.
"""

_PAUSED = "TtD"
"""States of a process in Linux: stopped by a signal, stopped by a debugger, waiting for a disk. None of them is a hang."""

_GLANCE_SECONDS = 1.0
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


class Silence:
    """How long a worker has had no heartbeat, in seconds.

    It begins with the worker's first heartbeat: until then, the worker imports its modules.
    """

    def __init__(self, last: int | None) -> None:
        """`last` is the last heartbeat of the worker's predecessor."""
        self._last = last
        self._has_begun = False
        self.seconds = 0.0

    def observe(self, beat: int | None, elapsed: float) -> None:
        """Add the `elapsed` seconds since the last call, unless there was a heartbeat.

        They count as one at most, because everything stood still during a longer gap: a machine that was suspended, or a
        supervisor that was stopped.
        """
        if beat != self._last:
            self._last = beat
            self._has_begun = True
            self.seconds = 0.0
        elif self._has_begun:
            self.seconds += min(elapsed, _GLANCE_SECONDS)

    def interrupt(self) -> None:
        """Begin again at zero: the worker is not running."""
        self.seconds = 0.0


class _Worker:
    def __init__(self, supervisor: Supervisor, slot: int, figures: int) -> None:
        self._supervisor = supervisor
        self._slot = slot
        self._figures = figures
        self.start()

    def start(self) -> None:
        self._is_hung = False
        self._silence = Silence(heartbeat(self._figures))
        self._started = time.monotonic()
        self.process = self._supervisor.start(self._slot)

    def watch(self, elapsed: float) -> None:
        """Kill the process if it hangs. `elapsed` is the number of seconds since the last call."""
        self._silence.observe(heartbeat(self._figures), elapsed)
        if self._silence.seconds > _GLANCE_SECONDS and _state(self.process.pid) in _PAUSED:
            self._silence.interrupt()
        if self._silence.seconds > HANG_SECONDS and not self._is_hung and self.process.poll() is None:
            self._is_hung = True
            logger.error(
                "worker %d has not responded for %d seconds and is killed, another one starts",
                self.process.pid, HANG_SECONDS,
            )  # fmt: skip
            self.process.kill()

    def replace(self) -> None:
        """Start a new process if this one has ended."""
        status = self.process.poll()
        if status is not None and time.monotonic() - self._started >= RESTART_SECONDS:
            if not self._is_hung:
                logger.error("a worker has ended with status %d, another one starts", status)
            self._supervisor.count("hung" if self._is_hung else "ended")
            self.start()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)  # does nothing if it has ended


def _state(process_id: int) -> str:
    """Return the state of a process, as a letter. Without /proc, return that of a stopped one: hangs cannot be detected."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "T"


class Supervisor:
    def __init__(self, settings: Settings, connections: Connections, listener: socket.socket, workers: int) -> None:
        self._connections = connections
        self._listener = listener.fileno()
        self._environment = os.environ | settings.environment()
        self._workers = workers
        self._figures = [process_metrics.new_file() for _ in range(workers + 1)]
        self._own = Processes(self._figures, workers)
        self._replaced = Counter({"ended": 0, "hung": 0})
        self._signals: list[int] = []

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. SIGHUP makes all workers load the certificate."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, frame: self._signals.append(number))
        workers: list[_Worker] = []
        try:
            self._write()
            workers += [_Worker(self, slot, self._figures[slot]) for slot in range(self._workers)]
            now = time.monotonic()
            while signal.SIGTERM not in self._signals and signal.SIGINT not in self._signals:
                time.sleep(_TICK_SECONDS)
                before, now = now, time.monotonic()
                if signal.SIGHUP in self._signals:
                    self._signals.remove(signal.SIGHUP)
                    for worker in workers:
                        worker.signal(signal.SIGHUP)
                for worker in workers:
                    worker.watch(now - before)
                    worker.replace()
        finally:
            _stop(workers)

    def count(self, cause: Literal["ended", "hung"]) -> None:
        """Count a worker that is replaced."""
        self._replaced[cause] += 1
        self._write()

    def _write(self) -> None:
        counts: dict[str, float] = {labels(cause=cause): number for cause, number in self._replaced.items()}
        self._own.write({"sunshine_keys_workers_replaced_total": counts}, None)

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
