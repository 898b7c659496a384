"""The command `dev` and the example bot, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.commands import run
from support.waiting import wait_until

BOT = Path(__file__).parents[2] / "examples" / "bot" / "bot.py"


class Dev:
    """The command `dev` in a folder, whose standard output goes to a file."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.variables: dict[str, str] = {
            "XDG_CONFIG_HOME": str(folder),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        self.env_file = folder / "bot.env"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
        self._output = folder / "dev.txt"
        options = ("--port", "0", "--env", str(self.env_file), *options)
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sunshine_keys", "dev", *options],
                env=clean | self.variables | environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.said or self.process.poll() is not None, 30, lambda: self.said)
        assert text in self.said, self.said

    def bot_variables(self) -> dict[str, str]:
        lines = self.env_file.read_text().splitlines()[1:]
        return dict(line.split("=", 1) for line in lines)

    def chat(self, *lines: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return run("chat", "--profile", "dev", *options, stdin="".join(f"{line}\n" for line in lines), **self.variables)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def dev(folder: Path, *options: str, **environment: str) -> Iterator[Dev]:
    """Run `dev`, which is ready."""
    folder.mkdir(exist_ok=True)
    running = Dev(folder, *options, **environment)
    try:
        running.wait_for("Ctrl-C stops it.")
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@contextlib.contextmanager
def bot(variables: dict[str, str], port: int) -> Iterator[None]:
    """Run the bot of examples/bot on a port."""
    process = subprocess.Popen(
        [sys.executable, str(BOT)], env=os.environ | variables | {"PORT": str(port)}, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _is_open(port), 30)
        yield
    finally:
        process.kill()
        process.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
