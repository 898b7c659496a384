"""The tests fork commands from a process that has imported them: they do what commands that an interpreter starts do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import run_bytes
from support.forks import Forked, can_fork
from support.wire import first_run


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["--version"], 0),
        (["nonsense"], 2),
        (["keys", "list"], 4),
        (["audit", "--data", "DATA", "--json"], 0),
        (["audit", "--data", "/nowhere"], 1),
        (["scan", "-"], 1),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_forked_command_behaves_as_a_started_one(tmp_path: Path, command: list[str], code: int) -> None:
    created = first_run(tmp_path)["account_key"]["secret"].encode()
    arguments = [argument.replace("DATA", str(tmp_path)) for argument in command]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    started = subprocess.run(
        [sys.executable, "-m", "sunshine_keys", *arguments], env=clean, input=created, capture_output=True, check=False
    )
    assert can_fork(clean)
    forked = run_bytes(*arguments, stdin=created)
    assert started.returncode == code
    assert started.stdout or started.stderr
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_forked_process_has_its_own_folder_environment_and_signals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = os.environ | {"SUNSHINE_KEYS_DATA": "here", "SUNSHINE_KEYS_PORT": "0"}
    with (tmp_path / "log").open("w") as log:
        process = Forked(["serve"], environment, stderr=log.fileno())
    with process.stdout:
        assert process.stdout.readline().startswith("Created a new store, ")
        assert (tmp_path / "here" / "sunshine-keys.sqlite3").exists()
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
        process.kill()
        assert process.wait(30) == process.poll() == -signal.SIGKILL


def test_an_environment_that_the_interpreter_reads_is_not_forked() -> None:
    assert not can_fork(os.environ | {"PYTHONIOENCODING": "ascii"})
    assert not can_fork(os.environ | {"LC_ALL": "C"})
    assert can_fork(os.environ | {"HOME": "/nowhere"})
