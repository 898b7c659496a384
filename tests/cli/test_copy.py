"""`copy`: a served store moves from SQLite to PostgreSQL with its whole content, and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from support.commands import run
from support.postgres import Postgres
from support.servers import Server
from support.wire import Key, Wire, first_run

from sunshine_keys import store_copies
from sunshine_keys.settings import STORE_FILE
from sunshine_keys.store import StoreError
from sunshine_keys.store.locations import Location, location
from sunshine_keys.store.postgres import copy_side

KEYS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations/029c31f25a21b47effd7be90/keys"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_store()


def copied(source: str, target: str) -> Any:
    done = run("copy", "--from", source, "--to", target, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sqlite_url(data: Path) -> str:
    return f"sqlite:{data / STORE_FILE}"


def once(wire: Wire, auth: Key, name: str) -> dict[str, Any]:
    answer = wire.post(KEYS, auth, {"displayName": name}, headers={"Idempotency-Key": name})
    assert answer.status == 201
    key: dict[str, Any] = answer.json["key"]
    return key


def test_a_served_store_moves_with_keys_answers_and_trail(data: Path, sample: dict[str, Any], url: str) -> None:
    auth = Key.of(sample["app_key"])
    with Server(data) as server:
        first = once(server.wire, auth, "first")
        deleted = once(server.wire, auth, "deleted")
        assert copied(sqlite_url(data), url)["tables"]["keys"]["rows"] == 5
        second = once(server.wire, auth, "second")
        assert server.wire.delete(f"{KEYS}/{deleted['id']}", auth).status == 200
        assert server.wire.patch("/v2/apps/5d8cff3cd55b040010928b5b", auth, {"displayName": "New"}).status == 200
        trail = run("audit", "verify", "--data", str(data)).stdout
    second_run = copied(sqlite_url(data), url)
    assert second_run["changed"] == 7  # a key, its answer, the app and its update; a removed key; three audit entries
    assert copied(sqlite_url(data), url)["changed"] == 0

    assert run("audit", "verify", "--database", url, "--data", str(data)).stdout == trail
    with Server(data, "--database", url) as server:
        listed = {key["id"]: key["secret"] for key in server.wire.get(KEYS, auth).json["keys"]}
        assert listed == {key["id"]: key["secret"] for key in (sample["key"], first, second)}
        assert once(server.wire, auth, "first") == first
        assert once(server.wire, auth, "second") == second
        assert server.wire.get(KEYS.replace("/keys", "/webhooks"), Key.of(deleted)).status == 401
        assert server.wire.get("/v2/tokenInfo", auth).json["app"]["displayName"] == "New"
        third = once(server.wire, auth, "third")
        assert server.wire.get(KEYS.replace("/keys", "/webhooks"), Key.of(third)).status == 200

    refused = run("copy", "--from", sqlite_url(data), "--to", url)
    assert refused.returncode == 1
    assert "the target is no copy of the source: its audit trail has entries of its own" in refused.stderr


def test_a_store_moves_back_from_postgresql(data: Path, sample: dict[str, Any], url: str, tmp_path: Path) -> None:
    there = copied(sqlite_url(data), url)
    back = copied(url, f"sqlite:{tmp_path / 'back'}")
    assert back["tables"] == there["tables"]
    with Server(data, "--database", f"sqlite:{tmp_path / 'back'}") as server:
        assert server.wire.get(f"{KEYS}/{sample['key']['id']}", Key.of(sample["app_key"])).json == {
            "key": sample["key"]
        }


def test_a_served_store_refuses_a_key_that_a_copy_into_it_removed(data: Path, sample: dict[str, Any], url: str) -> None:
    key, webhooks = Key.of(sample["key"]), KEYS.replace("/keys", "/webhooks")
    with Server(data, "--no-usage") as server:
        assert server.wire.get(webhooks, key).status == 200
        copied(sqlite_url(data), url)
        with Server(data, "--database", url) as other:
            assert other.wire.delete(f"{KEYS}/{key.id}", Key.of(sample["app_key"])).status == 200
        copied(url, sqlite_url(data))
        assert server.wire.get(webhooks, key).status == 401


def _began(postgres: Postgres, arrived: str) -> bool:
    with contextlib.suppress(asyncpg.UndefinedTableError):
        return bool(postgres.execute(arrived)[0][0])
    return False


def grown(data: Path, keys: int) -> None:
    """Add `keys` integrations with a key to the store."""
    with closing(sqlite3.connect(data / STORE_FILE)) as connection:
        rows = [(f"{number:024x}",) for number in range(keys)]
        app = "5d8cff3cd55b040010928b5b"
        connection.executemany(f"INSERT INTO integrations VALUES (?, '{app}', 'custom', '{{}}')", rows)
        connection.executemany(
            f"INSERT INTO keys SELECT 'int_' || id, 'integration', '{app}', id, 'x', x'00', NULL, NULL FROM integrations WHERE id = ?",
            rows,
        )
        connection.commit()


def test_a_killed_copy_is_no_store_until_it_is_continued(
    data: Path, sample: dict[str, Any], url: str, postgres: Postgres
) -> None:
    grown(data, 20_000)
    arrived = f"SELECT count(*) FROM {url.rpartition('=')[2]}.integrations"
    command = [sys.executable, "-m", "sunshine_keys", "copy", "--from", sqlite_url(data), "--to", url]
    with subprocess.Popen(command) as process:
        while not _began(postgres, arrived):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    refused = run("audit", "--database", url, "--data", str(data))
    assert refused.returncode == 1
    assert "unfinished copy: run `sunshine-keys copy` again" in refused.stderr
    done = copied(sqlite_url(data), url)
    assert done["tables"]["keys"]["rows"] == 20_003
    assert copied(sqlite_url(data), url)["changed"] == 0


def test_served_and_other_stores_are_refused_as_targets(
    data: Path, sample: dict[str, Any], url: str, tmp_path: Path
) -> None:
    copied(sqlite_url(data), url)
    with Server(data, "--database", url) as server:
        refused = run("copy", "--from", sqlite_url(data), "--to", url)
        assert (refused.returncode, "the target is served at the moment" in refused.stderr) == (1, True), refused.stderr
        assert server.wire.get(KEYS, Key.of(sample["app_key"])).status == 200
    other = tmp_path / "other"
    first_run(other)
    refused = run("copy", "--from", sqlite_url(data), "--to", sqlite_url(other))
    assert (refused.returncode, "the target is no copy of the source" in refused.stderr) == (1, True)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_second_concurrent_copy_is_refused(
    kind: str, data: Path, sample: dict[str, Any], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_side, "LOCK_SECONDS", 0.1)
    source, target = location(sqlite_url(data)), location(url if kind == "postgres" else f"sqlite:{tmp_path / 'to'}")

    async def copy_and_copy_meanwhile() -> None:
        await copy(source, target)
        async with store_copies.copy_side(target, snapshot=False):  # a running copy does the same
            with pytest.raises(StoreError, match="another copy into the target is under way: nothing was changed"):
                await copy(source, target)
        await copy(source, target)

    asyncio.run(copy_and_copy_meanwhile())


async def copy(source: Location, target: Location) -> None:
    assert (await store_copies.copy_store(source, target, lambda done, total: None)).tables["keys"].rows == 3


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("sqlite:/nowhere/store", "sqlite:x", "there is no store /nowhere/store"),
        ("sqlite:x", "sqlite:x", "are the same store"),
        ("mysql://x", "sqlite:x", "--from should be a URL"),
        ("sqlite:x", "postgresql://h:99999/x", "--to cannot be read"),
    ],
)
def test_stores_that_cannot_be_copied_are_named(source: str, target: str, said: str) -> None:
    refused = run("copy", "--from", source, "--to", target)
    assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
