"""`seal`: rotations while servers run, interrupted rotations, retired and missing sealing keys."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import failed, run
from support.servers import Server
from support.wire import Key, Wire, first_run

from sunshine_keys import compose
from sunshine_keys.access.scopes import Scope
from sunshine_keys.first_run import Initialise
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.table import KEYS as KEY_TABLE
from sunshine_keys.sealing.sealer import sealing_key_id
from sunshine_keys.sealing.sources import FILE_NAME, FolderFile
from sunshine_keys.settings import STORE_FILE, Settings
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.seal_format import sealed_under
from sunshine_keys.webhooks.table import webhooks_of

SAMPLE = "/v2/apps/5d8cff3cd55b040010928b5b/integrations/029c31f25a21b47effd7be90"
WEBHOOKS, KEYS = f"{SAMPLE}/webhooks", f"{SAMPLE}/keys"
A, B, C = (bytes([byte]) * 32 for byte in range(3))


def text(*ring: bytes) -> str:
    return "\n".join(base64.b64encode(key).decode() for key in ring)


def ids(data: Path) -> list[str]:
    return [sealing_key_id(key) for key in FolderFile(data).read()]


def seal(command: str, data: Path, *arguments: str, **environment: str) -> str:
    """Run a `seal` command that succeeds, and return its output."""
    done = run("seal", command, *arguments, "--data", str(data), **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(data: Path, **environment: str) -> dict[str, Any]:
    return json.loads(seal("status", data, "--json", **environment))


def sealed(data: Path, **environment: str) -> dict[str, int]:
    """Return the number of sealed values for each sealing key that the store has or that seals something."""
    ring_keys = status(data, **environment)["keys"]
    return {key["id"]: sum(key["sealed"].values()) for key in ring_keys}


def query(data: Path, sql: str, *values: Any) -> list[Any]:
    with contextlib.closing(sqlite3.connect(data / STORE_FILE, timeout=30, isolation_level=None)) as connection:
        return connection.execute(sql, values).fetchall()


def under(data: Path, key_id: str) -> int:
    rows = query(data, "SELECT sealed_secret FROM keys")
    return sum(sealed_under(row[0]) == key_id for row in rows)


def with_many_keys(data: Path, count: int) -> list[Key]:
    """Create a store with `count` account keys, and return them."""

    async def fill() -> list[Key]:
        engine = await compose.open_engine(Settings(data))
        issued = [keys.issue(engine.sealer, Scope.ACCOUNT, None, None, "One of many") for _ in range(count)]
        first = Initialise(engine.sealer.key_id, [], [], [], [key for key, _ in issued])
        assert await engine.store.transact(OPERATOR, first)
        await engine.close()
        return [Key(view.id, view.secret) for _, view in issued]

    return asyncio.run(fill())


def require_every_secret_opens(data: Path) -> None:
    async def check() -> None:
        engine = await compose.open_engine(Settings(data))
        for (key_id,) in query(data, "SELECT id FROM keys"):
            key = await engine.store.get(KEY_TABLE, key_id)
            assert key is not None
            assert len(engine.sealer.open(key.sealed_secret, key_id)) == 86
        for webhook in await engine.store.read(
            webhooks_of([integration_id for (integration_id,) in query(data, "SELECT id FROM integrations")])
        ):
            assert len(engine.sealer.open(webhook.sealed_secret, webhook.id)) == 32
        await engine.close()

    asyncio.run(check())


class Load:
    """Creates, uses and deletes an integration with a webhook and a key in a loop, and records unexpected answers."""

    def __init__(self, wire: Wire, account: Key) -> None:
        self.wire, self.account = wire, account
        self.app = f"/v2/apps/{wire.post('/v2/apps', account, {'displayName': 'x'}).json['app']['id']}"
        self.rounds = 0
        self.failures: list[Any] = []
        self.stopping = False
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self.stopping:
            try:
                self._round()
            except Exception as error:
                self.failures.append(error)
            self.rounds += 1

    def _expect(self, status: int, method: str, path: str, auth: Key, **options: Any) -> Any:
        answer = self.wire.send(method, path, auth, **options)
        assert answer.status == status, (method, path, answer.status, answer.content)
        return answer.json

    def _round(self) -> None:
        hook = {"target": "https://example.com", "triggers": []}
        integration = {"type": "custom", "webhooks": [hook]}
        created = self._expect(201, "POST", f"{self.app}/integrations", self.account, body=integration)["integration"]
        path = f"{self.app}/integrations/{created['id']}"
        once = {"Idempotency-Key": f"round-{self.app}-{self.rounds}"}
        first, second = (
            self._expect(201, "POST", f"{path}/keys", self.account, body={"displayName": "x"}, headers=once)["key"]
            for _ in range(2)
        )
        assert first == second
        hooks = self._expect(200, "GET", f"{path}/webhooks", Key.of(first))["webhooks"]
        assert hooks == created["webhooks"]
        changed = self._expect(
            200, "PATCH", f"{path}/webhooks/{hooks[0]['id']}", Key.of(first), body={"target": "https://example.org"}
        )
        assert changed["webhook"]["secret"] == hooks[0]["secret"]
        assert self._expect(200, "GET", f"{path}/keys", self.account)["keys"] == [first]
        if self.rounds % 2:
            self._expect(200, "DELETE", path, self.account)

    def __enter__(self) -> Load:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping = True
        self.thread.join(60)

    def goes_on(self, rounds: int = 3) -> None:
        """Wait for `rounds` more rounds."""
        goal, deadline = self.rounds + rounds, time.monotonic() + 60
        while self.rounds < goal:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.timeout(180)
def test_a_rotation_under_load_fails_no_request_and_leaves_nothing_under_the_old_key(tmp_path: Path) -> None:
    account, *others = with_many_keys(tmp_path, 3000)
    (old,) = ids(tmp_path)
    with Server(tmp_path, "--workers", "2") as server, contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(server.wire, account)) for _ in range(4)]
        for load in loads:
            load.goes_on()
        assert "Created sealing key" in seal("rotate", tmp_path)
        for load in loads:
            load.goes_on()
        new, previous = ids(tmp_path)
        assert previous == old
        assert sealed(tmp_path)[old] == 0
        assert f"{old} is retired" in seal("retire", tmp_path, old)
        assert ids(tmp_path) == [new]
        for load in loads:
            load.goes_on()
        for other in others[:10]:
            assert server.wire.get("/v2/apps", other).status == 200
        assert server.wire.get("/v2/apps", Key(others[0].id, "wrong")).status == 401
        assert server.wire.get("/v2/apps", Key("act_of_nobody", "wrong")).status == 401
    assert [load.failures for load in loads] == [[], [], [], []]
    require_every_secret_opens(tmp_path)
    with Server(tmp_path) as server:
        assert server.wire.get("/v2/apps", others[-1]).status == 200


@contextlib.contextmanager
def rotating(data: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sunshine_keys", "seal", "rotate", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


@pytest.mark.timeout(180)
def test_a_rotation_killed_in_the_middle_is_continued(tmp_path: Path) -> None:
    account_keys = with_many_keys(tmp_path, 20_000)
    (old,) = ids(tmp_path)
    with rotating(tmp_path) as process:
        while under(tmp_path, old) == len(account_keys):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert 0 < under(tmp_path, old) < len(account_keys), "it was not killed in the middle"
    assert status(tmp_path)["resealing"] is True
    with Server(tmp_path) as server:
        for key in (account_keys[0], account_keys[-1]):
            assert server.wire.get("/v2/apps", key).status == 200
    new, _ = ids(tmp_path)
    assert f"are still sealed under {old}: " in failed(run("seal", "retire", old, "--data", str(tmp_path)))
    said = seal("rotate", tmp_path)
    assert said.startswith(f"Continuing the unfinished rotation to sealing key {new}.")
    assert ids(tmp_path) == [new, old]
    assert sealed(tmp_path) == {new: len(account_keys), old: 0}
    assert status(tmp_path)["resealing"] is False
    require_every_secret_opens(tmp_path)


def test_a_rotation_killed_before_the_store_records_its_key_reuses_the_key(tmp_path: Path) -> None:
    first_run(tmp_path)
    (old,) = ids(tmp_path)
    source = FolderFile(tmp_path)
    source.write([B, *source.read()])
    assert f"Sealing key {sealing_key_id(B)}, the first of" in seal("rotate", tmp_path)
    assert ids(tmp_path) == [sealing_key_id(B), old]
    assert sealed(tmp_path) == {sealing_key_id(B): 1, old: 0}


def test_a_rotation_killed_before_its_end_is_recorded_creates_no_other_key(tmp_path: Path) -> None:
    first_run(tmp_path)
    seal("rotate", tmp_path)
    ring = ids(tmp_path)
    query(tmp_path, "INSERT INTO meta (name, value) VALUES ('resealing_under', ?)", ring[0])
    assert seal("rotate", tmp_path).startswith("Continuing the unfinished rotation")
    assert ids(tmp_path) == ring
    assert "Created sealing key" in seal("rotate", tmp_path)


def test_secrets_under_an_older_key_are_resealed(tmp_path: Path) -> None:
    sample = first_run(tmp_path, sample=True)
    rows = query(tmp_path, "SELECT id, sealed_secret FROM keys")
    seal("rotate", tmp_path)
    for key_id, secret in rows:
        query(tmp_path, "UPDATE keys SET sealed_secret = ? WHERE id = ?", secret, key_id)
    new, old = ids(tmp_path)
    assert sealed(tmp_path) == {new: 1, old: 3}
    assert "Sealed under it: 3 keys, 0 webhooks, 0 answers." in seal("rotate", tmp_path)
    with Server(tmp_path) as server:
        assert server.wire.get(WEBHOOKS, Key.of(sample["key"])).status == 200


def test_a_damaged_secret_is_unchanged_and_named(tmp_path: Path) -> None:
    first_run(tmp_path, sample=True)
    query(tmp_path, "UPDATE keys SET sealed_secret = substr(sealed_secret, 1, 20) WHERE id LIKE 'int_%'")
    done = run("seal", "rotate", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "1 could not be unsealed and are unchanged: int_5d8cff3cd55b040010928b5b" in done.stderr
    _, old = ids(tmp_path)
    message = failed(run("seal", "retire", old, "--data", str(tmp_path)))
    assert "1 key, " in message
    assert f" are still sealed under {old}: " in message
    query(tmp_path, "DELETE FROM keys WHERE id LIKE 'int_%'")
    assert seal("rotate", tmp_path).startswith("Continuing")
    seal("retire", tmp_path, old)


def test_the_audit_trail_records_rotations_and_retirements(tmp_path: Path) -> None:
    first_run(tmp_path, sample=True)
    seal("rotate", tmp_path)
    new, old = ids(tmp_path)
    seal("retire", tmp_path, old)
    entries = query(tmp_path, "SELECT action, actor, resource, outcome, note FROM audit ORDER BY sequence")
    assert entries[1:] == [
        ("sealing.rotate", "operator", f"sealing-keys/{new}", "done", f"after {old}"),
        ("sealing.resealed", "operator", f"sealing-keys/{new}", "done", "resealed 3 keys, 1 webhook, 0 answers"),
        ("sealing.retire", "operator", f"sealing-keys/{old}", "done", ""),
    ]


class TestRetire:
    def test_the_current_and_the_unknown_key_are_refused(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        (key_id,) = ids(tmp_path)
        assert "is the current one" in failed(run("seal", "retire", key_id, "--data", str(tmp_path)))
        assert "there is no sealing key 12345678" in failed(run("seal", "retire", "12345678", "--data", str(tmp_path)))
        assert ids(tmp_path) == [key_id]

    def test_a_key_that_the_store_no_longer_has_is_removed_from_the_file(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        source = FolderFile(tmp_path)
        source.write([*source.read(), B])
        seal("retire", tmp_path, sealing_key_id(B))
        assert sealing_key_id(B) not in ids(tmp_path)

    def test_a_key_from_the_environment_stays_for_the_operator_to_remove(self, tmp_path: Path) -> None:
        run("init", "--data", str(tmp_path), SUNSHINE_KEYS_SEALING_KEY=text(A))
        ring = {"SUNSHINE_KEYS_SEALING_KEY": text(B, A)}
        seal("rotate", tmp_path, **ring)
        said = seal("retire", tmp_path, sealing_key_id(A), **ring)
        assert said == f"Sealing key {sealing_key_id(A)} is retired. Remove it from SUNSHINE_KEYS_SEALING_KEY.\n"
        assert "this store exists" in failed(run("init", "--data", str(tmp_path), SUNSHINE_KEYS_SEALING_KEY=text(B)))


class TestWhatIsMissing:
    def serving(self, data: Path, **environment: str) -> str:
        return failed(run("serve", "--data", str(data), "--port", "0", **environment))

    def test_an_older_key_that_was_not_retired(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        seal("rotate", tmp_path)
        source = FolderFile(tmp_path)
        new, old = source.read()
        source.write([new])
        assert f"are sealed under key {sealing_key_id(old)}; " in self.serving(tmp_path)
        (missing,) = status(tmp_path)["missing"]
        assert missing == sealing_key_id(old)
        assert "MISSING" in seal("status", tmp_path)
        seal("retire", tmp_path, missing)
        with Server(tmp_path):
            pass

    def test_the_file_from_before_the_rotation(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        old_ring = (tmp_path / FILE_NAME).read_text()
        seal("rotate", tmp_path)
        new, old = ids(tmp_path)
        seal("retire", tmp_path, old)
        (tmp_path / FILE_NAME).write_text(old_ring)
        assert f"are sealed under key {new}; {tmp_path / FILE_NAME} holds key {old}" in self.serving(tmp_path)

    def test_the_store_from_before_the_rotation(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        old_store = (tmp_path / STORE_FILE).read_bytes()
        seal("rotate", tmp_path)
        _, old = ids(tmp_path)
        seal("retire", tmp_path, old)
        (tmp_path / STORE_FILE).write_bytes(old_store)
        assert f"are sealed under key {old}; " in self.serving(tmp_path)

    def test_a_damaged_file(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        seal("rotate", tmp_path)
        with (tmp_path / FILE_NAME).open("a") as file:
            file.write("é\n")
        assert f"{FILE_NAME} should hold sealing keys" in self.serving(tmp_path)
        before = (tmp_path / FILE_NAME).read_bytes()
        assert "should hold" in failed(run("seal", "rotate", "--data", str(tmp_path)))
        assert (tmp_path / FILE_NAME).read_bytes() == before

    def test_no_store_is_created(self, tmp_path: Path) -> None:
        for command in (("rotate",), ("status",), ("retire", "12345678")):
            assert "there is no store" in failed(run("seal", *command, "--data", str(tmp_path / "typo")))
        assert not (tmp_path / "typo").exists()


def test_only_one_process_changes_the_ring(tmp_path: Path) -> None:
    first_run(tmp_path)
    ring = ids(tmp_path)
    with FolderFile(tmp_path).locked():
        assert "another process is changing the ring" in failed(run("seal", "rotate", "--data", str(tmp_path)))
    assert ids(tmp_path) == ring
    assert len(sealed(tmp_path)) == 1


class TestGivenRings:
    """A service whose ring is in the environment, with one key at first."""

    def source(self, kind: str, ring: Path) -> dict[str, str]:
        if kind == "FILE":
            return {"SUNSHINE_KEYS_SEALING_KEY_FILE": str(ring)}
        return {"SUNSHINE_KEYS_SEALING_KEY_COMMAND": f"cat '{ring}'"}

    @pytest.mark.parametrize("kind", ["FILE", "COMMAND"])
    def test_a_file_or_a_command_needs_no_restart(self, tmp_path: Path, kind: str) -> None:
        ring, data = tmp_path / "the ring", tmp_path / "data"
        ring.write_text(text(A))
        environment = self.source(kind, ring)
        sample = json.loads(run("init", "--data", str(data), "--sample", "--json", **environment).stdout)
        assert "is already current: put another key before it" in failed(
            run("seal", "rotate", "--data", str(data), **environment)
        )
        with Server(data, "--workers", "2", **environment) as server, contextlib.ExitStack() as stack:
            loads = [stack.enter_context(Load(server.wire, Key.of(sample["account_key"]))) for _ in range(2)]
            ring.write_text(text(B, A))
            for load in loads:
                load.goes_on()
            seal("rotate", data, **environment)
            for load in loads:
                load.goes_on()
            seal("retire", data, sealing_key_id(A), **environment)
            ring.write_text(text(B))
            for load in loads:
                load.goes_on()
            assert server.wire.get(WEBHOOKS, Key.of(sample["key"])).status == 200
        assert [load.failures for load in loads] == [[], []]
        assert list(sealed(data, **environment)) == [sealing_key_id(B)]
        assert not (data / FILE_NAME).exists()

    def test_a_variable_needs_a_restart_with_both_and_the_log_says_so(self, tmp_path: Path) -> None:
        data, log = tmp_path / "data", tmp_path / "log"
        sample = json.loads(
            run("init", "--data", str(data), "--sample", "--json", SUNSHINE_KEYS_SEALING_KEY=text(A)).stdout
        )
        account, both = Key.of(sample["account_key"]), text(B, A)
        with Server(data, log=log, SUNSHINE_KEYS_SEALING_KEY=text(A)) as server:
            seal("rotate", data, SUNSHINE_KEYS_SEALING_KEY=both)
            for _ in range(3):
                answer = server.wire.post("/v2/apps", account, {"displayName": "x"})
                assert answer.status == 503
                assert answer.errors == [("service_unavailable", "The service lacks a sealing key at the moment")]
            assert server.wire.get("/healthz").status == 200
        remedy = (
            f"sealing key {sealing_key_id(B)} is not in SUNSHINE_KEYS_SEALING_KEY: restart the service with that key"
        )
        assert log.read_text().count(remedy) == 1
        with Server(data, SUNSHINE_KEYS_SEALING_KEY=both) as server:
            assert server.wire.post("/v2/apps", account, {"displayName": "x"}).status == 201

    def test_a_variable_with_both_keys_needs_no_restart(self, tmp_path: Path) -> None:
        sample = json.loads(run("init", "--data", str(tmp_path), "--json", SUNSHINE_KEYS_SEALING_KEY=text(A)).stdout)
        with Server(tmp_path, SUNSHINE_KEYS_SEALING_KEY=text(A, B)) as server:
            seal("rotate", tmp_path, SUNSHINE_KEYS_SEALING_KEY=text(B, A))
            assert server.wire.post("/v2/apps", Key.of(sample["account_key"]), {"displayName": "x"}).status == 201


def test_a_secret_under_an_unknown_key_affects_no_other(tmp_path: Path) -> None:
    sample = first_run(tmp_path, sample=True)
    query(tmp_path, "UPDATE keys SET sealed_secret = zeroblob(100) WHERE id LIKE 'int_%'")
    log, app_key = tmp_path / "log", Key.of(sample["app_key"])
    with Server(tmp_path, log=log) as server:
        for _ in range(20):
            assert server.wire.get(WEBHOOKS, Key.of(sample["key"])).status == 503
            assert server.wire.get(KEYS, app_key).status == 503
            assert server.wire.get(WEBHOOKS, app_key).status == 200
    assert log.read_text().count("sealing key 00000000 is not in") < 20
    assert status(tmp_path)["missing"] == ["00000000"]
