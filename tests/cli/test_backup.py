"""`backup` and `restore` as an operator runs them: under load, killed, on a full disk, and with invalid files."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import failed, run
from support.machine import needs_root
from support.servers import Server
from support.waiting import wait_until
from support.wire import Key, Wire, first_run
from support.writers import Writers

from sunshine_keys.store.sqlite import copies

INTEGRATIONS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations"
KEYS = f"{INTEGRATIONS}/029c31f25a21b47effd7be90/keys"
STORE = "sunshine-keys.sqlite3"


@pytest.fixture
def app_key(sample: dict[str, Any]) -> Key:
    return Key.of(sample["app_key"])


def backed_up(data: Path, file: Path) -> Path:
    result = run("backup", str(file), "--data", str(data))
    assert result.returncode == 0, result.stderr
    return file


def restored(data: Path, file: Path, *options: str) -> str:
    result = run("restore", str(file), "--data", str(data), *options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def execute(path: Path, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql).fetchall()


def make(wire: Wire, auth: Key) -> Key:
    return Key.of(wire.post(KEYS, auth, {"displayName": "x"}).json["key"])


def live(wire: Wire, key: Key) -> bool:
    return wire.get(KEYS.replace("/keys", "/webhooks"), key).status == 200


def grow(data: Path, rows: int) -> None:
    """Add `count` account keys of about 1 kB to the store."""
    with contextlib.closing(sqlite3.connect(data / STORE)) as connection, connection:
        sealed = connection.execute("SELECT substr(sealed_secret, 1, 4) FROM keys").fetchone()[0] + bytes(900)
        connection.executemany(
            "INSERT INTO keys VALUES (?, 'account', NULL, NULL, 'x', ?, NULL, NULL)",
            ((f"act_{number:024x}", sealed) for number in range(rows)),
        )


class TestBackup:
    def test_a_backup_under_load_serves_as_the_store_does(self, data: Path, sample: dict[str, Any]) -> None:
        file = data.parent / "backup"
        grow(data, 20_000)
        with Server(data, "--workers", "2") as server, Writers(server.wire, Key.of(sample["app_key"])) as writers:
            key = make(server.wire, Key.of(sample["app_key"]))
            wait_until(lambda: writers.writes > 0)
            before = writers.writes
            said = run("backup", str(file), "--data", str(data))
            assert said.returncode == 0, said.stderr
            assert writers.writes > before
        assert re.search(
            r"has 1 app, [0-9]+ integrations, 200[0-9]{2} keys, [0-9]+ webhooks, 0 OAuth clients, and an audit",
            said.stdout,
        )
        assert "The backup does not contain them" in said.stdout
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert set(data.parent.iterdir()) == {data, file}

        other = data.parent / "other"
        other.mkdir()
        (other / "sealing.key").write_bytes((data / "sealing.key").read_bytes())
        (other / STORE).write_bytes(file.read_bytes())
        with Server(other) as server:
            assert live(server.wire, key)
        assert run("audit", "verify", "--data", str(other)).returncode == 0

    def test_other_writers_do_not_restart_it(self, data: Path, sample: dict[str, Any]) -> None:
        grow(data, 20_000)
        target = data.parent / "copy"
        target.touch()
        done = [0]

        def write(pages: int, total: int) -> None:
            assert pages > done[-1], "it began again"
            done.append(pages)
            execute(data / STORE, "UPDATE apps SET display_name = display_name || 'x'")

        copies.copy(data / STORE, target, write)
        assert len(done) > 3
        assert execute(target, "SELECT display_name FROM apps") == [("Sample app",)]

    def test_it_names_the_sealing_keys_and_contains_none(self, data: Path, sample: dict[str, Any]) -> None:
        said = run("backup", str(data.parent / "backup"), "--data", str(data)).stdout
        ((sealed,),) = execute(data / STORE, "SELECT DISTINCT substr(sealed_secret, 1, 4) FROM keys")
        assert f"need the sealing keys {sealed.hex()}." in said
        content = (data.parent / "backup").read_bytes()
        assert sample["key"]["secret"].encode() not in content
        assert (data / "sealing.key").read_bytes().strip() not in content

    def test_it_replaces_a_file_only_with_force(self, data: Path, sample: dict[str, Any]) -> None:
        file = data.parent / "file"
        file.write_text("precious")
        assert "exists" in failed(run("backup", str(file), "--data", str(data)))
        assert file.read_text() == "precious"
        assert run("backup", str(file), "--data", str(data), "--force").returncode == 0
        assert file.read_bytes().startswith(b"SQLite format 3")
        (data.parent / "link").symlink_to(data.parent / "nowhere")
        assert "exists" in failed(run("backup", str(data.parent / "link"), "--data", str(data)))
        assert "is the store itself" in failed(run("backup", str(data / STORE), "--data", str(data), "--force"))
        assert "directory" in failed(run("backup", str(data), "--data", str(data), "--force"))
        assert "cannot write" in failed(run("backup", str(data / "none" / "x"), "--data", str(data)))
        assert "there is no store" in failed(run("backup", "x", "--data", str(data / "none")))

    def test_a_killed_run_leaves_no_file_and_the_next_succeeds(self, data: Path, sample: dict[str, Any]) -> None:
        grow(data, 50_000)
        file = data.parent / "backup"
        part = data.parent / ".backup.part"
        process = subprocess.Popen([sys.executable, "-m", "sunshine_keys", "backup", str(file), "--data", str(data)])
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 100_000):
            assert time.monotonic() < deadline and process.poll() is None
        process.kill()
        process.wait()
        assert not file.exists()
        assert part.exists()
        backed_up(data, file)
        assert not part.exists()

    def test_a_run_killed_while_it_named_the_file_leaves_it_complete(self, data: Path, sample: dict[str, Any]) -> None:
        first = backed_up(data, data.parent / "backup")
        (data.parent / ".second.part").hardlink_to(first)
        before = first.read_bytes()
        execute(data / STORE, "UPDATE apps SET display_name = 'changed'")
        assert backed_up(data, data.parent / "second").read_bytes() != before
        assert first.read_bytes() == before

    def test_concurrent_runs_write_one_file(self, data: Path, sample: dict[str, Any]) -> None:
        grow(data, 50_000)
        command = [sys.executable, "-m", "sunshine_keys", "backup", str(data.parent / "backup"), "--data", str(data)]
        both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in "12"]
        said = [process.communicate(timeout=60)[1] for process in both]
        assert sorted(process.returncode for process in both) == [0, 1]
        assert re.search(r"exists|another process is writing", "".join(said))

    @needs_root
    def test_a_full_disk_leaves_no_file(self, data: Path, sample: dict[str, Any], small_disk: Path) -> None:
        grow(data, 5_000)
        file = small_disk / "backup"
        assert "full" in failed(run("backup", str(file), "--data", str(data)))
        assert list(small_disk.iterdir()) == []

    def test_a_damaged_store_is_refused(self, data: Path, sample: dict[str, Any]) -> None:
        execute(data / STORE, "PRAGMA wal_checkpoint(TRUNCATE)")
        with (data / STORE).open("r+b") as file:
            file.seek(2 * 4096)
            file.write(b"\xff" * 4096)
        assert "damaged" in failed(run("backup", str(data.parent / "backup"), "--data", str(data)))
        assert set(data.parent.iterdir()) == {data}

    def test_progress_is_shown_on_a_terminal_only(self, data: Path, sample: dict[str, Any]) -> None:
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "sunshine_keys", "backup", str(data.parent / "backup"), "--data", str(data)]
        process = subprocess.run(command, stderr=slave, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
        os.close(slave)
        assert b"Copying" in os.read(master, 10_000)
        os.close(master)
        assert "Copying" not in process.stdout
        assert run("backup", str(data.parent / "again"), "--data", str(data)).stderr == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a tmpfs fails; in a container, run it with --privileged: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


class TestRestore:
    def test_a_new_folder_gets_everything(self, data: Path, sample: dict[str, Any]) -> None:
        file = backed_up(data, data.parent / "backup")
        new = data.parent / "new"
        assert "which is not at hand: add that sealing key to" in failed_late(
            run("restore", str(file), "--data", str(new))
        )
        assert not new.exists()
        new.mkdir()
        (new / "sealing.key").write_bytes((data / "sealing.key").read_bytes())
        assert "replaced" not in restored(new, file)
        with Server(new) as server:
            assert live(server.wire, Key.of(sample["key"]))
        actions = [line.split()[2] for line in run("audit", "--data", str(new)).stdout.splitlines()[1:]]
        assert actions == ["store.initialise", "store.restore"]
        assert run("audit", "verify", "--data", str(new)).returncode == 0

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_every_serving_process_sees_it_at_once(self, data: Path, app_key: Key, workers: str) -> None:
        with Server(data, "--workers", workers) as server:
            live_key, revoked = make(server.wire, app_key), make(server.wire, app_key)
            file = backed_up(data, data.parent / "backup")
            assert server.wire.delete(f"{KEYS}/{revoked.id}", app_key).status == 200
            made_since = make(server.wire, app_key)
            with Writers(server.wire, app_key):
                assert live(server.wire, made_since)
                restored(data, file, "--yes")
                for _ in range(20):
                    assert live(server.wire, live_key)
                    assert live(server.wire, revoked)
                    assert server.wire.get(KEYS.replace("/keys", "/webhooks"), made_since).status == 401
            after = make(server.wire, app_key)
            assert live(server.wire, after)
        assert run("audit", "verify", "--data", str(data)).returncode == 0

    def test_it_shows_revived_and_lost_keys_and_asks(self, data: Path, sample: dict[str, Any], app_key: Key) -> None:
        with Server(data) as server:
            revoked = [make(server.wire, app_key) for _ in range(3)]
            gone = server.wire.post(
                INTEGRATIONS,
                app_key,
                {"type": "custom", "webhooks": [{"target": "https://example.com", "triggers": []}]},
            ).json["integration"]["id"]
            revoked += [
                Key.of(server.wire.post(f"{INTEGRATIONS}/{gone}/keys", app_key, {"displayName": "x"}).json["key"])
            ]
            file = backed_up(data, data.parent / "backup")
            for key in revoked[:3]:
                server.wire.delete(f"{KEYS}/{key.id}", app_key)
            server.wire.delete(f"{INTEGRATIONS}/{gone}", app_key)
            lost = make(server.wire, app_key)
            asked = run("restore", str(file), "--data", str(data))
            assert asked.returncode == 1
            assert asked.stderr == (
                "sunshine-keys: nothing was changed: there is no terminal for the confirmation. "
                "Add --yes to restore without it\n"
            )
            assert "Its audit trail has 5 more entries than the backup's." in asked.stdout
            ids = ", ".join(sorted(key.id for key in revoked))
            assert f"Keys that it revives: 4 ({ids}); the audit trail has a deletion of 4 of them" in asked.stdout
            assert f"Newer keys that it loses: 1 ({lost.id})\n" in asked.stdout
            assert live(server.wire, lost)
            assert not live(server.wire, revoked[0])

            # The refusal of the deleted key has added an entry.
            expected = asked.stdout.replace("has 5 more entries", "has 6 more entries")
            assert restored(data, file, "--yes").startswith(expected)
            assert all(live(server.wire, key) for key in revoked[:3])
        entry = run("audit", "--data", str(data), "--action", "store.restore").stdout
        assert "keys revived: 4, lost: 1)" in entry
        deletions = run("audit", "--data", str(data), "--action", "key.delete").stdout
        assert deletions.count("done") == 3, "the trail goes on where it was"

    def test_the_replaced_store_undoes_a_restore(self, data: Path, app_key: Key) -> None:
        file = backed_up(data, data.parent / "backup")
        with Server(data) as server:
            lost = make(server.wire, app_key)
            restored(data, file, "--yes")
            assert not live(server.wire, lost)
            (aside,) = data.glob(f"{STORE}.replaced-*")
            assert stat.S_IMODE(aside.stat().st_mode) == 0o600
            assert "Newer keys that it loses: 0" in restored(data, aside, "--yes")
            assert live(server.wire, lost)
        assert run("audit", "verify", "--data", str(data)).returncode == 0

    def test_it_asks_on_a_terminal_and_no_changes_nothing(self, data: Path, app_key: Key) -> None:
        file = backed_up(data, data.parent / "backup")
        for answer, code in ((b"n\n", 1), (b"\n", 1), (b"y\n", 0)):
            master, slave = pty.openpty()
            command = [sys.executable, "-m", "sunshine_keys", "restore", str(file), "--data", str(data)]
            process = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            os.write(master, answer)
            said, _ = process.communicate(timeout=60)
            assert process.returncode == code
            assert "Restore it? [y/N]" in said
            os.close(slave)
            os.close(master)
        assert len(list(data.glob(f"{STORE}.replaced-*"))) == 1

    def test_another_store_is_named_as_such(self, data: Path, sample: dict[str, Any], tmp_path: Path) -> None:
        first_run(tmp_path / "other")
        (data / "sealing.key").write_bytes((tmp_path / "other" / "sealing.key").read_bytes())
        file = backed_up(tmp_path / "other", tmp_path / "backup")
        asked = run("restore", str(file), "--data", str(data))
        assert "The backup is of ANOTHER store." in asked.stdout
        assert "Newer keys that it loses: 3 (act_" in asked.stdout

    def test_a_more_recent_backup_adds_its_entries(self, data: Path, app_key: Key) -> None:
        old = backed_up(data, data.parent / "old")
        with Server(data) as server:
            make(server.wire, app_key)
        new = backed_up(data, data.parent / "new")
        for file in [data / STORE, *data.glob("*-wal"), *data.glob("*-shm")]:
            file.unlink()
        restored(data, old)
        entries = run("audit", "--data", str(data), "--json").stdout.splitlines()
        execute(data / STORE, f"DELETE FROM audit WHERE sequence >= {len(entries)}")  # the state of `old`
        assert "The backup is more recent: its audit trail has 1 more entry." in restored(data, new, "--yes")
        trail = run("audit", "--data", str(data)).stdout
        assert trail.count("key.create") == 1
        assert run("audit", "verify", "--data", str(data)).returncode == 0

    def test_invalid_backups_are_refused(self, data: Path, sample: dict[str, Any], tmp_path: Path) -> None:
        good = backed_up(data, tmp_path / "backup").read_bytes()
        bad = tmp_path / "bad"
        for content, why in (
            (b"", "not a store of this program"),
            (b"no database at all " * 300, "is no store, or damaged"),
            (good[: len(good) // 2], "damaged"),
            (good[: 5 * 4096] + b"\xff" * 4096 + good[6 * 4096 :], "damaged"),
        ):
            bad.write_bytes(content)
            assert why in failed(run("restore", str(bad), "--data", str(data), "--yes"))
        bad.unlink()
        execute(bad, "CREATE TABLE precious (x)")
        assert "not a store of this program" in failed(run("restore", str(bad), "--data", str(data), "--yes"))
        bad.write_bytes(good)
        execute(bad, "PRAGMA user_version = 99")
        assert "use the newer program" in failed(run("restore", str(bad), "--data", str(data), "--yes"))
        execute(bad, "PRAGMA user_version = 2")
        execute(bad, "INSERT INTO integrations VALUES ('x', 'no such app', 'web', '{}')")
        assert "a row of integrations refers to none" in failed(run("restore", str(bad), "--data", str(data), "--yes"))
        assert "there is no file" in failed(run("restore", str(tmp_path / "none"), "--data", str(data)))
        assert "is the store itself" in failed(run("restore", str(data / STORE), "--data", str(data)))
        with Server(data) as server:
            assert live(server.wire, Key.of(sample["key"]))

    def test_an_older_schema_is_upgraded(self, data: Path, sample: dict[str, Any]) -> None:
        file = backed_up(data, data.parent / "backup")
        newer = (
            "audit",
            "idempotency",
            "key_hours",
            "key_uses",
            "key_use_hours",
            "console_sessions",
            "refused_requests",
        )
        for table in (*newer, "oauth_codes", "oauth_clients", "key_sources", "rotations"):
            execute(file, f"DROP TABLE {table}")
        for index in ("keys_by_end", "keys_by_integration"):
            execute(file, f"DROP INDEX {index}")
        for column in ("expires_at", "notice"):
            execute(file, f"ALTER TABLE keys DROP COLUMN {column}")
        execute(file, "CREATE INDEX keys_by_integration ON keys (integration_id, id)")
        execute(file, "PRAGMA user_version = 1")
        restored(data, file, "--yes")
        with Server(data) as server:
            assert live(server.wire, Key.of(sample["key"]))
        assert execute(file, "PRAGMA user_version") == [(1,)]

    def test_a_killed_restore_changed_nothing_or_everything(self, data: Path, app_key: Key) -> None:
        grow(data, 20_000)
        file = backed_up(data, data.parent / "backup")
        with Server(data) as server:
            lost = make(server.wire, app_key)
            command = [sys.executable, "-m", "sunshine_keys", "restore", str(file), "--data", str(data), "--yes"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 30
            while not list(data.glob(".*.replaced-*")):  # the transaction has begun
                assert time.monotonic() < deadline and process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            keys = server.wire.get(KEYS, app_key).json["keys"]
            entries = run("audit", "--data", str(data), "--action", "store.restore").stdout
            assert (lost.id in [key["id"] for key in keys]) == (entries == "")
            assert execute(data / STORE, "PRAGMA integrity_check") == [("ok",)]
            restored(data, file, "--yes")
            assert not live(server.wire, lost)
            assert not list(data.glob(".*"))

    @needs_root
    def test_a_full_disk_changes_nothing(
        self, data: Path, sample: dict[str, Any], tmp_path: Path, small_disk: Path
    ) -> None:
        file = backed_up(data, tmp_path / "backup")
        (small_disk / "sealing.key").write_bytes((data / "sealing.key").read_bytes())
        restored(small_disk, file)
        before = execute(small_disk / STORE, "SELECT id FROM keys")
        for rows in (500, 600, 900):  # too little space for: the replaced store, the transaction, the copy
            grow(data, rows)
            big = backed_up(data, tmp_path / f"{rows}")
            execute(data / STORE, "DELETE FROM keys WHERE display_name = 'x'")
            result = run("restore", str(big), "--data", str(small_disk), "--yes")
            assert result.returncode == 1, rows
            assert re.search("full|No space", result.stderr)
            assert execute(small_disk / STORE, "SELECT id FROM keys") == before
            assert list(small_disk.glob(".*")) == list(small_disk.glob("*.replaced-*")) == []


def failed_late(result: subprocess.CompletedProcess[str]) -> str:
    """Return the error line of a command that failed after it had printed something."""
    assert result.returncode == 1
    return result.stderr
