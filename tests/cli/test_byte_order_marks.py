"""Editors on Windows begin a file with a byte-order mark, which is no part of a secret, a URL or JSON."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from sunshine_keys.cli.program import read_text
from sunshine_keys.cli.remote import profiles
from sunshine_keys.cli.remote.verbs import _read_object
from sunshine_keys.observing.metrics_page import MetricsAccess
from sunshine_keys.sealing.sources import FILE_NAME, FolderFile, OperatorFile
from sunshine_keys.settings import database_from_environment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8-sig")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    file.chmod(0o600)


def test_a_mark_before_sealing_keys_is_ignored(file: Path) -> None:
    key = b"k" * 32
    write(file, base64.b64encode(key).decode())
    assert OperatorFile(file).read() == FolderFile(file.parent).read() == [key]


def test_a_mark_before_a_secret_is_ignored(file: Path) -> None:
    write(file, "secret")
    assert read_text(file, "secret") == "secret"
    write(file, "a token of metrics\n".replace(" ", "-"))
    access = MetricsAccess.from_environment({}, file)
    assert access is not None
    assert access.token == "a-token-of-metrics"


def test_a_mark_before_the_url_of_a_database_is_ignored(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "postgresql://h/d\n")
    monkeypatch.delenv("SUNSHINE_KEYS_DATABASE", raising=False)
    monkeypatch.setenv("SUNSHINE_KEYS_DATABASE_FILE", str(file))
    assert database_from_environment() == "postgresql://h/d"


def test_a_mark_before_json_is_ignored(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, '{"a": 1}')
    assert _read_object(file) == {"a": 1}
    write(file, "{}")
    monkeypatch.setattr(profiles, "profiles_file", lambda: file)
    assert profiles.load() == profiles.Profiles()
