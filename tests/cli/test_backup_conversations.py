"""`backup` and `restore` of a store with conversations."""

from __future__ import annotations

from pathlib import Path

from support import targets
from support.commands import run
from support.messaging import upload
from support.servers import Server
from support.wire import Key, first_run, make_tenant


def succeed(*arguments: str) -> str:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_backup_and_restore_include_conversations(data: Path, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    file = tmp_path / "backup"
    with Server(data) as server:
        tenant = make_tenant(server.wire, account)
        jane = server.wire.post(tenant.users, tenant.key, {"externalId": "jane"}).json
        output = succeed("backup", str(file), "--data", str(data))
        assert "has 1 users and 0 conversations" in output
        assert file.with_name("backup.messaging").stat().st_mode & 0o077 == 0

        server.wire.delete(f"{tenant.users}/jane", tenant.key)
        server.wire.post(tenant.users, tenant.key, {"externalId": "john"})
        output = succeed("restore", str(file), "--data", str(data), "--yes")
        assert "Restored the conversations" in output
        assert server.wire.get(f"{tenant.users}/jane", tenant.key).json == jane
        assert server.wire.get(f"{tenant.users}/john", tenant.key).status == 404
        assert len(list(data.glob("messaging.db.replaced-*"))) == 1


def test_backup_without_conversations_is_a_single_file(data: Path, tmp_path: Path) -> None:
    first_run(data)
    succeed("backup", str(tmp_path / "backup"), "--data", str(data))
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup"]
    succeed("restore", str(tmp_path / "backup"), "--data", str(data), "--yes")
    assert not (data / "messaging.db").exists()


def test_backup_and_restore_include_uploaded_files(data: Path, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    file = tmp_path / "backup"
    files = tmp_path / "backup.attachments"
    with Server(data) as server:
        tenant = make_tenant(server.wire, account)
        removed, lost = (upload(server.wire, tenant, content) for content in (b"Hello!", b"World!"))
        succeed("backup", str(file), "--data", str(data))
        assert {path.read_bytes() for path in files.iterdir()} == {b"Hello!", b"World!"}
        assert files.stat().st_mode & 0o077 == 0
        later = upload(server.wire, tenant, b"later")
        removal = {"mediaUrl": server.wire.url + removed}
        assert server.wire.post(f"{tenant.app}/attachments/remove", tenant.key, removal).status == 200
        succeed("restore", str(file), "--data", str(data), "--yes")
        assert server.wire.get(removed).content == b"Hello!"
        assert server.wire.get(lost).content == b"World!"
        assert server.wire.get(later).status == 404

        (files / lost.split("/")[3]).unlink()
        (data / "attachments" / lost.split("/")[3]).unlink()
        output = succeed("restore", str(file), "--data", str(data), "--yes")
        assert "1 attachment had no file" in output
        assert server.wire.get(lost).errors == [("not_found", "Attachment not found")]
        assert server.wire.get(removed).content == b"Hello!"


def test_events_that_were_pending_are_sent_after_a_restore(data: Path, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    file = tmp_path / "backup"
    with targets.listening() as target:
        target.answer = lambda call: 503
        with Server(data) as server:
            tenant = make_tenant(server.wire, account)
            (webhook,) = server.wire.get(tenant.webhooks, tenant.key).json["webhooks"]
            body = {"target": target.url, "triggers": ["user:remove"]}
            assert server.wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.key, body).status == 200
            server.wire.post(tenant.users, tenant.key, {"externalId": "jane"})
            assert server.wire.delete(f"{tenant.users}/jane", tenant.key).status == 200
            target.wait_for(1)
            succeed("backup", str(file), "--data", str(data))
        target.answer = lambda call: 200
        succeed("restore", str(file), "--data", str(data), "--yes")
        with Server(data):
            first_call, second_call = target.wait_for(2)
    assert first_call.event == second_call.event
