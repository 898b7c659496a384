"""`scan --revoke` on both stores, beside processes that serve them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.commands import run
from support.oauth import Partner, partner_of
from support.servers import Server
from support.waiting import wait_until
from support.wire import Key, Place, Tenant, Wire, first_run, make_tenant

from sunshine_keys.keys.model import moment_text
from sunshine_keys.opening import opened_store
from sunshine_keys.store.audit import Entry


def revoke(place: Place, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run("scan", "--revoke", *map(str, arguments), *place.options, stdin=stdin)


def trail(place: Place, action: str) -> list[Entry]:
    async def read() -> list[Entry]:
        async with opened_store(place.settings) as store:
            return [entry for entry in await store.audit_entries(0, 1000) if entry.action == action]

    return asyncio.run(read())


def status(wire: Wire, key: Key | str) -> int:
    return wire.get("/auth", key).status


_TAKE_TERMINAL = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
"""The first terminal that the leader of a session opens becomes its own."""


class Dialogue:
    """`scan --revoke` in a session of its own, whose terminal the test holds."""

    def __init__(self, *arguments: str | Path, stdin: str | None = None) -> None:
        """Start the command. Standard input is the terminal, or a pipe with the text `stdin`."""
        self._terminal, slave = pty.openpty()
        command = [sys.executable, "-c", _TAKE_TERMINAL, os.ttyname(slave)]
        command += [sys.executable, "-m", "sunshine_keys", "scan", "--revoke", *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdin=slave if stdin is None else subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        if stdin is not None:
            assert self._process.stdin is not None
            self._process.stdin.write(stdin)
            self._process.stdin.close()
            self._process.stdin = None

    def question(self) -> str:
        """Wait for a question, and return what standard error has up to it."""
        assert self._process.stderr is not None
        text = ""
        while not text.endswith("[y/N]: "):
            character = self._process.stderr.read(1)
            assert character, text
            text += character
        return text

    def answer(self, answer: str) -> None:
        os.write(self._terminal, f"{answer}\n".encode())

    def end(self) -> tuple[int, str, str]:
        """Return the exit code, and the rest of standard output and standard error."""
        stdout, stderr = self._process.communicate(timeout=60)
        os.close(self._terminal)
        return self._process.returncode, stdout, stderr


@pytest.fixture
def leaks(tmp_path: Path) -> Path:
    folder = tmp_path / "leaks"
    folder.mkdir()
    return folder


@pytest.fixture
def sample_key(sample: dict[str, Any]) -> Key:
    return Key.of(sample["key"])


def keys_and_token(wire: Wire, account: Key) -> tuple[Tenant, Partner, str]:
    tenant = make_tenant(wire, account)
    partner = partner_of(wire, tenant)
    return tenant, partner, partner.token()


def test_revoked_keys_are_refused_by_every_process_that_had_accepted_them(place: Place, leaks: Path) -> None:
    account = Key.of(first_run(place)["account_key"])
    second = Key.of(json.loads(run("account-keys", "create", "--json", *place.options).stdout))
    with Server(place, "--workers", "2") as node, Server(place) as other_node:
        tenant, _, token = keys_and_token(node.wire, account)
        exposed: list[Key | str] = [tenant.key, tenant.key.bearer(), tenant.app_key, second, token]
        for server in (node, other_node) * 4:
            assert [status(server.wire, key) for key in exposed] == [200] * 5
        (leaks / "a").write_text(f"{tenant.key.secret}\n{tenant.app_key.basic()}\n{token}\n{second.secret}\n")
        (leaks / "b").write_text(tenant.key.secret)
        result = revoke(place, leaks, "--yes")
        assert (result.returncode, result.stderr) == (0, "")
        for server in (node, other_node) * 4:
            assert [status(server.wire, key) for key in exposed] == [401] * 5
            assert status(server.wire, account) == 200
    ids = [tenant.key.id, tenant.app_key.id, token.split()[1].partition(".")[0], second.id]
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("Revoked")] == ids
    assert "LIVE" in lines[4]
    deleted = trail(place, "key.delete")
    assert {(entry.actor, entry.outcome) for entry in deleted} == {("operator", "done")}
    assert sorted(entry.resource.rpartition("/")[2] for entry in deleted) == sorted(ids[:2] + ids[3:])
    (token_entry,) = trail(place, "oauth_token.delete")
    assert (token_entry.actor, token_entry.note) == ("operator", "its secret was found by scan")
    assert not any(secret in result.stdout for secret in (tenant.key.secret, tenant.app_key.secret, second.secret))


def test_it_asks_for_each_key_with_its_last_use_and_its_place(
    data: Path, leaks: Path, sample: dict[str, Any], sample_key: Key
) -> None:
    app_key = Key.of(sample["app_key"])
    with Server(data) as server:
        assert status(server.wire, sample_key) == 200
    (leaks / "conf").write_text(f"\n{sample_key.secret}\n{sample_key.secret}\n{sample_key.basic()}\n{app_key.secret}")
    dialogue = Dialogue(leaks, "--data", data)
    first = dialogue.question()
    dialogue.answer("y")
    second = dialogue.question()
    dialogue.answer("n")
    code, stdout, stderr = dialogue.end()
    integration, app = sample["integration"]["id"], sample["app"]["id"]
    lines = first.splitlines()
    assert lines[0] == f'{sample_key.id} "Sample key" of integration {integration} of app {app}'
    assert lines[1].startswith("  last use: 20") and lines[1].endswith("Z from 127.0.0.1")
    assert lines[2:] == [f"  secret in: {leaks}/conf:2:1 and 2 other places", "Revoke it? [y/N]: "]
    assert f'{app_key.id} "Sample app key" of app {app}\n  last use: not recorded\n' in second
    assert code == 1, "a live key is left"
    assert stdout.splitlines()[4:] == [f"Revoked {lines[0]}."]
    for secret in (sample_key.secret, app_key.secret):
        assert secret not in first + second + stdout + stderr
    with Server(data) as server:
        assert [status(server.wire, key) for key in (sample_key, app_key)] == [401, 200]


def test_standard_input_is_scanned_and_the_terminal_answers(data: Path, sample_key: Key) -> None:
    dialogue = Dialogue("-", "--data", data, "--json", stdin=f"commit {'a' * 40}\n{sample_key.secret}\n")
    assert f"  secret in: -:2:1, commit {'a' * 40}\n" in dialogue.question()
    dialogue.answer("yes")
    code, stdout, _ = dialogue.end()
    assert code == 0
    leak, outcome = map(json.loads, stdout.splitlines())
    assert leak["live"] is True
    assert outcome == {"id": sample_key.id, "outcome": "revoked"}


@pytest.mark.parametrize("path", ["-", "leaks"])
def test_without_a_terminal_nothing_is_revoked_without_yes(data: Path, leaks: Path, sample_key: Key, path: str) -> None:
    (leaks / "a").write_text(sample_key.secret)
    command = [sys.executable, "-m", "sunshine_keys", "scan", "--revoke", path, "--data", str(data)]
    result = subprocess.run(
        command, input=sample_key.secret, capture_output=True, text=True, timeout=60, check=False, cwd=leaks.parent,
        start_new_session=True,  # without the terminal that the tests may run in
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (2, "")
    assert "there is no terminal for the confirmation" in result.stderr and "--yes" in result.stderr
    with Server(data) as server:
        assert status(server.wire, sample_key) == 200


def test_last_account_key_is_revoked_only_with_yes(data: Path, leaks: Path, sample: dict[str, Any]) -> None:
    account = Key.of(sample["account_key"])
    second = Key.of(json.loads(run("account-keys", "create", "--json", "--data", str(data)).stdout))
    (leaks / "a").write_text(f"{second.secret}\n{account.secret}\n")
    dialogue = Dialogue(leaks, "--data", data)
    assert second.id in dialogue.question()
    dialogue.answer("y")
    code, stdout, stderr = dialogue.end()
    assert (code, stdout.count("Revoked")) == (1, 1)
    assert f"{account.id} was not revoked: it is the last account key" in stderr
    assert run("account-keys", "list", "--quiet", "--data", str(data)).stdout.split() == [account.id]
    result = run("scan", "--revoke", "--yes", str(leaks), "--data", str(data))
    assert result.returncode == 0
    assert run("account-keys", "list", "--quiet", "--data", str(data)).stdout == ""


def test_key_that_was_deleted_meanwhile_is_no_error(place: Place, leaks: Path) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant, _, token = keys_and_token(server.wire, account)
        (leaks / "a").write_text(f"{tenant.key.secret}\n{token}\n")
        dialogue = Dialogue(leaks, *place.options)
        dialogue.question()
        dialogue.answer("y")
        dialogue.question()
        assert server.wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key).status == 200
        assert server.wire.delete("/oauth/authorization", token).status == 200
        dialogue.answer("y")
        code, stdout, _ = dialogue.end()
    assert code == 0
    assert stdout.count("was deleted meanwhile.\n") == 2


def test_secret_of_an_oauth_client_is_named_and_left_alone(data: Path, leaks: Path, sample: dict[str, Any]) -> None:
    with Server(data) as server:
        _, partner, token = keys_and_token(server.wire, Key.of(sample["account_key"]))
        (leaks / "a").write_text(partner.secret)
        shown = run("scan", "--json", str(leaks), "--data", str(data))
        result = run("scan", "--revoke", "--yes", str(leaks), "--data", str(data))
        assert status(server.wire, token) == 200
    assert json.loads(shown.stdout)["oauthClient"] == {"id": partner.id, "displayName": "A partner"}
    assert result.returncode == 1
    assert f'LIVE, OAuth client {partner.id} "A partner"\n' in result.stdout
    assert f"sunshine-keys oauth-clients delete {partner.id}" in result.stderr


def test_exit_code_is_about_what_is_left(data: Path, leaks: Path, sample_key: Key) -> None:
    (leaks / "a").write_text(sample_key.secret)
    options = ("--yes", "--data", str(data))
    assert run("scan", "--revoke", str(leaks), str(leaks / "none"), *options).returncode == 2
    assert run("scan", "--revoke", str(leaks), *options).returncode == 0, "the secret is no longer that of a live key"
    assert run("scan", str(leaks), "--data", str(data)).returncode == 1


def test_key_that_has_ended_is_not_live(place: Place, leaks: Path) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        body = {"displayName": "Ends", "expiresAt": moment_text(time.time() + 3)}
        ended = Key.of(server.wire.post(tenant.keys, tenant.app_key, body).json["key"])
        wait_until(lambda: status(server.wire, ended) == 401, 60)
    (leaks / "a").write_text(ended.secret)
    (line,) = map(json.loads, run("scan", "--json", str(leaks), *place.options).stdout.splitlines())
    assert (line["live"], line["key"]["id"], line["key"]["expiresAt"]) == (False, ended.id, body["expiresAt"])
    result = revoke(place, leaks, "--yes")
    assert (result.returncode, "ended, " in result.stdout, "Revoked" in result.stdout) == (0, True, False)


def test_store_is_required(leaks: Path) -> None:
    result = run("scan", "--revoke", "--yes", str(leaks))
    assert result.returncode == 2
    assert "--revoke needs the store of the keys: add --data or --database" in result.stderr


def test_store_that_cannot_be_written_is_an_error_and_the_key_stays(data: Path, leaks: Path, sample_key: Key) -> None:
    (leaks / "a").write_text(sample_key.secret)
    with contextlib.closing(sqlite3.connect(data / "sunshine-keys.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = run("scan", "--revoke", "--yes", str(leaks), "--data", str(data))
    assert result.returncode == 1
    assert "nothing was revoked" in result.stderr and "Run the command again" in result.stderr
    with Server(data) as server:
        assert status(server.wire, sample_key) == 200


def test_the_key_whose_successor_is_revoked_does_not_end(place: Place, leaks: Path) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        path = f"{tenant.keys.replace('/v2/', '/sunshine/v1/')}/{tenant.key.id}/rotation"
        successor = Key.of(server.wire.send("PUT", path, tenant.app_key, body={}).json["key"])
        (leaks / "a").write_text(successor.secret)
        assert revoke(place, leaks, "--yes").returncode == 0
        (left,) = server.wire.get(tenant.keys, tenant.app_key).json["keys"]
        assert (left["id"], left.get("expiresAt")) == (tenant.key.id, None)
