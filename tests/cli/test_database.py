"""Commands on each kind of database: the location of the store, and upgrades of its schema."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from support.commands import failed, run
from support.postgres import Postgres
from support.schema_history import create_sqlite
from support.servers import Server
from support.wire import Key, Place, first_run

from sunshine_keys.resources import CATALOG
from sunshine_keys.settings import STORE_FILE, Settings
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.postgres import schema as postgres_schema
from sunshine_keys.store.sqlite import schema as sqlite_schema


def test_a_store_is_created_once_served_and_gets_another_account_key(place: Place) -> None:
    result = run("init", *place.options, "--json")
    account = Key.of(json.loads(result.stdout)["account_key"])
    assert "this store exists" in failed(run("init", *place.options))
    another = run("init", *place.options, "--new-account-key", "--json")
    with Server(place, "--workers", "2") as server:
        for key in (account, Key.of(json.loads(another.stdout)["account_key"])):
            assert server.wire.get("/v2/apps", key).status == 200
    assert "The chain of" in run("audit", "verify", *place.options).stdout
    assert "The ring is" in run("seal", "status", *place.options).stdout


@pytest.mark.parametrize("command", [["migrate"], ["init", "--new-account-key"], ["audit"], ["seal", "status"]])
def test_other_commands_create_no_store(place: Place, command: list[str]) -> None:
    assert "there is no store" in failed(run(*command, *place.options))
    if place.database is not None:
        assert asyncio.run(PostgresStore.version(place.database, CATALOG)) == 0
    assert list(place.data.iterdir()) == []


def test_doctor_shows_a_deleted_key(place: Place) -> None:
    sample = first_run(place, sample=True)
    keys = f"/v2/apps/{sample['app']['id']}/integrations/{sample['integration']['id']}/keys"
    app_key, key = Key.of(sample["app_key"]), Key.of(sample["key"])
    with Server(place) as server:
        assert "is accepted" in run("doctor", *place.options, stdin=key.basic()).stdout
        server.wire.delete(f"{keys}/{key.id}", app_key)
        refused = server.wire.get(keys, key).headers["x-request-id"]
    for arguments, stdin in (((), key.bearer()), ((refused,), "")):
        result = run("doctor", *arguments, *place.options, stdin=stdin)
        assert result.returncode == 1, result.stderr
        assert f"key {key.id} was deleted at 20" in result.stdout


def test_migrate_prints_the_schema_versions(tmp_path: Path) -> None:
    today = sqlite_schema.version_of(CATALOG)
    create_sqlite(tmp_path / STORE_FILE, 1)
    said = f"The schema of the store {tmp_path / STORE_FILE} was upgraded from version 1 to {today}.\n"
    assert run("migrate", "--data", str(tmp_path)).stdout == said
    assert run("migrate", "--data", str(tmp_path)).stdout.endswith(f"already has schema version {today}.\n")


def test_migrate_on_postgresql(postgres: Postgres) -> None:
    url = postgres.new_store().replace("postgres@", "postgres:s3cret@")
    asyncio.run(PostgresStore.prepare(url, CATALOG))
    result = run("migrate", SUNSHINE_KEYS_DATABASE=url, SUNSHINE_KEYS_SEALING_KEY="A" * 43)
    location = postgres.url().partition("?")[0]
    assert result.stdout == f"The store {location} already has schema version {postgres_schema.version_of(CATALOG)}.\n"


def test_the_urls_password_is_neither_printed_nor_passed_on(postgres: Postgres, tmp_path: Path) -> None:
    """If the URL comes from a file, neither the workers' environment nor the output contains its password."""
    url = postgres.new_store().replace("postgres@", "postgres:s3cret@")
    file = tmp_path / "url"
    file.write_text(url + "\n")
    environment = {"SUNSHINE_KEYS_DATA": str(tmp_path / "data"), "SUNSHINE_KEYS_DATABASE_FILE": str(file)}
    result = run("init", **environment)
    assert result.returncode == 0
    assert "s3cret" not in result.stdout + result.stderr
    log = tmp_path / "log"
    with Server(None, "--workers", "2", log=log, **environment) as server:
        tasks = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        processes = [str(server.process.pid), *tasks.read_text().split()]
        assert len(processes) >= 3
        for process in processes:
            for file_name in ("environ", "cmdline"):
                assert b"s3cret" not in Path(f"/proc/{process}/{file_name}").read_bytes()
    assert "s3cret" not in log.read_text()


def test_a_database_without_a_sealing_key_is_an_error(postgres: Postgres) -> None:
    url = postgres.new_store()
    assert "say where the sealing key is" in failed(run("serve", "--database", url))
    assert run("init", "--database", url, SUNSHINE_KEYS_SEALING_KEY="A" * 43).returncode == 0
    assert "sealed under key" in failed(run("init", "--database", url, SUNSHINE_KEYS_SEALING_KEY="B" * 43))


def test_an_empty_url_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "is empty" in failed(run("serve", SUNSHINE_KEYS_DATABASE_FILE=str(tmp_path / "empty")))
    assert "cannot read SUNSHINE_KEYS_DATABASE_FILE" in failed(run("serve", SUNSHINE_KEYS_DATABASE_FILE="/nowhere"))


def test_settings_reach_a_worker_unchanged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [variable for variable in os.environ if variable.startswith("SUNSHINE_KEYS_")]:
        monkeypatch.delenv(name)
    for database in (None, "sqlite:///a/b", "postgresql://u:p@h/d"):
        settings = Settings.of(str(tmp_path), database)
        with monkeypatch.context() as environment:
            for name, value in settings.environment().items():
                environment.setenv(name, value)
            assert Settings.from_environment() == settings


def test_backup_and_restore_refuse_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    place = Place(tmp_path, postgres.new_store())
    first_run(place)
    assert "pg_dump" in failed(run("backup", str(tmp_path / "copy"), *place.options))


@pytest.mark.parametrize("variable", ["SUNSHINE_KEYS_DATABASE", "SUNSHINE_KEYS_DATABASE_FILE"])
def test_a_typed_data_folder_beats_the_databases_variable(tmp_path: Path, variable: str) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://postgres@127.0.0.1:1/x")
    value = str(file) if variable.endswith("_FILE") else file.read_text()
    result = run("init", "--data", str(tmp_path / "data"), **{variable: value})
    assert result.returncode == 0
    assert result.stderr.startswith("sunshine-keys: SUNSHINE_KEYS_DATABASE is ignored, because --data is typed.")
    assert (tmp_path / "data" / STORE_FILE).exists()
    log = tmp_path / "log"
    with Server(tmp_path / "data", "--workers", "2", log=log, **{variable: value}) as server:
        assert server.wire.get("/readyz").status == 200


def test_a_typed_database_beats_the_variables(tmp_path: Path) -> None:
    typed = f"sqlite://{tmp_path}/typed.sqlite3"
    other = f"sqlite://{tmp_path}/other.sqlite3"
    result = run("init", "--database", typed, SUNSHINE_KEYS_DATABASE=other, SUNSHINE_KEYS_DATA=str(tmp_path / "data"))
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "typed.sqlite3").exists()
    assert not (tmp_path / "other.sqlite3").exists()
