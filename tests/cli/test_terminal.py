"""What commands write to terminals and files of any encoding, and users without a home folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import run
from support.remote import Terminal
from support.wire import first_run

from sunshine_keys.cli import terminal


def on_terminal(*arguments: str, **environment: str) -> Terminal:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    return Terminal([sys.executable, "-m", "sunshine_keys", *arguments], clean | environment)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_init_shows_the_account_key_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    data = str(tmp_path / "\u0416\udcff")
    result = subprocess.run(
        [sys.executable, "-m", "sunshine_keys", "init", "--data", data],
        capture_output=True, timeout=60, check=False, env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"secret  " in result.stdout and b"\\udcff" in result.stdout


def test_a_store_may_be_in_a_folder_of_any_name(tmp_path: Path) -> None:
    data = tmp_path / "\u0416\udcff?#%41 &"
    key = first_run(data)["account_key"]["id"]
    for command in (("account-keys", "list"), ("audit", "verify"), ("backup", str(tmp_path / "copy")), ("migrate",)):
        done = run(*command, "--data", str(data))
        assert done.returncode == 0, done.stderr
    assert key in run("account-keys", "list", "--data", str(data)).stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy", data.name]


def test_names_that_the_encoding_cannot_hold_are_escaped(tmp_path: Path) -> None:
    first_run(tmp_path)
    place = ("--data", str(tmp_path))
    assert run("account-keys", "create", "Zo\u00eb \u2713", *place, PYTHONIOENCODING="ascii").returncode == 0
    assert "Zo\\xeb \\u2713" in run("account-keys", "list", *place, PYTHONIOENCODING="ascii").stdout
    assert "Zo\\xeb \\u2713" in run("audit", *place, PYTHONIOENCODING="ascii").stdout
    for command in (["account-keys", "list"], ["audit", "-n", "1"]):
        shown = json.loads(run(*command, "--json", *place, PYTHONIOENCODING="ascii").stdout)
        assert "Zo\u00eb \u2713" in json.dumps(shown, ensure_ascii=False)


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
@pytest.mark.parametrize("command", [["audit"], ["account-keys", "list"], ["demo"]])
def test_no_color_and_dumb_terminals_get_no_colours(tmp_path: Path, command: list[str], variable: str) -> None:
    first_run(tmp_path)
    options = [] if command == ["demo"] else ["--data", str(tmp_path)]
    shown = on_terminal(*command, *options, **{"TERM": "xterm", variable: "dumb"})
    assert shown.end() == 0
    assert "\x1b" not in shown.said


def test_a_terminal_without_these_shows_styles(tmp_path: Path) -> None:
    first_run(tmp_path)
    shown = on_terminal("audit", "--data", str(tmp_path), TERM="xterm", NO_COLOR="")
    assert shown.end() == 0
    assert "\x1b" in shown.said


def test_errors_wrap_between_words(tmp_path: Path) -> None:
    shown = on_terminal("audit", "--data", str(tmp_path / "none"), COLUMNS="40")
    assert shown.end() == 1
    words = shown.said.split()
    assert words[:5] == ["sunshine-keys:", "there", "is", "no", "store"]
    assert all(len(line) <= 40 or " " not in line.strip() for line in shown.said.replace("\r", "").splitlines())


def test_commands_without_a_home_say_so() -> None:
    program = """
import os, pwd, sys
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
os.environ.pop("HOME", None)
os.environ.pop("XDG_CONFIG_HOME", None)
sys.argv = ["sunshine-keys", *sys.argv[1:]]
from sunshine_keys.cli import main
main()
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    for command in (["whoami"], ["profiles"], ["login", "--host", "http://127.0.0.1:1", "app_1"]):
        result = subprocess.run(
            [sys.executable, "-c", program, *command], capture_output=True, text=True, input="x", timeout=60, env=clean, check=False
        )  # fmt: skip
        assert result.returncode == 2, result.stderr
        assert "there is no home directory for this user" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make a folder that root cannot write: it has no home in /proc"
)
def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    result = run("profiles", "use", "x", HOME="/proc/nowhere", XDG_CONFIG_HOME="")
    assert result.returncode == 1
    assert result.stderr.startswith("sunshine-keys: cannot write the profiles in /proc/nowhere/.config")
    completion = run("--install-completion", HOME="/proc/nowhere", XDG_CONFIG_HOME="", SHELL="/bin/bash")
    assert "Traceback" not in completion.stderr


def test_counts_agree_with_their_nouns() -> None:
    assert [terminal.counted(number, "key") for number in (0, 1, 2)] == ["0 keys", "1 key", "2 keys"]
    assert terminal.counted(1, "entry", "entries") == "1 entry"
    assert terminal.counted(3, "entry", "entries") == "3 entries"
