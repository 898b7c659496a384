"""Many keys at once: what is there already is not made twice, whatever ended the run before."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from remote.conftest import Commands


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def names(tmp_path: Path) -> Path:
    return tmp_path / "names.csv"


def create(commands: Commands, names: Path, *options: str, **environment: str) -> Any:
    return commands(
        "keys", "create", "--from", str(names), "--integration", commands.server.integration_id, *options, **environment
    )


def there(commands: Commands) -> list[str]:
    found = commands.json("keys", "list", "--integration", commands.server.integration_id)
    return sorted(each["displayName"] for each in found if each["displayName"] != "Sample key")


def test_a_key_for_each_name_and_none_twice(commands: Commands, names: Path) -> None:
    names.write_text("a\n\n b\nb\n")
    first = create(commands, names)
    assert first.returncode == 0, first.stderr
    results = names.with_name("names.csv.keys.jsonl")
    assert first.stdout == f"Made 3 keys. They are in {results}, with their secrets: keep it safe.\n"
    assert stat.S_IMODE(results.stat().st_mode) == 0o600
    kept = [line["key"] for line in lines(results)[1:]]
    assert [key["displayName"] for key in kept] == ["a", "b", "b"]
    assert all(len(key["secret"]) == 86 for key in kept)
    assert there(commands) == ["a", "b", "b"]

    names.write_text("c\na\nb\nb\n")
    again = create(commands, names, "--json")
    told = json.loads(again.stdout)
    assert (len(told["made"]), told["madeBefore"], told["failed"]) == (1, 3, [])
    assert there(commands) == ["a", "b", "b", "c"]


def test_owners_may_be_in_the_file(commands: Commands, names: Path) -> None:
    other = commands.json("integrations", "create", "Bot", "--target", "https://example.com")["id"]
    names.write_text(f"displayName,integrationId\na,{other}\nb,\n")
    assert create(commands, names).returncode == 0
    assert there(commands) == ["b"]
    assert [each["displayName"] for each in commands.json("keys", "list", "--integration", other)] == ["a"]


def test_a_row_whose_answer_was_lost_is_not_made_twice(commands: Commands, names: Path) -> None:
    names.write_text("a\nb\n")
    for _ in range(4):  # the first attempt of the first key, and its three repetitions
        commands.server.faults.next(drop="after")
    lost = create(commands, names, "--app", commands.server.app_id)
    assert lost.returncode == 5
    assert "Run the same command again" in lost.stderr
    assert there(commands) == ["a"]
    results = names.with_name("names.csv.keys.jsonl")
    with results.open("a") as torn:
        torn.write('{"app_id": "x", "disp')
    assert create(commands, names).returncode == 0
    assert there(commands) == ["a", "b"]
    assert sorted(line["key"]["displayName"] for line in lines(results)[1:]) == ["a", "b"]
    live = commands.json("keys", "list", "--integration", commands.server.integration_id, "--reveal")
    assert all(line["key"] in live for line in lines(results)[1:])


def test_what_is_wrong_with_one_row_stops_no_other(commands: Commands, names: Path) -> None:
    names.write_text(f"a\n{'x' * 101}\nb\n")
    result = create(commands, names)
    assert result.returncode == 1
    assert "Made 2 keys." in result.stdout
    assert "1 could not be made:" in result.stderr
    assert there(commands) == ["a", "b"]


def test_results_of_another_run_or_service_are_left_alone(commands: Commands, names: Path, tmp_path: Path) -> None:
    names.write_text("a\n")
    results = tmp_path / "results"
    for content, mode, said in (
        ('{"run": "1", "host": "https://elsewhere"}\n', 0o600, "is of https://elsewhere"),
        ("something else\n", 0o600, "is not what an earlier run wrote"),
        ("", 0o644, "others can read"),
    ):
        results.write_text(content)
        results.chmod(mode)
        refused = create(commands, names, "--output", str(results))
        assert refused.returncode == 2
        assert said in refused.stderr
        assert results.read_text() == content
    assert there(commands) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no names"),
        (b"name\n", "has no names"),
        (b"a,b\n", "row 1: 2 columns where there should be 1"),
        (b"name,colour\na,red\n", "has a column colour"),
        (b"name,appId\n,x\n", "row 1: it should have a name"),
        (b"\xff\n", "should be a CSV file in UTF-8"),
        (b'"a\n', "should be a CSV file in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_understood_makes_nothing(
    commands: Commands, names: Path, content: bytes, said: str
) -> None:
    names.write_bytes(content)
    refused = create(commands, names)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr
    assert not names.with_name("names.csv.keys.jsonl").exists()


def test_keys_are_deleted_by_their_names(commands: Commands, names: Path) -> None:
    names.write_text("ci-1\nci-2\nother\n")
    create(commands, names)
    by = ("--integration", commands.server.integration_id)
    refused = commands("keys", "delete", "--match", "ci-*", *by)
    assert refused.returncode == 2
    assert there(commands) == ["ci-1", "ci-2", "other"]
    terminal = commands.on_terminal(
        "keys", "delete", "--match", "ci-*", *by, **commands.by(commands.server.app_key)
    )  # fmt: skip
    terminal.answer("Delete 2 keys?", "y")
    assert terminal.end() == 0
    assert "Deleted 2 keys." in terminal.said
    assert there(commands) == ["other"]
    assert commands.json("keys", "delete", "--match", "ci-*", *by, "--yes") == {"deleted": []}
