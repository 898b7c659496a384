"""`scan` as an operator runs it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.commands import run_bytes
from support.machine import needs
from support.oauth import partner_of
from support.wire import Key, Wire, first_run, make_tenant

from sunshine_keys import server
from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.settings import Settings

SECRET = new_secret()
OTHER = new_secret()


def scan(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    result = run_bytes("scan", *map(str, arguments), stdin=stdin, **environment)
    said = (result.stdout + result.stderr).decode()
    assert SECRET not in said and OTHER not in said
    return subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode("utf-8", "surrogateescape"), result.stderr.decode()
    )


def test_files_without_secrets_exit_0(tmp_path: Path) -> None:
    (tmp_path / "clean").write_text("nothing\n" + "A" * 86)
    result = scan(tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_files_and_folders_are_scanned_and_locations_printed(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "b" / "deep" / "binary").write_bytes(b"\0\xff" + SECRET.encode() + b"\0")
    (tmp_path / "a").write_text(f"line\nkey = {OTHER}\n")
    result = scan(tmp_path / "b", tmp_path / "a")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        f"{tmp_path}/b/deep/binary:1:3: {SECRET[:4]}…",
        f"{tmp_path}/a:2:7: {OTHER[:4]}…",
    ]


def test_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"line\nkey = {SECRET}\n")
    result = scan("--json", tmp_path / "a")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"path": f"{tmp_path}/a", "line": 2, "column": 7, "secret": SECRET[:4] + "…"}
    ]


def test_access_token_is_found_and_live_until_it_is_revoked(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path / "data")["account_key"])
    with server.running(Settings(tmp_path / "data")) as url:
        tenant = make_tenant(Wire(url), account)
        token = partner_of(Wire(url), tenant).token()
        id, _, secret = token.removeprefix("Bearer ").partition(".")
        (tmp_path / "a").write_text(f"ACCESS_TOKEN={id}.{secret}\n")
        lines: list[dict[str, Any]] = []
        for _ in range(2):
            result = scan("--json", "--data", tmp_path / "data", tmp_path / "a")
            assert secret not in result.stdout
            lines.append(json.loads(result.stdout))
            Wire(url).delete("/oauth/authorization", token)
    assert [line["live"] for line in lines] == [True, False]
    assert lines[0]["key"]["id"] == id


def test_unreadable_files_are_named_and_do_not_stop_the_scan(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(SECRET)
    result = scan(tmp_path / "none", "/proc/self/mem", tmp_path / "a")
    assert result.returncode == 1
    assert result.stdout == f"{tmp_path}/a:1:1: {SECRET[:4]}…\n"
    assert result.stderr.splitlines() == [
        f"sunshine-keys: cannot read {tmp_path}/none: No such file or directory",
        "sunshine-keys: cannot read /proc/self/mem: Input/output error",
    ]
    assert scan(tmp_path / "none").returncode == 2


def test_links_to_folders_and_special_files_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text(SECRET)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "again").symlink_to(folder)
    (folder / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (folder / "nowhere").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.chdir(folder)  # a socket's path is short
        unix.bind("socket")
    result = scan(folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert scan(folder / "pipe").returncode == 0
    assert "neither a file nor a folder" in scan("/dev/null").stderr


def test_control_characters_in_names_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J\n\udcff").write_text(SECRET)
    assert scan(tmp_path).stdout == f"{tmp_path}/\\x1b[2J\\n\\udcff:1:1: {SECRET[:4]}…\n"
    assert json.loads(scan("--json", tmp_path).stdout)["path"] == f"{tmp_path}/\x1b[2J\n\udcff"


@needs("git")
def test_standard_input_with_git_s_history(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init")
    (tmp_path / "conf.py").write_text(SECRET + "\n")
    git("add", "."), git("commit", "-m", "Leak")
    leak = git("rev-parse", "HEAD")
    (tmp_path / "conf.py").unlink()
    git("commit", "-am", "Remove")
    removal = git("rev-parse", "HEAD")
    result = scan("-", stdin=git("log", "-p").encode())
    assert result.returncode == 1
    assert [line.split(": ", 1)[1] for line in result.stdout.splitlines()] == [
        f"{SECRET[:4]}…, commit {removal}, file conf.py",
        f"{SECRET[:4]}…, commit {leak}, file conf.py",
    ]


class TestWithAStore:
    def test_a_store_shows_the_key_and_whether_it_is_live(self, tmp_path: Path) -> None:
        sample = first_run(tmp_path / "data", sample=True)
        key, account = sample["key"], sample["account_key"]
        (tmp_path / "leaks").write_text(
            f"{key['secret']}\n{SECRET}\n{Key.of(sample['app_key']).basic()}\n{account['secret']}\n"
        )
        result = scan(tmp_path / "leaks", SUNSHINE_KEYS_DATA=str(tmp_path / "data"))
        assert result.returncode == 1
        owner = f"integration {sample['integration']['id']} of app {sample['app']['id']}"
        assert [line.split("…", 1)[1] for line in result.stdout.splitlines()] == [
            f': LIVE, {key["id"]} "Sample key" of {owner}',
            ": of no live key in this store",
            (
                f" in Basic credentials of {sample['app_key']['id']}: "
                f'LIVE, {sample["app_key"]["id"]} "Sample app key" of app {sample["app"]["id"]}'
            ),
            f': LIVE, {account["id"]} "Account key" of the account',
        ]
        lines = scan("--json", "--data", tmp_path / "data", tmp_path / "leaks").stdout.splitlines()
        first, second, *_ = map(json.loads, lines)
        assert (first["live"], second["live"]) == (True, False)
        assert first["key"] == {
            "id": key["id"],
            "displayName": "Sample key",
            "appId": sample["app"]["id"],
            "integrationId": sample["integration"]["id"],
        }

    def test_a_missing_store_exits_2_and_is_not_created(self, tmp_path: Path) -> None:
        result = scan("--data", tmp_path / "none", tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"sunshine-keys: there is no store {tmp_path}/none/sunshine-keys.sqlite3\n"
        assert not (tmp_path / "none").exists()


def test_a_closed_pipe_prints_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"{SECRET}\n" * 20_000)
    result = subprocess.run(
        f"{sys.executable} -m sunshine_keys scan {tmp_path} | true", shell=True, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert result.stderr == "sunshine-keys: cannot print: Broken pipe\n"
