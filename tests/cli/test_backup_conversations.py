"""`backup` and `restore` of a store with conversations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.servers import Server
from support.wire import Key, first_run, make_tenant


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "sunshine_keys", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_backup_and_restore_include_conversations(data: Path, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    file = tmp_path / "backup"
    with Server(data) as server:
        tenant = make_tenant(server.wire, account)
        jane = server.wire.post(tenant.users, tenant.key, {"externalId": "jane"}).json
        output = run("backup", str(file), "--data", str(data))
        assert "has 1 users and 0 conversations" in output
        assert file.with_name("backup.messaging").stat().st_mode & 0o077 == 0

        server.wire.delete(f"{tenant.users}/jane", tenant.key)
        server.wire.post(tenant.users, tenant.key, {"externalId": "john"})
        output = run("restore", str(file), "--data", str(data), "--yes")
        assert "Restored the conversations" in output
        assert server.wire.get(f"{tenant.users}/jane", tenant.key).json == jane
        assert server.wire.get(f"{tenant.users}/john", tenant.key).status == 404
        assert len(list(data.glob("messaging.db.replaced-*"))) == 1


def test_backup_without_conversations_is_a_single_file(data: Path, tmp_path: Path) -> None:
    first_run(data)
    run("backup", str(tmp_path / "backup"), "--data", str(data))
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup"]
    run("restore", str(tmp_path / "backup"), "--data", str(data), "--yes")
    assert not (data / "messaging.db").exists()
