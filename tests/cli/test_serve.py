"""What `serve` prints and writes when it starts, and what it answers at `/`."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.servers import Server
from support.wire import Key


def first_lines(data: Path, *options: str) -> list[str]:
    """Serve until the addresses are printed, and return the lines on standard output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sunshine_keys", "serve", "--data", str(data), "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("  reference"):
        line = process.stdout.readline()
        assert line, lines
        lines.append(line.rstrip("\n"))
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()
    return lines


def test_the_first_account_key_is_in_a_file_of_its_owner_and_not_in_the_output(data: Path) -> None:
    lines = first_lines(data)
    file = data / "account-key.json"
    assert any(f"Its account key is in {file}" in line for line in lines)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = Key.of(json.loads(file.read_text())["account_key"])
    assert key.secret not in "\n".join(lines)
    file.unlink()
    with Server(data) as server:
        assert server.wire.get("/v2/apps", key).status == 200
    assert not file.exists()


def test_a_file_of_another_store_is_not_overwritten(data: Path) -> None:
    data.mkdir(mode=0o700)
    other = data / "account-key.json"
    other.write_text("of another store")
    lines = first_lines(data)
    assert other.read_text() == "of another store"
    (file,) = data.glob("account-key-act_*.json")
    assert any(str(file) in line for line in lines)
    assert json.loads(file.read_text())["account_key"]["id"] in file.name


def test_the_addresses_are_printed(data: Path) -> None:
    *_, serves, api, console, reference = first_lines(data)
    url = serves.split()[-1]
    assert [line.split() for line in (api, console, reference)] == [
        ["API", f"{url}/v2"], ["console", f"{url}/console"], ["reference", f"{url}/docs"],
    ]  # fmt: skip
    without = first_lines(data, "--no-console", "--public-url", "https://keys.example.org/sub")
    assert [line.split()[1] for line in without[-2:]] == [
        "https://keys.example.org/sub/v2", "https://keys.example.org/sub/docs",
    ]  # fmt: skip


@pytest.mark.parametrize(("options", "page"), [([], "/console"), (["--no-console"], "/docs")])
def test_the_root_leads_a_browser_to_a_page_and_a_program_to_the_paths(
    data: Path, options: list[str], page: str
) -> None:
    with Server(data, *options) as server:
        browser = server.wire.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (browser.status, browser.headers["location"]) == (303, page)
        program = server.wire.get("/", headers={"Accept": "*/*"})
        assert program.status == 200
        paths = program.json
        assert paths == {"api": "/v2", "description": "/openapi.json", "reference": "/docs"} | (
            {} if options else {"console": "/console"}
        )
        assert server.wire.get(paths["description"]).status == 200
        assert server.wire.get("/").json == paths
        assert server.wire.post("/").status == 405
