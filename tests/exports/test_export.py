"""`export` and `import`, as an operator runs them: between stores, killed, and with names of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from commands import failed, run
from conftest import Key, Wire, first_run, make_tenant
from servers import Server
from test_backup import Writers

from exports.conftest import PASSPHRASE, STORE, Export, execute, exported, imported, records, refused
from sunshine_keys.compose import Settings, open_engine
from sunshine_keys.exports import writing
from sunshine_keys.keys.secrets import is_our_secret
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.sealing.sources import FolderFile


def everything(wire: Wire, account: Key) -> list[Any]:
    """All that the API shows of a store."""

    def get(path: str) -> Any:
        answer = wire.get(path, account)
        assert answer.status in (200, 400), (path, answer)
        return answer.json

    found: list[Any] = []
    for app in get("/v2/apps?page[size]=100")["apps"]:
        path = f"/v2/apps/{app['id']}"
        found += [app, get(path), get(f"{path}/keys")]
        for integration in get(f"{path}/integrations?page[size]=100")["integrations"]:
            inner = f"{path}/integrations/{integration['id']}"
            found += [integration, get(f"{inner}/keys"), get(f"{inner}/webhooks")]
    return found


ODD_NAMES = ["x" * 100, "ü" * 100, "\U0001f511" * 100, "\u202e\u0000".replace("\0", "\x01"), "\u2028", "\\\"'", " "]


def test_another_store_answers_as_the_first_did(data: Path, new: Path, sample: dict[str, Any]) -> None:
    account = Key.of(sample["account_key"])
    with Server(data) as server:
        tenant = make_tenant(server.wire, account)
        for name in ODD_NAMES:
            assert server.wire.post(tenant.keys, tenant.app_key, {"displayName": name}).status == 201
        body = {
            "displayName": "x",
            "metadata": {"nested": [1, None, "ü", {"a": 2**63}]},
            "settings": {"echoPostback": True},
        }
        assert server.wire.post("/v2/apps", account, body).status == 201
        server.wire.patch(f"{tenant.app}/integrations/{tenant.web_id}", account, {"defaultResponderId": "r"})
        before = everything(server.wire, account)
        content = exported(data)

    assert "were there already" in imported(new, content)
    assert (new / "sealing.key").read_bytes() != (data / "sealing.key").read_bytes()
    with Server(new) as server:
        assert everything(server.wire, account) == before
        for key in (Key.of(sample["key"]), tenant.key):
            assert server.wire.get("/v2/tokenInfo", key).status == 200
            assert server.wire.get("/v2/tokenInfo", key.bearer()).status == 200
        assert server.wire.delete(f"{tenant.keys}/{tenant.key.id}", account).status == 200
        assert server.wire.get("/v2/tokenInfo", tenant.key).status == 401
    assert records(exported(new))[1:3] == records(content)[1:3]


def test_holds_no_secret_in_clear(data: Path, sample: dict[str, Any]) -> None:
    for content in (exported(data), exported(data, "--without-secrets")):
        for view in (sample["account_key"], sample["key"], sample["app_key"], sample["integration"]["webhooks"][0]):
            assert view["id"] in content
            assert view["secret"] not in content
    assert "secret" not in exported(data, "--without-secrets")


def test_a_file_is_whole_and_its_owners_alone(data: Path, sample: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "export"
    said = run("export", str(file), "--data", str(data), **PASSPHRASE)
    assert (
        said.stdout == "Exported 1 app, 2 integrations, 1 webhook, 3 keys; secrets are sealed under the passphrase.\n"
    )
    assert said.stderr == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    assert records(before.decode())[0]["passphrase"]["scrypt"] == {"n": 1 << 17, "r": 8, "p": 1}  # as OWASP asks for
    assert "is there already" in failed(run("export", str(file), "--data", str(data), **PASSPHRASE))
    assert file.read_bytes() == before
    assert run("export", str(file), "--data", str(data), "--force", **PASSPHRASE).returncode == 0
    assert file.read_bytes() != before
    assert set(tmp_path.iterdir()) == {data, file}


def test_an_export_is_of_one_moment(data: Path, new: Path, sample: dict[str, Any]) -> None:
    def write(done: int, total: int) -> None:
        """What comes between two pages."""
        app, integration, key = f"{done:024x}", f"{done + 1000:024x}", f"int_{done:024x}"
        execute(data / STORE, "INSERT INTO apps VALUES (?, 'x', '{}', NULL)", app)
        execute(data / STORE, "INSERT INTO integrations VALUES (?, ?, 'custom', '{}')", integration, app)
        execute(data / STORE, "INSERT INTO keys VALUES (?, 'integration', ?, ?, 'x', x'00')", key, app, integration)

    async def export() -> bytes:
        engine = await open_engine(Settings(data))
        file = io.BytesIO()
        await writing.write(engine, file, None, write)
        await engine.store.close()
        return file.getvalue()

    content = asyncio.run(export()).decode()
    assert len(execute(data / STORE, "SELECT * FROM apps")) == 5
    said = imported(new, content, "--new-secrets", str(new.with_name("secrets")))
    assert said == "Imported 7 rows; 0 were there already.\n"


def test_an_export_under_load_can_be_imported(data: Path, new: Path, sample: dict[str, Any]) -> None:
    with Server(data) as server, Writers(server.wire, Key.of(sample["app_key"])) as writers:
        for turn in range(3):
            before = writers.writes
            content = exported(data)
            assert writers.writes > before
            imported(new.with_name(f"new{turn}"), content)


def test_into_a_store_that_is_served(data: Path, new: Path, sample: dict[str, Any]) -> None:
    made = first_run(new)
    with Server(new) as server:
        assert imported(new, exported(data)) == "Imported 7 rows; 0 were there already.\n"
        assert server.wire.get("/v2/apps", Key.of(sample["account_key"])).status == 200
        assert server.wire.get("/v2/apps", Key.of(made["account_key"])).status == 200
    entry = json.loads(run("audit", "--data", str(new), "--json", "--action", "store.import").stdout)
    assert entry["note"].startswith("7 rows of an export of 2")
    assert run("audit", "verify", "--data", str(new)).returncode == 0


def test_a_rotated_store_is_exported_and_imported_into(data: Path, new: Path, sample: dict[str, Any]) -> None:
    assert run("seal", "rotate", "--data", str(data)).returncode == 0
    first_run(new)
    assert run("seal", "rotate", "--data", str(new)).returncode == 0
    imported(new, exported(data))
    sealed = execute(
        new / STORE,
        "SELECT DISTINCT substr(sealed_secret, 1, 4) FROM keys UNION SELECT substr(sealed_secret, 1, 4) FROM webhooks",
    )
    assert len(sealed) == 1
    with Server(new) as server:
        assert server.wire.get("/v2/tokenInfo", Key.of(sample["key"])).status == 200


class TestConflicts:
    def test_nothing_is_imported_where_something_is_there(self, new: Path, export: Export) -> None:
        imported(new, export.sealed)
        execute(new / STORE, "DELETE FROM keys")
        line = refused(new, export.sealed)
        assert "4 of its rows are in the store already, such as 5d8cff3cd55b040010928b5b: nothing was imported" in line
        assert execute(new / STORE, "SELECT count(*) FROM keys") == [(0,)]

    def test_what_is_there_can_be_left_as_it_is(self, new: Path, export: Export) -> None:
        imported(new, export.sealed)
        execute(new / STORE, "DELETE FROM keys WHERE scope <> 'account'")
        execute(new / STORE, "UPDATE apps SET display_name = 'changed'")
        said = imported(new, export.sealed, "--on-conflict", "skip")
        assert said == "Imported 2 rows; 5 were there already.\n"
        assert execute(new / STORE, "SELECT display_name FROM apps") == [("changed",)]
        with Server(new) as server:
            assert server.wire.get("/v2/tokenInfo", Key.of(export.issued["key"])).status == 200

    def test_an_eleventh_key_is_refused_and_all_with_it(self, new: Path, export: Export) -> None:
        imported(new, export.sealed)
        execute(new / STORE, "DELETE FROM keys WHERE scope = 'integration'")
        for number in range(10):
            execute(
                new / STORE,
                "INSERT INTO keys SELECT ?, 'integration', app_id, id, 'x', x'00' FROM integrations WHERE type = 'custom'",
                f"int_{number:024x}",
            )
        execute(new / STORE, "DELETE FROM keys WHERE scope = 'app'")
        line = refused(new, export.sealed, "--on-conflict", "skip")
        assert "An integration is limited to 10 API keys; delete one first: nothing was imported" in line
        assert execute(new / STORE, "SELECT count(*) FROM keys WHERE scope = 'app'") == [(0,)]

    def test_a_row_of_another_owner_is_not_taken_for_ours(self, new: Path, export: Export) -> None:
        imported(new, export.sealed)
        execute(new / STORE, "INSERT INTO apps VALUES ('another', 'x', '{}', NULL)")
        execute(new / STORE, "UPDATE integrations SET app_id = 'another'")
        assert "belongs to another app or integration" in refused(new, export.sealed, "--on-conflict", "skip")


class TestPassphrase:
    def test_a_wrong_one_is_said_to_be_wrong(self, new: Path, export: Export) -> None:
        line = refused(new, export.sealed, SUNSHINE_KEYS_PASSPHRASE="another")
        assert line == "sunshine-keys: cannot import -: the passphrase is wrong"
        assert not new.exists()

    def test_may_come_from_a_file(self, data: Path, new: Path, sample: dict[str, Any], tmp_path: Path) -> None:
        file = tmp_path / "passphrase"
        file.write_text("pässphrase\r\nsecond line\n")
        content = exported(data, "--passphrase-file", str(file))
        composed_otherwise = "pa\u0308ssphrase"
        result = run("import", "-", "--data", str(new), stdin=content, SUNSHINE_KEYS_PASSPHRASE=composed_otherwise)
        assert result.returncode == 0, result.stderr

    def test_is_needed(self, data: Path, new: Path, sample: dict[str, Any], export: Export, tmp_path: Path) -> None:
        assert "the secrets need a passphrase" in failed(run("export", "-", "--data", str(data)))
        assert "passphrase is empty" in failed(run("export", "-", "--data", str(data), SUNSHINE_KEYS_PASSPHRASE=""))
        assert "cannot read the passphrase" in failed(
            run("export", "-", "--data", str(data), "--passphrase-file", str(tmp_path / "none"))
        )
        file = tmp_path / "export"
        file.write_text(export.sealed)
        assert "the secrets need a passphrase" in failed(run("import", str(file), "--data", str(new)))
        assert not new.exists()


class TestWithoutSecrets:
    def test_is_not_imported_unless_new_ones_are_asked_for(self, new: Path, export: Export) -> None:
        assert "it holds no secrets: --new-secrets OUTPUT makes new ones" in refused(new, export.bare)
        assert not new.exists()

    def test_new_ones_are_in_a_file_of_the_owners_alone(
        self, data: Path, new: Path, sample: dict[str, Any], tmp_path: Path
    ) -> None:
        content, output = exported(data, "--without-secrets"), tmp_path / "secrets"
        imported(new, content, "--new-secrets", str(output))
        assert stat.S_IMODE(output.stat().st_mode) == 0o600
        issued = [next(iter(each.items())) for each in records(output.read_text())]
        assert sorted(kind for kind, _ in issued) == ["key", "key", "key", "webhook"]
        with Server(new) as server:
            for kind, view in issued:
                if kind == "key":
                    assert is_our_secret(view["secret"])
                    path = "/v2/apps" if view["id"].startswith("act_") else "/v2/tokenInfo"
                    assert server.wire.get(path, Key.of(view)).status == 200
            assert server.wire.get("/v2/tokenInfo", Key.of(sample["key"])).status == 401
        assert "is there already" in refused(new, content, "--new-secrets", str(output), "--on-conflict", "skip")
        again = tmp_path / "again"
        imported(new, content, "--new-secrets", str(again), "--on-conflict", "skip")
        assert not again.exists(), "no secret was made"

    def test_a_file_with_secrets_gets_no_new_ones(self, new: Path, export: Export, tmp_path: Path) -> None:
        assert "holds its secrets" in refused(new, export.sealed, "--new-secrets", str(tmp_path / "secrets"))
        assert not (tmp_path / "secrets").exists()


class TestKill:
    @staticmethod
    def grow(data: Path, count: int) -> None:
        """Give the store so many account keys whose secrets can be unsealed."""
        sealer = Sealer(*FolderFile(data).read())
        ids = [f"act_{number:024x}" for number in range(count)]
        with contextlib.closing(sqlite3.connect(data / STORE)) as connection, connection:
            connection.executemany(
                "INSERT INTO keys VALUES (?, 'account', NULL, NULL, 'x', ?)",
                ((each, sealer.seal(f"secret of {each}", each)) for each in ids),
            )

    def test_of_an_export_leaves_no_file(self, data: Path, sample: dict[str, Any], tmp_path: Path) -> None:
        self.grow(data, 30_000)
        file, part = tmp_path / "export", tmp_path / ".export.part"
        process = subprocess.Popen(
            [sys.executable, "-m", "sunshine_keys", "export", str(file), "--data", str(data)],
            env=os.environ | PASSPHRASE,
        )
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 100_000):
            assert time.monotonic() < deadline and process.poll() is None
        process.kill()
        process.wait()
        assert not file.exists()
        assert run("export", str(file), "--data", str(data), **PASSPHRASE).returncode == 0
        assert not part.exists()

    def test_of_an_import_leaves_whole_transactions_and_it_can_go_on(
        self, data: Path, new: Path, sample: dict[str, Any], tmp_path: Path
    ) -> None:
        self.grow(data, 30_000)
        file = tmp_path / "export"
        run("export", str(file), "--data", str(data), **PASSPHRASE)
        first_run(new)
        process = subprocess.Popen(
            [sys.executable, "-m", "sunshine_keys", "import", str(file), "--data", str(new)],
            env=os.environ | PASSPHRASE, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 50
        while (count := execute(new / STORE, "SELECT count(*) FROM keys")[0][0]) == 1:
            assert time.monotonic() < deadline and process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        (count,) = execute(new / STORE, "SELECT count(*) FROM keys")[0]
        assert 1 < count < 30_004
        rows = (
            count
            - 1
            + sum(
                execute(new / STORE, f"SELECT count(*) FROM {each}")[0][0]
                for each in ("apps", "integrations", "webhooks")
            )
        )
        assert rows % 10_000 == 0
        with Server(new) as server:
            assert server.wire.get("/healthz").status == 200

        line = failed(run("import", str(file), "--data", str(new), **PASSPHRASE))
        assert f"{rows} of its rows are in the store already" in line
        said = run("import", str(file), "--data", str(new), "--on-conflict", "skip", **PASSPHRASE)
        assert said.stdout == f"Imported {30_007 - rows} rows; {rows} were there already.\n"
        with Server(new) as server:
            assert server.wire.get("/v2/apps", Key(f"act_{29_999:024x}", f"secret of act_{29_999:024x}")).status == 200
        assert run("audit", "verify", "--data", str(new)).returncode == 0


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert "there is no store" in failed(run("export", "-", "--data", str(tmp_path / "none"), **PASSPHRASE))
    assert "cannot read" in failed(run("import", str(tmp_path / "none"), "--data", str(tmp_path / "x"), **PASSPHRASE))
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_cannot_be_unsealed_is_not_left_out(data: Path, sample: dict[str, Any]) -> None:
    execute(data / STORE, "UPDATE keys SET sealed_secret = substr(sealed_secret, 1, 20) WHERE scope = 'app'")
    file = data.parent / "export"
    line = failed(run("export", str(file), "--data", str(data), **PASSPHRASE))
    assert f"cannot export: the sealed secret of {sample['app_key']['id']} is damaged" in line
    assert set(data.parent.iterdir()) == {data}
