"""`sunshine-keys serve` in its own process."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from support.forks import Forked, can_fork
from support.wire import Place, Wire


class Server:
    """`sunshine-keys serve` in its own process."""

    def __init__(
        self,
        place: Path | Place | None,
        *options: str,
        log: Path | None = None,
        authority: Path | None = None,
        patch: str = "",
        **environment: str,
    ) -> None:
        """Start the server. It runs the Python code `patch` first; its workers do not.

        Without a `place`, the environment names the store.
        """
        options_of_place = ["--data", str(place)] if isinstance(place, Path) else []
        store = place.options if isinstance(place, Place) else options_of_place
        arguments = ["serve", *store, "--port", "0", "--rate-limit-failures", "off", *options]
        with (log or Path(os.devnull)).open("a") as stderr:
            self.process = _start(arguments, os.environ | environment, patch, stderr)
        self._authority = authority
        try:
            self.wire = Wire(self._url(), authority)
        except BaseException:
            self.__exit__()
            raise

    def _url(self) -> str:
        """Wait until the server answers, and return its URL."""
        assert self.process.stdout is not None
        line = ""
        while not line.startswith("Sunshine Keys serves on "):
            line = self.process.stdout.readline()
            assert line, "the server ended before it served"
        url = line.split()[-1]
        deadline = time.monotonic() + 30
        while True:
            try:
                assert Wire(url, self._authority).get("/healthz").status == 200
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return url

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill(signal.SIGTERM)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        return [child for child in self.children() if b"supervisor" in _command(child)]

    def children(self) -> list[int]:
        """Return the process ids of its children."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listed.read_text().split()]

    def kill_all(self) -> None:
        """kill -9 the server and its workers, which would otherwise stop by themselves."""
        children = self.children()
        self.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{child}/exe").exists() for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def _start(
    arguments: list[str], environment: Mapping[str, str], patch: str, stderr: IO[str]
) -> Forked | subprocess.Popen[str]:
    if not patch and can_fork(environment):
        return Forked(arguments, environment, stderr=stderr.fileno())
    program = ["-c", f"{patch}\nfrom sunshine_keys.cli import main\nmain()"] if patch else ["-m", "sunshine_keys"]
    command = [sys.executable, *program, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment)


def _command(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
