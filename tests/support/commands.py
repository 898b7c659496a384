"""Run commands in their own processes."""

from __future__ import annotations

import os
import subprocess
import sys


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    return subprocess.run(
        [sys.executable, "-m", "sunshine_keys", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=clean | environment,
        check=False,
    )


def failed(result: subprocess.CompletedProcess[str]) -> str:
    """Check that a command failed with one line on standard error, and return the line."""
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.strip()
