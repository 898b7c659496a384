"""`scan`: secrets of keys in files, folders and standard input."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sunshine_keys.cli.program import Data, Database, cli
from sunshine_keys.errors import ServiceError
from sunshine_keys.keys.model import Key
from sunshine_keys.scanning import Found, scan
from sunshine_keys.sealing.sealer import SealError
from sunshine_keys.store import StoreError

Owners = Callable[[set[bytes]], dict[bytes, Key]]
"""From the SHA-256 of secrets to the live keys they are of."""

_BATCH = 10_000
"""How many findings wait for one walk over the keys of the store, at most."""


@cli.command(name="scan")
def scan_command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files and folders; - is standard input.")],
    data: Data = None,
    database: Database = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print each finding as a line of JSON.")
    ] = False,
) -> None:
    """Find secrets of keys in files, folders and standard input; with a store, tell whose they are.

    Exits 1 where there are any, 0 where there are none, and 2 where none was found and something could not be read.
    """
    try:
        with _owners(data, database) as owners:
            report = _Report(owners, as_json=as_json)
            for path in paths:
                _scan_path(path, report)
            report.flush()
    except (StoreError, ServiceError, SealError) as error:
        _complain(str(error))
        raise typer.Exit(2) from None
    except OSError as error:  # of printing; those of reading have been told
        sys.stdout = None  # else Python tries once more at its end
        _complain(f"cannot print: {error.strerror}")
        raise typer.Exit(2) from None
    raise typer.Exit(1 if report.found else 2 if report.unread else 0)


@contextlib.contextmanager
def _owners(data: str | None, database: str | None) -> Generator[Owners | None]:
    """The keys of the store that is named, None where none is. Raises StoreError; makes no store."""
    if not data and not database:
        yield None
        return
    from sunshine_keys.compose import Settings, open_engine, require_store
    from sunshine_keys.keys import operations as keys

    settings = Settings.of(data, database)
    with asyncio.Runner() as runner:
        runner.run(require_store(settings))
        engine = runner.run(open_engine(settings))

        async def walk(wanted: set[bytes]) -> dict[bytes, Key]:
            owners: dict[bytes, Key] = {}
            async for key, secret in keys.every(engine):
                if (digest := _digest(secret)) in wanted:
                    owners[digest] = key
                    if len(owners) == len(wanted):
                        break
            return owners

        try:
            yield lambda wanted: runner.run(walk(wanted))
        finally:
            runner.run(engine.store.close())


class _Report:
    """Prints findings: at once or, with a store, once it is known whose they are."""

    def __init__(self, owners: Owners | None, *, as_json: bool) -> None:
        self._owners = owners
        self._line = _json_line if as_json else _text_line
        self._waiting: list[tuple[str, Found]] = []
        self.found = False
        self.unread = False

    def add(self, path: str, found: Found) -> None:
        self.found = True
        self._waiting.append((path, found))
        if self._owners is None or len(self._waiting) >= _BATCH:
            self.flush()

    def cannot_read(self, path: str, reason: OSError | str) -> None:
        self.unread = True
        _complain(f"cannot read {_printable(path)}: {getattr(reason, 'strerror', None) or reason}")

    def flush(self) -> None:
        if not self._waiting:
            return
        owners = self._owners({_digest(found.secret) for _, found in self._waiting}) if self._owners else None
        for path, found in self._waiting:
            print(self._line(path, found, owners))
        sys.stdout.flush()
        self._waiting.clear()


def _scan_path(path: str, report: _Report) -> None:
    if path == "-":
        _scan_stream(path, 0, report)
    elif Path(path).is_dir():
        for file in _files(path, report):
            _scan_file(file, report, named=False)
    else:
        _scan_file(path, report, named=True)


def _files(folder: str, report: _Report) -> Iterator[str]:
    """Links to folders are not followed."""
    for parent, folders, files in os.walk(folder, onerror=lambda error: report.cannot_read(error.filename, error)):
        folders.sort()
        for file in sorted(files):
            yield str(Path(parent, file))


def _scan_file(path: str, report: _Report, *, named: bool) -> None:
    """Special files are passed over, but for a pipe that was named: a shell's `<(...)` is one."""
    try:
        mode = Path(path).stat().st_mode
        if not (stat.S_ISREG(mode) or (named and stat.S_ISFIFO(mode))):
            if named:
                report.cannot_read(path, "it is neither a file nor a folder")
            return
        # Without waiting for someone to write into a pipe.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if named or not isinstance(error, FileNotFoundError):  # else it is a link that leads nowhere, or has gone
            report.cannot_read(path, error)
        return
    try:
        os.set_blocking(handle, True)
        _scan_stream(path, handle, report)
    finally:
        os.close(handle)


def _scan_stream(path: str, handle: int, report: _Report) -> None:
    def read(size: int) -> bytes:
        try:
            return os.read(handle, size)
        except OSError as error:
            report.cannot_read(path, error)
            return b""

    for found in scan(read, git=path == "-"):
        report.add(path, found)


def _json_line(path: str, found: Found, owners: dict[bytes, Key] | None) -> str:
    line: dict[str, Any] = {"path": path, "line": found.line, "column": found.column}
    line |= {"commit": found.commit, "file": found.file, "secret": found.shown, "keyId": found.key_id}
    if owners is not None:
        owner = owners.get(_digest(found.secret))
        line["live"] = owner is not None
        if owner is not None:
            line["key"] = {"id": owner.id, "displayName": owner.display_name}
            line["key"] |= {"appId": owner.app_id, "integrationId": owner.integration_id}
    return json.dumps({name: value for name, value in line.items() if value is not None})


def _text_line(path: str, found: Found, owners: dict[bytes, Key] | None) -> str:
    line = f"{_printable(path)}:{found.line}:{found.column}: {found.shown}"
    if found.key_id:
        line += f" in Basic credentials of {_printable(found.key_id)}"
    if found.commit:
        line += f", commit {found.commit}"
    if found.file:
        line += f", file {_printable(found.file)}"
    if owners is None:
        return line
    owner = owners.get(_digest(found.secret))
    return f"{line}: {_described(owner)}" if owner else f"{line}: of no live key in this store"


def _described(key: Key) -> str:
    if key.integration_id:
        owner = f"integration {key.integration_id} of app {key.app_id}"
    else:
        owner = f"app {key.app_id}" if key.app_id else "the account"
    return f'LIVE, {key.id} "{_printable(key.display_name)}" of {owner}'


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _printable(text: str) -> str:
    """Names come from anywhere, and some of them would command a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _complain(line: str) -> None:
    print(f"sunshine-keys: {line}", file=sys.stderr)
