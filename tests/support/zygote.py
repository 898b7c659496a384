"""A process that has imported the command line, and becomes it in a new process for each request (see forks.py).

It imports what `python -m sunshine_keys` imports before it reads its arguments, and modules of other projects. Modules that
the commands import themselves are imported by each new process.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from typing import Any

LENGTH_BYTES = 4
DESCRIPTORS = 4
"""Of standard input, output and error, and of the pipe for the exit status."""

_OTHERS = ("aiohttp", "asyncpg", "httptools", "jinja2", "multipart", "starlette", "urllib3", "uvicorn", "uvloop")
_MOST_DESCRIPTORS = 256


def serve(control: socket.socket) -> None:
    """Start a process for each request, and return in it with its arguments and environment. End with the test process."""
    for name in (*_OTHERS, "sunshine_keys.cli.commands"):
        importlib.import_module(name)
    import typer.main

    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(sys.modules["sunshine_keys.cli.commands"].register())  # reads the signatures of all commands
    gc.collect()
    gc.freeze()  # otherwise the collector copies the whole memory when a process ends
    statuses: dict[int, int] = {}
    ended, wake = os.pipe()
    for descriptor in (ended, wake):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            _report(statuses)
        if control in ready:
            length, descriptors, _, _ = socket.recv_fds(control, LENGTH_BYTES, DESCRIPTORS)
            if not length:
                os._exit(0)
            *streams, status = descriptors
            request = json.loads(_read(control, int.from_bytes(length)))
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(request, streams)
                return
            for descriptor in streams:
                os.close(descriptor)
            statuses[pid] = status
            control.sendall(pid.to_bytes(LENGTH_BYTES))


def _read(control: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += control.recv(size - len(content))
    return content


def _report(statuses: dict[int, int]) -> None:
    """Write the exit status of each process that has ended to its pipe."""
    for pid in list(statuses):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            pipe = statuses.pop(pid)
            os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(pipe)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number, inheritable=True)
    os.closerange(len(streams), _MOST_DESCRIPTORS)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
    encoding = sys.stdout.encoding
    sys.stdin = sys.__stdin__ = open(0, encoding=encoding)  # noqa: SIM115 - it stays open until the process ends
    sys.stdout = sys.__stdout__ = open(1, "w", encoding=encoding)  # noqa: SIM115 - as above
    sys.stderr = sys.__stderr__ = open(2, "w", encoding=encoding, errors="backslashreplace", buffering=1)  # noqa: SIM115 - as above


def run() -> None:
    """Run the command line as `python -m sunshine_keys` does."""
    try:
        runpy.run_module("sunshine_keys", run_name="__main__", alter_sys=True)
        _statuses.append(0)
    except SystemExit as error:
        _statuses.append(error.code if isinstance(error.code, int) else int(error.code is not None))
        raise


def _end() -> None:
    """End the process without freeing its memory, which takes 0.1 s. What else can happen is left to the interpreter."""
    if _statuses:
        with contextlib.suppress(OSError, ValueError):
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            os._exit(_statuses[0])


atexit.register(_end)  # as the first function, so that it runs last
_statuses: list[int] = []
"""The exit status, once the command has ended with one."""
