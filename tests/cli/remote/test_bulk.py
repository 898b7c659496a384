"""Many keys at once: a repeated run creates no second key, whatever ended the run before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.remote import Commands

from sunshine_keys.cli.remote import bulk
from sunshine_keys.cli.remote.options import OutputFormat
from sunshine_keys.cli.remote.resources import RESOURCES
from sunshine_keys.cli.remote.session import contact
from sunshine_keys.store import answers


@pytest.fixture
def names(tmp_path: Path) -> Path:
    return tmp_path / "names.csv"


def create(commands: Commands, names: Path, *options: str, **environment: str) -> Any:
    return commands(
        "keys", "create", "--from", str(names), "--integration", commands.server.integration_id, *options, **environment
    )


def created(commands: Commands, names: Path) -> list[dict[str, Any]]:
    result = create(commands, names, "--json")
    assert result.returncode == 0, result.stderr
    keys: list[dict[str, Any]] = json.loads(result.stdout)["keys"]
    return keys


def listed(commands: Commands) -> list[dict[str, Any]]:
    keys = commands.json("keys", "list", "--integration", commands.server.integration_id, "--reveal")
    return [key for key in keys if key["displayName"] != "Sample key"]


def listed_names(commands: Commands) -> list[str]:
    return sorted(key["displayName"] for key in listed(commands))


def test_each_row_gets_a_key_and_a_repetition_gets_the_same(commands: Commands, names: Path) -> None:
    names.write_text("a\n\n b\nb\n")
    first = create(commands, names)
    assert first.returncode == 0, first.stderr
    assert first.stdout.endswith("Created 3 keys. Store their secrets in a safe place now.\n")
    keys = listed(commands)
    assert sorted(key["displayName"] for key in keys) == ["a", "b", "b"]
    assert all(key["secret"] in first.stdout for key in keys)

    repetition = json.loads(create(commands, names, "--json").stdout)
    owner = {"appId": commands.server.app_id, "integrationId": commands.server.integration_id}
    assert [key["displayName"] for key in repetition["keys"]] == ["a", "b", "b"]
    assert (repetition["repeated"], repetition["failed"]) == (3, [])
    assert all(owner | key in repetition["keys"] for key in keys)
    assert listed(commands) == keys
    assert "Created 0 keys. An earlier run created the other 3." in create(commands, names).stdout
    assert create(commands, names, "--quiet").stdout.split() == [key["secret"] for key in repetition["keys"]]
    assert [path.name for path in names.parent.iterdir()] == ["names.csv"]


def test_rows_may_be_added_moved_and_changed(commands: Commands, names: Path) -> None:
    names.write_text("a\nb\nb\n")
    before = created(commands, names)
    names.write_text("c\nb\nb\nrenamed\n")
    after = created(commands, names)
    assert [key["id"] for key in after[1:3]] == [key["id"] for key in before[1:]]
    assert listed_names(commands) == ["a", "b", "b", "c", "renamed"]


def test_a_row_whose_key_was_deleted_gets_a_new_one(commands: Commands, names: Path) -> None:
    names.write_text("a\nb\n")
    for _ in range(2):
        first, other = created(commands, names)
        commands.ok("keys", "delete", first["id"], "--integration", commands.server.integration_id, "--yes")
        second, same = created(commands, names)
        assert same == other
        assert second["id"] != first["id"]
        assert {key["id"] for key in listed(commands)} == {second["id"], other["id"]}


def test_the_service_forgets_rows_after_a_day(commands: Commands, names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names.write_text("a\n")
    (first,) = created(commands, names)
    monkeypatch.setattr(answers, "IDEMPOTENCY_SECONDS", -1)  # The stored answer is older than a day.
    (second,) = created(commands, names)
    assert {key["id"] for key in listed(commands)} == {first["id"], second["id"]}


def test_owners_may_be_in_the_file(commands: Commands, names: Path) -> None:
    other = commands.json("integrations", "create", "Bot", "--target", "https://example.com")["id"]
    names.write_text(f"displayName,integrationId\na,{other}\na,\n")
    assert [key["integrationId"] for key in created(commands, names)] == [other, commands.server.integration_id]
    assert listed_names(commands) == ["a"]
    assert [key["displayName"] for key in commands.json("keys", "list", "--integration", other)] == ["a"]


def test_a_row_whose_answer_was_lost_gets_no_second_key(commands: Commands, names: Path) -> None:
    names.write_text("a\nb\nc\n")
    app = ("--app", commands.server.app_id)
    commands.server.faults.next()
    for _ in range(4):  # the first attempt of the second key, and its three repetitions
        commands.server.faults.next(drop="after")
    lost = create(commands, names, "--json", *app)
    assert lost.returncode == 5
    assert "1 of 3 keys created" in lost.stderr
    assert "Run the same command again within 24 hours" in lost.stderr
    assert [key["displayName"] for key in json.loads(lost.stdout)["keys"]] == ["a"]
    assert listed_names(commands) == ["a", "b"]
    keys = {key["id"]: key["secret"] for key in created(commands, names)}
    assert listed_names(commands) == ["a", "b", "c"]
    assert keys == {key["id"]: key["secret"] for key in listed(commands)}


def test_a_killed_run_is_continued(commands: Commands, names: Path) -> None:
    names.write_text("".join(f"{number}\n" for number in range(8)))
    commands.server.faults.next(delay=0.1, times=9)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    owner = ("--integration", commands.server.integration_id)
    process = subprocess.Popen(
        [sys.executable, "-m", "sunshine_keys", "keys", "create", "--from", str(names), *owner],
        env=clean | commands.environment | commands.by(commands.server.app_key),
        stdout=subprocess.PIPE,
    )
    with process:
        deadline = time.monotonic() + 30
        while sum(request.status == 201 for request in commands.server.requests) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.communicate()[0] == b""
    commands.server.faults.clear()
    before = {key["id"]: key["secret"] for key in listed(commands)}
    assert 3 <= len(before) < 8
    keys = {key["id"]: key["secret"] for key in created(commands, names)}
    assert keys == {key["id"]: key["secret"] for key in listed(commands)}
    assert before.items() <= keys.items()
    assert listed_names(commands) == [str(number) for number in range(8)]


def test_an_invalid_row_does_not_stop_the_others(commands: Commands, names: Path) -> None:
    names.write_text(f"a\n{'x' * 101}\nb\n")
    result = create(commands, names)
    assert result.returncode == 1
    assert "Created 2 keys." in result.stdout
    assert "1 of 3 keys could not be created:" in result.stderr
    assert listed_names(commands) == ["a", "b"]


def test_the_vendors_existing_names_are_skipped(
    commands: Commands, names: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bulk, "is_vendors", lambda url: True)
    resource = next(resource for resource in RESOURCES if resource.name == "keys")
    owners = {"app_id": commands.server.app_id, "integration_id": commands.server.integration_id}
    key = commands.server.app_key
    settings = {"host": commands.server.url, "key_id": key.id, "secret": key.secret}
    names.write_text("a\nb\n")
    with contact(settings, "the test") as session:
        bulk.create_from(resource, session, owners, names, OutputFormat(as_json=False, quiet=False))
        names.write_text("a\nb\nb\n")
        with pytest.raises(SystemExit):
            bulk.create_from(resource, session, owners, names, OutputFormat(as_json=False, quiet=False))
    assert capsys.readouterr().err.count("a key with this name exists already") == 2
    assert listed_names(commands) == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "contains no names"),
        (b"name\n", "contains no names"),
        (b"a,b\n", "row 1: 2 columns instead of 1"),
        (b"name,colour\na,red\n", "has an unknown column colour"),
        (b"name,appId\n,x\n", "row 1: the name is missing"),
        (b"\xff\n", "is not a CSV file in UTF-8"),
        (b'"a\n', "is not a CSV file in UTF-8"),
    ],
)
def test_an_invalid_file_creates_nothing(commands: Commands, names: Path, content: bytes, message: str) -> None:
    names.write_bytes(content)
    refused = create(commands, names)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert message in refused.stderr
    assert listed(commands) == []


def test_keys_are_deleted_by_their_names(commands: Commands, names: Path) -> None:
    names.write_text("ci-1\nci-2\nother\n")
    create(commands, names)
    by = ("--integration", commands.server.integration_id)
    refused = commands("keys", "delete", "--match", "ci-*", *by)
    assert refused.returncode == 2
    assert listed_names(commands) == ["ci-1", "ci-2", "other"]
    terminal = commands.on_terminal(
        "keys", "delete", "--match", "ci-*", *by, **commands.by(commands.server.app_key)
    )  # fmt: skip
    terminal.answer("Delete 2 keys?", "y")
    assert terminal.end() == 0
    assert "Deleted 2 keys." in terminal.said
    assert listed_names(commands) == ["other"]
    assert commands.json("keys", "delete", "--match", "ci-*", *by, "--yes") == {"deleted": []}
