"""`copy` and `migrate` of a service with conversations."""

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
import msgspec
import pytest
from support import targets
from support.commands import run
from support.messaging import TEXT, chat, create_user, post, upload
from support.postgres import Postgres
from support.servers import Server
from support.wire import Key, Place, Tenant, first_run, make_tenant

from sunshine_keys import compose
from sunshine_keys.settings import STORE_FILE
from sunshine_keys.store.table import Table
from sunshine_messaging import plane


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_store()


def sqlite_url(data: Path) -> str:
    return f"sqlite:{data / STORE_FILE}"


def copied(source: str, target: str) -> Any:
    done = run("copy", "--from", source, "--to", target, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(source: str, target: str) -> str:
    done = run("copy", "--from", source, "--to", target)
    assert done.returncode == 1, done.stdout
    return done.stderr


class Content:
    """A group with two members and a message, in an app of its own, and all that the API shows of it."""

    def __init__(self, server: Server, account: Key) -> None:
        self.tenant: Tenant = make_tenant(server.wire, account)
        (webhook,) = server.wire.get(self.tenant.webhooks, self.tenant.key).json["webhooks"]
        assert server.wire.delete(f"{self.tenant.webhooks}/{webhook['id']}", self.tenant.key).status == 200
        self.jane = create_user(server.wire, self.tenant, externalId="jane")
        self.john = create_user(server.wire, self.tenant, externalId="john")
        self.conversation = chat(server.wire, self.tenant, self.jane, self.john)
        post(server.wire, self.tenant, self.conversation, TEXT)

    def shown(self, server: Server) -> list[Any]:
        paths = [
            f"{self.tenant.users}/jane",
            f"{self.tenant.users}/john",
            f"{self.tenant.conversations}/{self.conversation}",
            f"{self.tenant.conversations}/{self.conversation}/participants",
            f"{self.tenant.conversations}/{self.conversation}/messages",
        ]
        return [server.wire.get(path, self.tenant.key).json for path in paths]

    def once(self, server: Server) -> Any:
        headers = {"Idempotency-Key": "later"}
        path = f"{self.tenant.conversations}/{self.conversation}/messages"
        answer = server.wire.post(path, self.tenant.key, TEXT, headers=headers)
        assert answer.status == 201
        return answer.json


def test_conversations_of_a_served_store_move_to_postgresql_and_back(data: Path, url: str, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    with Server(data) as server:
        content = Content(server, account)
        first = copied(sqlite_url(data), url)
        assert {name: table["rows"] for name, table in first["tables"].items() if name.startswith("messaging.")} == {
            "messaging.apps": 1,
            "messaging.users": 2,
            "messaging.handles": 2,
            "messaging.clients": 0,
            "messaging.devices": 0,
            "messaging.scripts": 0,
            "messaging.conversations": 1,
            "messaging.participants": 2,
            "messaging.messages": 1,
            "messaging.attachments": 0,
            "messaging.deliveries": 0,
            "messaging.switchboards": 0,
            "messaging.switchboard_entries": 0,
            "messaging.control_records": 0,
            "messaging.idempotency": 0,
        }
        later = content.once(server)
        assert server.wire.delete(f"{content.tenant.users}/john", content.tenant.key).status == 200
        shown = content.shown(server)
    # A message and its answer, the conversation, Jane's count, and John, whose handle and participant go with him.
    assert copied(sqlite_url(data), url)["changed"] == 5
    assert copied(sqlite_url(data), url)["changed"] == 0
    back = f"sqlite:{tmp_path / 'back'}"
    assert copied(url, back)["tables"] == copied(sqlite_url(data), url)["tables"]
    assert (tmp_path / "back.messaging").stat().st_mode & 0o777 == 0o600
    for database in (url, back):
        with Server(data, "--database", database) as server:
            assert content.shown(server) == shown
            assert content.once(server) == later


def test_copy_that_was_used_is_no_longer_a_target(data: Path, url: str) -> None:
    account = Key.of(first_run(data)["account_key"])
    with Server(data) as server:
        content = Content(server, account)
    copied(sqlite_url(data), url)
    with Server(data, "--database", url) as server:
        before = content.shown(server)
    assert copied(sqlite_url(data), url)["changed"] == 0  # it was served, but nothing was written into it
    with Server(data, "--database", url) as server:
        post(server.wire, content.tenant, content.conversation, TEXT)
        after = content.shown(server)
    assert before != after
    assert "the target has conversations of its own" in refused(sqlite_url(data), url)
    with Server(data, "--database", url) as server:
        assert content.shown(server) == after


def test_pending_event_is_sent_by_one_of_both_services(data: Path, url: str) -> None:
    account = Key.of(first_run(data)["account_key"])
    with targets.listening() as target:
        target.answer = lambda call: 503
        with Server(data) as server:
            tenant = make_tenant(server.wire, account)
            (webhook,) = server.wire.get(tenant.webhooks, tenant.key).json["webhooks"]
            body = {"target": target.url, "triggers": ["user:remove"]}
            assert server.wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.key, body).status == 200
            create_user(server.wire, tenant, externalId="jane")
            assert server.wire.delete(f"{tenant.users}/jane", tenant.key).status == 200
            target.wait_for(1)  # the next attempt is due in 15 seconds
            first = copied(sqlite_url(data), url)
            assert first["tables"]["messaging.deliveries"]["rows"] == 0
            assert first["left_out"] == {"messaging.deliveries": 1}
            output = run("copy", "--from", sqlite_url(data), "--to", url).stdout
            assert "The source keeps 1 row of messaging.deliveries, which its processes work on: stop them" in output
        last = copied(sqlite_url(data), url)
        assert last["tables"]["messaging.deliveries"]["rows"] == 1
        assert last["left_out"] == {"messaging.deliveries": 0}
        target.answer = lambda call: 200
        with Server(data, "--database", url):
            first_call, second_call = target.wait_for(2)
        assert first_call.event == second_call.event


def test_conversations_without_keys_are_no_target(data: Path, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    with Server(data) as server:
        Content(server, account)
    (tmp_path / "to.messaging").write_bytes((data / "messaging.db").read_bytes())
    assert "the target has conversations of its own" in refused(sqlite_url(data), f"sqlite:{tmp_path / 'to'}")
    with closing(sqlite3.connect(tmp_path / "to.messaging")) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (2,)


def test_store_without_conversations_is_copied_without_them(data: Path, tmp_path: Path) -> None:
    first_run(data)
    assert not [name for name in copied(sqlite_url(data), f"sqlite:{tmp_path / 'to'}")["tables"] if "messaging" in name]
    assert not list(tmp_path.glob("**/*messaging*"))


def test_killed_copy_of_conversations_is_no_store_until_it_is_continued(
    data: Path, url: str, postgres: Postgres
) -> None:
    account = Key.of(first_run(data)["account_key"])
    with Server(data) as server:
        content = Content(server, account)
    with closing(sqlite3.connect(data / "messaging.db")) as connection:
        rows = [(f"{content.conversation}{number:024x}", b"{}") for number in range(20_000)]
        connection.executemany("INSERT INTO messages VALUES (?, NULL, ?)", rows)
        connection.commit()
    schema = url.rpartition("=")[2]
    command = [sys.executable, "-m", "sunshine_keys", "copy", "--from", sqlite_url(data), "--to", url]
    with subprocess.Popen(command) as process:
        while not _has_rows(postgres, f"{schema}_messaging.messages"):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    opened = run("audit", "--database", url, "--data", str(data))
    assert (opened.returncode, "unfinished copy" in opened.stderr) == (1, True), opened.stderr
    assert copied(sqlite_url(data), url)["tables"]["messaging.messages"]["rows"] == 20_001
    assert copied(sqlite_url(data), url)["changed"] == 0


def _has_rows(postgres: Postgres, table: str) -> bool:
    with contextlib.suppress(asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return bool(postgres.execute(f"SELECT count(*) FROM {table}")[0][0])
    return False


class Note(msgspec.Struct, frozen=True):
    id: str


def test_migrate_upgrades_conversations(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Key.of(first_run(place)["account_key"])
    assert asyncio.run(compose.migrate(place.settings))[1] is None
    with Server(place) as server:
        content = Content(server, account)
        shown = content.shown(server)
    version = plane.CATALOG.version()
    assert f"conversations of the store {place.settings.location} already have schema version" in (
        run("migrate", *place.options).stdout
    )
    later = Table("notes", Note, since=version + 1)
    monkeypatch.setattr(plane, "CATALOG", msgspec.structs.replace(plane.CATALOG, tables=(*plane.CATALOG.tables, later)))
    assert asyncio.run(compose.migrate(place.settings))[1] == (version, version + 1)
    monkeypatch.undo()
    refused = run("migrate", *place.options)
    assert (refused.returncode, "use the newer program" in refused.stderr) == (1, True), refused.stderr
    assert shown


def test_uploaded_files_move_to_postgresql_and_back(data: Path, url: str, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    contents = [b"Hello!", bytes(range(256)) * 4096]
    with Server(data) as server:
        tenant = make_tenant(server.wire, account)
        paths = [upload(server.wire, tenant, content) for content in contents]
        copied(sqlite_url(data), url)
        paths.append(upload(server.wire, tenant, b"later"))
        removal = {"mediaUrl": server.wire.url + paths[0]}
        assert server.wire.post(f"{tenant.app}/attachments/remove", tenant.key, removal).status == 200
    copied(sqlite_url(data), url)
    back = f"sqlite:{tmp_path / 'back'}"
    copied(url, back)
    for database in (url, back):
        with Server(data, "--database", database) as server:
            assert [server.wire.get(path).content for path in paths[1:]] == [contents[1], b"later"]
            assert server.wire.get(paths[0]).status == 404
    assert len(list((tmp_path / "back.attachments").iterdir())) == 2


def test_damaged_file_is_not_copied(data: Path, tmp_path: Path) -> None:
    account = Key.of(first_run(data)["account_key"])
    with Server(data) as server:
        path = upload(server.wire, make_tenant(server.wire, account), b"Hello!")
    (data / "attachments" / path.split("/")[3]).write_bytes(b"hello!")
    command = [
        sys.executable,
        "-m",
        "sunshine_keys",
        "copy",
        "--from",
        sqlite_url(data),
        "--to",
        f"sqlite:{tmp_path / 'to'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is damaged" in done.stderr
