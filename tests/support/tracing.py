"""Failing and slow system calls: strace injects them into a running server."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from support.machine import require
from support.servers import Server


@contextlib.contextmanager
def injected(server: Server, path: Path, what: str) -> Generator[None]:
    """Inject the fault `what`, in strace's syntax, into calls on `path` by all threads and processes of the server."""
    require("strace")
    processes = [server.process.pid, *server.children()]
    attached = [f"--attach={pid}" for pid in processes]
    strace = subprocess.Popen(
        ["strace", "--follow-forks", "--trace-path", str(path), "--output=/dev/null", f"--inject={what}", *attached],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert strace.stderr is not None
    try:
        for _ in processes:
            line = strace.stderr.readline()
            if "attached" not in line:
                pytest.skip(f"strace cannot attach; in a container, run it with --cap-add=SYS_PTRACE: {line.strip()}")
        yield
    finally:
        strace.send_signal(signal.SIGINT)  # strace detaches from them
        try:
            strace.communicate(timeout=5)
        except subprocess.TimeoutExpired:  # strace waits for a killed process; the kernel frees the others
            strace.kill()
            strace.communicate()
