"""Stores with something to export, exports of them, and the commands that make and take these."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import failed, run
from conftest import first_run

from sunshine_keys.compose import Settings, open_engine
from sunshine_keys.exports import writing
from sunshine_keys.exports.passphrase import Cost, PassphraseKeys, Sealing

STORE = "sunshine-keys.sqlite3"
QUICK = 1 << 10
PASSPHRASE = {"SUNSHINE_KEYS_PASSPHRASE": "correct horse, bättery"}


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


@dataclass(frozen=True)
class Export:
    """Of a sample store: what was issued in it, its export under the passphrase, and the one without secrets."""

    issued: dict[str, Any]
    sealed: str
    bare: str


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Under a key that is derived in no time: the cost is in the file, and who imports it pays it again."""
    data = tmp_path_factory.mktemp("exported")
    issued = first_run(data, sample=True)
    quick = Sealing(Cost(n=QUICK), base64.b64encode(bytes(16)).decode())
    keys = PassphraseKeys(PASSPHRASE["SUNSHINE_KEYS_PASSPHRASE"], quick)

    async def written(keys: PassphraseKeys | None) -> str:
        engine = await open_engine(Settings(data))
        file = io.BytesIO()
        await writing.write(engine, file, keys, lambda done, total: None)
        await engine.store.close()
        return file.getvalue().decode()

    return Export(issued, asyncio.run(written(keys)), asyncio.run(written(None)))


def exported(data: Path, *options: str, **environment: str) -> str:
    result = run("export", "-", "--data", str(data), *options, **(environment or PASSPHRASE))
    assert result.returncode == 0, result.stderr
    return result.stdout


def imported(data: Path, content: str, *options: str) -> str:
    result = run("import", "-", "--data", str(data), *options, stdin=content, **PASSPHRASE)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(data: Path, content: str, *options: str, **environment: str) -> str:
    return failed(run("import", "-", "--data", str(data), *options, stdin=content, **(PASSPHRASE | environment)))


def records(content: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.rstrip("\n").split("\n")]


def execute(path: Path, sql: str, *values: Any) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql, values).fetchall()
