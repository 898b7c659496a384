"""The files of a store on SQLite: pairs that do not belong together, long reads, and copies that can only be read."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support import schema_history
from support.stores import KEY, fill, filled, key, open_sqlite, opened

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.changes import CreateApp
from sunshine_keys.apps.model import App
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.changes import CreateKey
from sunshine_keys.keys.table import KEYS
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, StoreError
from sunshine_keys.store.sqlite import SqliteStore, copies, restoring, schema
from sunshine_keys.store.statements import execute


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


async def killed_store(path: Path, changes: int) -> None:
    """Leave the files of a store as a killed process does: with a WAL that holds the last changes."""
    live = path.with_name("live")
    async with opened(lambda: open_sqlite(live)) as store:
        await fill(store)
        for number in range(changes):
            await store.transact(OPERATOR, CreateKey(key(f"act_new{number}", Scope.ACCOUNT, None, None)))
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", f"{path}{suffix}")
    assert wal_of(path).stat().st_size


async def test_a_read_of_a_file_that_was_moved_away_makes_no_new_one(tmp_path: Path) -> None:
    async with opened(lambda: open_sqlite(tmp_path / "store")) as store:
        (tmp_path / "store").rename(tmp_path / "aside")
        with pytest.raises(StoreUnavailable):
            await store.read_aside(execute("SELECT 1"))
        assert not (tmp_path / "store").exists()
        with pytest.raises(StoreError, match="cannot open the store"):
            SqliteStore(tmp_path / "store", CATALOG)
        assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("from_backup", [True, False], ids=["a backup", "a copy of the file"])
@pytest.mark.parametrize("changes", [0, 3])
async def test_a_wal_of_another_store_is_noticed(tmp_path: Path, from_backup: bool, changes: int) -> None:
    path, other = tmp_path / "store", tmp_path / "other"
    await killed_store(path, 5)
    async with opened(lambda: open_sqlite(other)) as store:
        await fill(store)
        for number in range(changes):
            await store.transact(OPERATOR, CreateApp(App(f"b{number}", "x", {})))
    if from_backup:
        copies.copy(other, tmp_path / "backup", lambda done, total: None)
    shutil.copyfile(tmp_path / "backup" if from_backup else other, path)
    content = {file: file.read_bytes() for file in (path, wal_of(path))}
    for open_it in (SqliteStore.prepare, SqliteStore.version):
        with pytest.raises(StoreError, match=r"a copy was put over store\. Stop the servers, move store-wal"):
            open_it(path, CATALOG)
    assert content == {file: file.read_bytes() for file in content}
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    async with opened(lambda: open_sqlite(path)) as store:
        assert await store.get(KEYS, "int_1") == KEY


async def test_the_wal_of_a_killed_process_is_used(tmp_path: Path) -> None:
    await killed_store(tmp_path / "store", 5)
    async with opened(lambda: open_sqlite(tmp_path / "store")) as store:
        assert await store.get(KEYS, "act_new4") is not None
        async with opened(lambda: open_sqlite(tmp_path / "store")) as another:  # the first one goes on writing
            await another.transact(OPERATOR, CreateKey(key("int_2")))


async def test_the_wal_shrinks_after_a_long_read(tmp_path: Path) -> None:
    path = tmp_path / "store"
    async with filled(lambda: open_sqlite(path)) as store:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM keys").fetchone()
            number = 0
            while wal_of(path).stat().st_size < 8_000_000:
                number += 1
                await store.transact(OPERATOR, CreateApp(App(f"b{number}", "x" * 100_000, {})))
            reader.execute("COMMIT")
        for last in range(3):
            await store.transact(OPERATOR, CreateApp(App(f"c{last}", "x", {})))
        assert wal_of(path).stat().st_size <= 4 * 1024 * 1024


def test_an_older_store_is_read_and_not_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "store"
    schema_history.create_sqlite(path, 1)
    before = path.read_bytes()

    async def read() -> None:
        async with contextlib.AsyncExitStack() as stack:
            store = SqliteStore(path, CATALOG, read_only=True)
            stack.push_async_callback(store.close)
            assert await store.audit_entries(0, 10) == []
            assert await store.get(KEYS, "int_1") is None
            with pytest.raises(StoreError, match="only to be read"):
                await store.transact(OPERATOR, CreateKey(KEY))

    asyncio.run(read())
    assert path.read_bytes() == before


PROGRAM = """
import asyncio, os, sys
import encodings.idna, selectors, tempfile
from pathlib import Path
from sunshine_keys.resources import CATALOG
from sunshine_keys.store.sqlite import SqliteStore

if os.getuid() == 0:
    os.setuid(65534)  # root may write everywhere

async def read():
    store = SqliteStore(Path(sys.argv[1]), CATALOG, read_only=True)
    print(len(await store.audit_entries(0, 100)), SqliteStore.version(Path(sys.argv[1]), CATALOG))
    await store.close()

asyncio.run(read())
"""


@pytest.mark.parametrize("with_wal", [True, False])
def test_a_copy_that_cannot_be_written_is_read(tmp_path: Path, with_wal: bool) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    asyncio.run(killed_store(folder / "store", 5))
    entries = 6
    if not with_wal:
        wal_of(folder / "store").unlink()
        shutil.copyfile(folder / "live", folder / "store")  # closing it wrote the WAL back
    for file in folder.iterdir():
        if file.name not in ("store", "store-wal"):
            file.unlink()
        else:
            file.chmod(0o444)
    folder.chmod(0o555)
    for parent in folder.parents:
        if "pytest-" in parent.name or parent.name.startswith("popen-") or parent == tmp_path:
            parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "store")], capture_output=True, text=True, check=False
    )
    folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(entries), str(schema.version_of(CATALOG))]


async def test_a_restore_leaves_tables_of_others_alone(tmp_path: Path) -> None:
    path, backup = tmp_path / "store", tmp_path / "backup"
    async with filled(lambda: open_sqlite(path)) as store:
        copies.copy(path, backup, lambda done, total: None)
        await store.transact(OPERATOR, CreateKey(key("int_2")))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
            connection.execute("INSERT INTO _litestream_seq VALUES (1, 7)")
        with restoring.opened(path, backup, CATALOG) as restore:
            restore.carry_out(lambda comparison: contextlib.nullcontext())
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT seq FROM _litestream_seq").fetchall() == [(7,)]
    async with opened(lambda: open_sqlite(path)) as store:
        assert await store.get(KEYS, "int_2") is None
        assert await store.get(KEYS, "int_1") == KEY
