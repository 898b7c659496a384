"""The command line in its own process, against a service on a real socket."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sunshine_keys.testing import SunshineServer
from support.commands import run


class Terminal:
    """A command on its own terminal."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._terminal, other = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
        )
        os.close(other)
        self.said = ""

    def answer(self, question: str, answer: str) -> None:
        """Wait for the question, then type the answer."""
        self.wait_for(question)
        os.write(self._terminal, answer.encode() + b"\n")

    def wait_for(self, text: str) -> None:
        self._read_until(text)

    def end(self) -> int:
        self._read_until(None)
        os.close(self._terminal)
        return self.process.wait(30)

    def _read_until(self, text: str | None) -> None:
        deadline = time.monotonic() + 30
        seen = len(self.said)
        while text is None or text not in self.said[seen:]:
            assert select.select([self._terminal], [], [], max(0, deadline - time.monotonic()))[0], self.said
            try:
                read = os.read(self._terminal, 4096)
            except OSError:  # its other end is closed
                read = b""
            if not read:
                assert text is None, self.said
                return
            self.said += read.decode()


class Commands:
    """Runs the command line for a user with an own home folder, against one service."""

    def __init__(self, server: SunshineServer, home: Path) -> None:
        self.server = server
        self.home = home
        self.environment = {
            "XDG_CONFIG_HOME": str(home),
            "HOME": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "BROWSER": "/bin/true",
        }

    @property
    def profiles(self) -> Path:
        return self.home / "sunshine-keys" / "profiles.json"

    def by(self, key: Any) -> dict[str, str]:
        return {
            "SUNSHINE_CONVERSATIONS_HOST": self.server.url,
            "SUNSHINE_CONVERSATIONS_KEY_ID": key.id,
            "SUNSHINE_CONVERSATIONS_SECRET": key.secret,
        }

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the app's key in the environment, unless credentials are passed."""
        if not any(name.startswith("SUNSHINE_CONVERSATIONS_") for name in environment) and not self.profiles.exists():
            environment = self.by(self.server.app_key) | environment
        return self.bare(*arguments, stdin=stdin, **environment)

    def bare(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command with only the credentials that are passed."""
        return run(*arguments, stdin=stdin, **(self.environment | environment))

    def ok(self, *arguments: str, **options: str) -> str:
        result = self(*arguments, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def json(self, *arguments: str, **options: str) -> Any:
        return json.loads(self.ok(*arguments, "--json", **options))

    def on_terminal(self, *arguments: str, **environment: str) -> Terminal:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
        return Terminal([sys.executable, "-m", "sunshine_keys", *arguments], clean | self.environment | environment)
