"""`audit` and `audit verify` as an operator runs them."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from support.commands import failed, run
from support.remote import Terminal
from support.servers import Server
from support.wire import Key, first_run

KEYS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations/029c31f25a21b47effd7be90/keys"


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, Any]:
    return first_run(tmp_path, sample=True)


def execute(data: Path, sql: str) -> None:
    connection = sqlite3.connect(data / "sunshine-keys.sqlite3")
    connection.execute(sql)
    connection.commit()
    connection.close()


def shown(data: Path, *options: str) -> list[dict[str, Any]]:
    result = run("audit", "--data", str(data), "--json", *options)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def head(data: Path) -> str:
    result = run("audit", "verify", "--data", str(data))
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1]


def test_the_trail_of_a_served_store(tmp_path: Path, sample: dict[str, Any]) -> None:
    with Server(tmp_path) as server:
        app_key = Key.of(sample["app_key"])
        key = Key.of(server.wire.post(KEYS, app_key, {"displayName": "x"}).json["key"])
        server.wire.delete(f"{KEYS}/{key.id}", app_key)
        server.wire.delete(f"{KEYS}/{key.id}", app_key)

        entries = shown(tmp_path)
        assert [(entry["actor"], entry["action"], entry["outcome"]) for entry in entries] == [
            ("operator", "store.initialise", "done"),
            (app_key.id, "key.create", "done"),
            (app_key.id, "key.delete", "done"),
            (app_key.id, "key.delete", "not_found"),
        ]
        assert list(entries[0]) == [
            "sequence", "time", "actor", "source", "requestId", "action", "resource", "outcome", "note", "hash",
            "names",
        ]  # fmt: skip
        assert entries[2]["resource"] == f"{KEYS.removeprefix('/v2/')}/{key.id}"

        table = run("audit", "--data", str(tmp_path)).stdout.splitlines()
        assert len(table) == 5
        assert table[0].split() == ["time", "actor", "action", "outcome", "source", "resource"]
        assert table[1].endswith("operator                     store.initialise   done")
        assert f"key.delete         not_found    127.0.0.1       {entries[2]['resource']}" in table[4]
        assert run("audit", "verify", "--data", str(tmp_path)).stdout == (
            f"The chain of 4 entries is intact. Keep its head elsewhere:\n4:{entries[3]['hash']}\n"
        )


def test_limit_shows_the_newest_entries_first(tmp_path: Path, sample: dict[str, Any]) -> None:
    for name in ("a", "b", "c"):
        assert run("account-keys", "create", name, "--data", str(tmp_path)).returncode == 0
    assert [entry["sequence"] for entry in shown(tmp_path, "--limit", "2")] == [4, 3]
    assert [entry["sequence"] for entry in shown(tmp_path, "-n", "2", "--action", "store.initialise")] == [1]
    assert len(run("audit", "--data", str(tmp_path), "-n", "2").stdout.splitlines()) == 3


def test_names_are_shown_next_to_ids(tmp_path: Path, sample: dict[str, Any]) -> None:
    with Server(tmp_path) as server:
        key = server.wire.post(KEYS, Key.of(sample["app_key"]), {"displayName": "CI worker"}).json["key"]
    (entry,) = shown(tmp_path, "--limit", "1")
    assert entry["names"] == {
        "5d8cff3cd55b040010928b5b": "Sample app",
        "029c31f25a21b47effd7be90": "Sample custom integration",
        sample["app_key"]["id"]: "Sample app key",
        key["id"]: "CI worker",
    }
    assert f'{key["id"]} "CI worker"' in run("audit", "--data", str(tmp_path)).stdout


@pytest.mark.parametrize("columns", [80, 100])
def test_a_terminal_shows_no_line_that_is_wider(tmp_path: Path, sample: dict[str, Any], columns: int) -> None:
    with Server(tmp_path) as server:
        server.wire.post(KEYS, Key.of(sample["app_key"]), {"displayName": "A key with quite a long name for a table"})
        server.wire.get(KEYS, Key(sample["app_key"]["id"], "wrong"))
    terminal = Terminal(
        [sys.executable, "-m", "sunshine_keys", "audit", "--data", str(tmp_path), "-n", "5"],
        os.environ | {"COLUMNS": str(columns), "NO_COLOR": "1"},
    )
    assert terminal.end() == 0
    lines = terminal.said.replace("\r", "").splitlines()
    assert "request" in terminal.said and "key.create" in terminal.said
    assert max(map(len, lines)) <= columns


def test_entries_are_filtered(tmp_path: Path, sample: dict[str, Any]) -> None:
    with Server(tmp_path) as server:
        app_key, account = Key.of(sample["app_key"]), Key.of(sample["account_key"])
        server.wire.post(KEYS, app_key, {"displayName": "x"})
        server.wire.post("/v2/apps", account, {"displayName": "x"})

    def sequences(*options: str) -> list[int]:
        return [entry["sequence"] for entry in shown(tmp_path, *options)]

    assert sequences("--actor", account.id) == [3]
    assert sequences("--action", "key.create") == [2]
    assert sequences("--resource", "/v2/apps/5d8cff3cd55b040010928b5b") == [2]
    assert sequences("--resource", "apps/5d8cff3cd55b040010928b5") == []
    assert sequences("--since", "1h") == [1, 2, 3]
    assert sequences("--since", "2099-01-01") == []
    assert sequences("--since", shown(tmp_path)[2]["time"]) == [3]
    assert sequences("--since", shown(tmp_path)[2]["time"].replace("Z", "+01:00")) == [1, 2, 3]


def test_a_trail_longer_than_a_page_is_shown_and_verified_whole(tmp_path: Path, sample: dict[str, Any]) -> None:
    from sunshine_keys.compose import open_engine
    from sunshine_keys.settings import Settings
    from sunshine_keys.store import OPERATOR
    from sunshine_keys.store.change import Refused

    async def lengthen() -> None:
        engine = await open_engine(Settings(tmp_path))
        await asyncio.gather(*(engine.store.transact(OPERATOR, Refused("keys", "unauthorized")) for _ in range(2500)))
        await engine.close()

    asyncio.run(lengthen())
    entries = shown(tmp_path)
    assert [entry["sequence"] for entry in entries] == list(range(1, 2502))
    for sequence in (1000, 1001, 2501):
        head_text = f"{sequence}:{entries[sequence - 1]['hash']}"
        assert run("audit", "verify", "--data", str(tmp_path), "--head", head_text).returncode == 0
    execute(tmp_path, "UPDATE audit SET source = 'another' WHERE sequence = 2001")
    assert "broken: entry 2001 of" in failed(run("audit", "verify", "--data", str(tmp_path)))


def test_a_changed_entry_is_named(tmp_path: Path, sample: dict[str, Any]) -> None:
    run("init", "--data", str(tmp_path), "--new-account-key")
    execute(tmp_path, "UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
    line = failed(run("audit", "verify", "--data", str(tmp_path)))
    assert line.startswith("sunshine-keys: the audit trail is broken: entry 2 of ")
    execute(tmp_path, "DELETE FROM audit WHERE sequence = 1")
    assert "entry 1 is missing" in failed(run("audit", "verify", "--data", str(tmp_path)))


def test_a_head_reveals_a_cut_or_replaced_chain(tmp_path: Path, sample: dict[str, Any]) -> None:
    first = head(tmp_path)
    run("init", "--data", str(tmp_path), "--new-account-key")
    second = head(tmp_path)
    for head_text in (first, second):
        assert run("audit", "verify", "--data", str(tmp_path), "--head", head_text).returncode == 0

    execute(tmp_path, "DELETE FROM audit WHERE sequence > 1")
    assert head(tmp_path) == first
    assert failed(run("audit", "verify", "--data", str(tmp_path), "--head", second)) == (
        "sunshine-keys: the audit trail was cut off: it ends at entry 1, before 2"
    )
    run("init", "--data", str(tmp_path), "--new-account-key")
    assert "this is another chain: entry 2 of" in failed(
        run("audit", "verify", "--data", str(tmp_path), "--head", second)
    )


def test_invalid_options_are_errors(tmp_path: Path, sample: dict[str, Any]) -> None:
    for since in ("yesterday", "7", "2026-13-01", "99999y", "0001-01-01T00:00+23:00"):
        assert "--since is neither" in failed(run("audit", "--data", str(tmp_path), "--since", since))
    for head_text in ("1", "1:xyz", "0:" + "0" * 64, "-1:" + "0" * 64):
        assert "--head is not" in failed(run("audit", "verify", "--data", str(tmp_path), "--head", head_text))


def test_no_store_is_created(tmp_path: Path) -> None:
    assert "there is no store" in failed(run("audit", "--data", str(tmp_path / "none")))
    assert "there is no store" in failed(run("audit", "verify", "--data", str(tmp_path / "none")))
    assert not (tmp_path / "none").exists()


def test_options_may_stand_before_the_word_verify_and_in_the_environment(
    tmp_path: Path, sample: dict[str, Any]
) -> None:
    assert run("audit", "--data", str(tmp_path), "verify").returncode == 0
    head_text = head(tmp_path)
    assert run("audit", "verify", SUNSHINE_KEYS_DATA=str(tmp_path), SUNSHINE_KEYS_HEAD=head_text).returncode == 0
    shown = run("audit", SUNSHINE_KEYS_DATA=str(tmp_path), SUNSHINE_KEYS_JSON="1", SUNSHINE_KEYS_SINCE="1h")
    assert json.loads(shown.stdout)["action"] == "store.initialise"


def test_control_characters_are_not_printed(tmp_path: Path, sample: dict[str, Any]) -> None:
    execute(tmp_path, "UPDATE audit SET note = char(27) || '[2J'")
    assert run("audit", "--data", str(tmp_path)).stdout.endswith("(\N{REPLACEMENT CHARACTER}[2J)\n")
