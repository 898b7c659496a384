"""Run commands in their own processes."""

from __future__ import annotations

import io
import os
import subprocess
import sys

from support import forks


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    done = run_bytes(*arguments, stdin=stdin.encode(), **environment)
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(read), "utf-8").read() for read in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)


def run_bytes(*arguments: str, stdin: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")} | environment
    if forks.can_fork(clean):
        return forks.run(list(arguments), clean, stdin, timeout=60)
    command = [sys.executable, "-m", "sunshine_keys", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=clean, check=False)


def failed(result: subprocess.CompletedProcess[str]) -> str:
    """Check that a command failed with one line on standard error, and return the line."""
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.strip()
