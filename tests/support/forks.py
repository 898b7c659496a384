"""Processes of the command line that start in milliseconds, because they are forked from one that has imported it.

Such a process is as real as another: it has a process id, arguments, an environment, standard streams, signals and an exit
status of its own. It differs in what the interpreter does before it runs the command. A test of that (encodings, terminals,
the interpreter's options, what is imported when) starts an interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TextIO

from support.zygote import LENGTH_BYTES

_PROGRAM = """
import socket, sys
sys.path.insert(0, {tests!r})
from support import zygote
zygote.serve(socket.socket(fileno=int(sys.argv.pop(1))))
zygote.run()
"""
_READ_BY_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "TZ")
_OF_OTHERS = ("PYTHON_KEYRING_BACKEND",)
_ENVIRONMENT = dict(os.environ)
"""The environment of the process that forks."""


def can_fork(environment: Mapping[str, str]) -> bool:
    """Return True if the interpreter would read this environment as it has read that of the process that forks."""
    return all(
        _ENVIRONMENT.get(name) == environment.get(name)
        for name in _ENVIRONMENT.keys() | environment.keys()
        if name.startswith(_READ_BY_THE_INTERPRETER) and name not in _OF_OTHERS
    )


class Forked:
    """A process of `python -m sunshine_keys`. It has the methods of `subprocess.Popen` that the tests need."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], *, stdin: int | None = None, stderr: int
    ) -> None:
        """Start it. Its standard output is a pipe, its standard input /dev/null if that is None."""
        self.args = arguments
        self.returncode: int | None = None
        self._lock = threading.Lock()
        output, writer = os.pipe()
        self._status, status = os.pipe()
        with Path(os.devnull).open("r+b", buffering=0) as null:
            streams = [null.fileno() if stdin is None else stdin, writer, stderr]
            request = {"arguments": arguments, "environment": dict(environment), "folder": str(Path.cwd())}
            try:
                self.pid = _zygote().start(request, [*streams, status])
            finally:
                os.close(writer)
                os.close(status)
        self.stdout: TextIO = os.fdopen(output, encoding="utf-8")

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status; that of a signal is negative. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if end is None else max(0, end - time.monotonic())
            ready, _, _ = select.select([self._status], [], [], left)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            with self._lock:
                if self.returncode is None:
                    self.returncode = int(os.read(self._status, 16))
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        os.close(self._status)


def run(
    arguments: list[str], environment: Mapping[str, str], content: bytes, timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """Run a command with `content` as its standard input. Raises subprocess.TimeoutExpired after `timeout` seconds."""
    stdin, writer = os.pipe()
    reader, stderr = os.pipe()
    process = Forked(arguments, environment, stdin=stdin, stderr=stderr)
    for descriptor in (stdin, stderr):
        os.close(descriptor)
    read: dict[str, bytes] = {}

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb") as stream:
            stream.write(content)

    def collect(name: str, stream: IO[bytes]) -> None:
        with stream:
            read[name] = stream.read()

    threads = [
        threading.Thread(target=write),
        threading.Thread(target=collect, args=("stdout", process.stdout.buffer)),
        threading.Thread(target=collect, args=("stderr", os.fdopen(reader, "rb"))),
    ]
    for thread in threads:
        thread.start()
    try:
        process.wait(timeout)
    finally:
        process.kill()
        for thread in threads:
            thread.join()
    return subprocess.CompletedProcess(arguments, process.wait(), read["stdout"], read["stderr"])


class _Zygote:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, control = socket.socketpair()
        with control:
            program = _PROGRAM.format(tests=str(Path(__file__).parents[1]))
            command = [sys.executable, "-c", program, str(control.fileno())]
            self.process = subprocess.Popen(
                command, env=_ENVIRONMENT, pass_fds=[control.fileno()], stdin=subprocess.DEVNULL
            )
        atexit.register(self._close)

    def start(self, request: dict[str, object], descriptors: list[int]) -> int:
        content = json.dumps(request).encode()
        with self._lock:
            socket.send_fds(self._control, [len(content).to_bytes(LENGTH_BYTES)], descriptors)
            self._control.sendall(content)
            pid = self._control.recv(LENGTH_BYTES)
        assert pid, "the process that forks has ended"
        return int.from_bytes(pid)

    def _close(self) -> None:
        self._control.close()
        self.process.wait(30)


_starting = threading.Lock()


def _zygote() -> _Zygote:
    with _starting:
        return _started()


@functools.cache
def _started() -> _Zygote:
    return _Zygote()
