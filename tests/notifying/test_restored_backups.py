"""A restored backup neither sends events once more nor loses any."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.commands import run
from support.notified import Recorder, append, begun, position_of

from sunshine_keys.notifying.notifier import Notifier
from sunshine_keys.opening import opened_store
from sunshine_keys.settings import Settings


def command(*words: str | Path, data: Path) -> None:
    result = run(*map(str, words), "--data", str(data))
    assert result.returncode == 0, result.stderr


async def create(data: Path, name: str) -> None:
    async with opened_store(Settings(data)) as store:
        await append(store, "key.create", f"keys/{name}")


async def sent(data: Path, target: Recorder) -> list[str]:
    """Let a new process send what is to be sent. Return the ids of the keys of all events of `target`."""
    async with opened_store(Settings(data)) as store:
        await Notifier(store, target).tick()
    return [event.key.id for event in target.events if event.key]


@pytest.fixture
def begun_at(sample: dict[str, Any], data: Path) -> Path:
    """The folder of a store whose notifications have begun."""

    async def begin() -> None:
        async with opened_store(Settings(data)) as store:
            await begun(store, Recorder())

    asyncio.run(begin())
    return data


def test_a_restore_keeps_the_position_as_it_keeps_the_trail(begun_at: Path, tmp_path: Path) -> None:
    data, target, file = begun_at, Recorder(), tmp_path / "backup"
    command("backup", file, data=data)
    asyncio.run(create(data, "sent"))
    assert asyncio.run(sent(data, target)) == ["sent"]
    asyncio.run(create(data, "unsent"))
    command("restore", file, "--yes", data=data)
    assert asyncio.run(sent(data, target)) == ["sent", "unsent"]
    assert target.types[-1] == "store.restored"


def test_a_restore_into_an_empty_folder_goes_on_where_the_backup_was(begun_at: Path, tmp_path: Path) -> None:
    data, target, file = begun_at, Recorder(), tmp_path / "backup"
    asyncio.run(create(data, "sent"))
    assert asyncio.run(sent(data, target)) == ["sent"]
    asyncio.run(create(data, "unsent"))
    command("backup", file, data=data)
    shutil.copy(data / "sealing.key", tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(data / "sealing.key", other)
    command("restore", file, "--yes", data=other)
    assert asyncio.run(sent(other, target)) == ["sent", "unsent"]


def test_a_copy_goes_on_where_the_original_was(begun_at: Path, tmp_path: Path) -> None:
    data, target, other = begun_at, Recorder(), tmp_path / "other"
    asyncio.run(create(data, "unsent"))
    other.mkdir()
    shutil.copy(data / "sealing.key", other)
    result = run(
        "copy", "--from", f"sqlite://{data}/sunshine-keys.sqlite3", "--to", f"sqlite://{other}/sunshine-keys.sqlite3"
    )
    assert result.returncode == 0, result.stderr
    assert asyncio.run(sent(other, target)) == ["unsent"]


async def test_a_file_that_was_set_back_is_followed_as_it_is(begun_at: Path, tmp_path: Path) -> None:
    data, target = begun_at, Recorder()
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    await create(data, "before")
    await sent(data, target)
    await create(copy, "after")
    assert await sent(copy, target) == ["before", "after"]
    first, second = target.events
    assert first.id != second.id
    async with opened_store(Settings(copy)) as store:
        assert (await position_of(store)).owner == ""
