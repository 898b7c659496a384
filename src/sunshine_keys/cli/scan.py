"""`scan`: find secrets of keys in files, folders and standard input, and revoke them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from sunshine_keys.cli.confirm import require_terminal
from sunshine_keys.cli.exits import complain
from sunshine_keys.cli.owners import Owner, described, find_owners, is_live
from sunshine_keys.cli.program import Data, Database, cli
from sunshine_keys.cli.remote.options import Yes
from sunshine_keys.cli.revoking import Exposure, Revocation
from sunshine_keys.compose import open_engine
from sunshine_keys.errors import ServiceError
from sunshine_keys.keys.model import Key, moment_text
from sunshine_keys.oauth.model import hashed
from sunshine_keys.opening import require_store
from sunshine_keys.scanning import Leak, scan
from sunshine_keys.sealing.sealer import SealError
from sunshine_keys.settings import Settings
from sunshine_keys.store import StoreError


class Lookup(NamedTuple):
    """A store: `find` returns the owners of secrets by the SHA-256 of each, and `now` the time in seconds since 1970."""

    find: Callable[[set[bytes]], dict[bytes, Owner]]
    now: Callable[[], float]


_BATCH = 10_000
"""The most leaks that wait for one walk over the keys of the store."""


@cli.command(name="scan")
def scan_command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files and folders; - is standard input.")],
    data: Data = None,
    database: Database = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Revoke live keys and access tokens, after a question for each.")
    ] = False,
    yes: Yes = False,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print each secret as a line of JSON.")
    ] = False,
) -> None:
    """Find secrets of keys in files, folders and standard input. With a store, show which keys they belong to.

    Exit 1 if there are any, 0 if there are none, and 2 if there are none but something could not be read.

    With --revoke, also delete the live keys and access tokens whose secrets were found. Then exit 1 if one of them is still
    live, 0 if none is, and 2 if none is but something could not be read. The last account key is deleted only with --yes.
    """
    settings = Settings.of(data, database) if data or database else None
    if revoke:
        if settings is None:
            raise typer.BadParameter("--revoke needs the store of the keys: add --data or --database")
        if not yes:
            require_terminal(reads_input="-" in paths)
    try:
        with _lookup(settings) as lookup:
            report = _Report(lookup, as_json=as_json)
            for path in paths:
                _scan_path(path, report)
            report.flush()
    except (StoreError, ServiceError, SealError) as error:
        complain(str(error))
        raise typer.Exit(2) from None
    except OSError as error:  # This is an error of standard output: the report has handled those of reading.
        sys.stdout = None  # Otherwise Python flushes it once more when it exits, and fails again.
        complain(f"cannot print: {error.strerror}")
        raise typer.Exit(2) from None
    has_live = report.has_leaks
    if revoke:
        assert settings is not None
        revocation = Revocation(settings, yes=yes, reads_input="-" in paths, as_json=as_json)
        has_live = not asyncio.run(revocation.run(report.exposures.values()))
    raise typer.Exit(1 if has_live else 2 if report.has_unread else 0)


@contextlib.contextmanager
def _lookup(settings: Settings | None) -> Generator[Lookup | None]:
    """Yield a lookup in a store, or None without one. Never create or change a store. Raises StoreError."""
    if settings is None:
        yield None
        return
    with asyncio.Runner() as runner:
        runner.run(require_store(settings))
        engine = runner.run(open_engine(settings, read_only=True))
        try:
            yield Lookup(lambda digests: runner.run(find_owners(engine, digests)), engine.store.now)
        finally:
            runner.run(engine.store.close())


class _Report:
    """Prints leaks: immediately or, with a store, in batches after a lookup of their keys."""

    def __init__(self, lookup: Lookup | None, *, as_json: bool) -> None:
        self._lookup = lookup
        self._format = _json_line if as_json else _text_line
        self._waiting: list[tuple[str, Leak]] = []
        self.exposures: dict[str, Exposure] = {}
        """The owners of secrets, by their ids."""
        self.has_leaks = False
        self.has_unread = False

    def add(self, path: str, leak: Leak) -> None:
        self.has_leaks = True
        self._waiting.append((path, leak))
        if self._lookup is None or len(self._waiting) >= _BATCH:
            self.flush()

    def cannot_read(self, path: str, reason: OSError | str) -> None:
        self.has_unread = True
        complain(f"cannot read {_printable(path)}: {getattr(reason, 'strerror', None) or reason}")

    def flush(self) -> None:
        if not self._waiting:
            return
        owners = self._lookup.find({hashed(leak.secret) for _, leak in self._waiting}) if self._lookup else {}
        for path, leak in self._waiting:
            owner = owners.get(hashed(leak.secret))
            live = None if self._lookup is None else owner is not None and is_live(owner, self._lookup.now())
            print(self._format(path, leak, owner, live))
            if owner is not None and live:
                self._expose(owner, path, leak)
        sys.stdout.flush()
        self._waiting.clear()

    def _expose(self, owner: Owner, path: str, leak: Leak) -> None:
        if (exposure := self.exposures.get(owner.id)) is None:
            self.exposures[owner.id] = Exposure(owner, f"{_printable(path)}:{leak.line}:{leak.column}{_origin(leak)}")
        else:
            exposure.places += 1


def _scan_path(path: str, report: _Report) -> None:
    if path == "-":
        _scan_stream(path, 0, report)
    elif Path(path).is_dir():
        for file in _files(path, report):
            _scan_file(file, report, is_named=False)
    else:
        _scan_file(path, report, is_named=True)


def _files(folder: str, report: _Report) -> Iterator[str]:
    """Yield the files below a folder, in order. Do not follow links to folders."""
    for parent, folders, files in os.walk(folder, onerror=lambda error: report.cannot_read(error.filename, error)):
        folders.sort()
        for file in sorted(files):
            yield str(Path(parent, file))


def _scan_file(path: str, report: _Report, *, is_named: bool) -> None:
    """Scan a file. Skip special files, except a pipe that the user named, such as a shell's `<(...)`."""
    try:
        mode = Path(path).stat().st_mode
        if not (stat.S_ISREG(mode) or (is_named and stat.S_ISFIFO(mode))):
            if is_named:
                report.cannot_read(path, "it is neither a file nor a folder")
            return
        # O_NONBLOCK: opening a pipe does not wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        # A file in a folder may be a broken link, or may have been deleted since the folder was listed.
        if is_named or not isinstance(error, FileNotFoundError):
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

    for leak in scan(read, git=path == "-"):
        report.add(path, leak)


def _json_line(path: str, leak: Leak, owner: Owner | None, live: bool | None) -> str:
    """Format a leak. `live` is None without a store. A key that has ended is an owner that is not live."""
    line: dict[str, Any] = {"path": path, "line": leak.line, "column": leak.column}
    line |= {"commit": leak.commit, "file": leak.file, "secret": leak.masked_secret, "keyId": leak.key_id}
    line["live"] = live
    if isinstance(owner, Key):
        line["key"] = {"id": owner.id, "displayName": owner.display_name}
        line["key"] |= {"appId": owner.app_id, "integrationId": owner.integration_id}
        line["key"] |= {"expiresAt": moment_text(owner.expires_at)} if owner.expires_at is not None else {}
    elif owner is not None:
        line["oauthClient"] = {"id": owner.id, "displayName": owner.display_name}
    return json.dumps({name: value for name, value in line.items() if value is not None})


def _text_line(path: str, leak: Leak, owner: Owner | None, live: bool | None) -> str:
    line = f"{_printable(path)}:{leak.line}:{leak.column}: {leak.masked_secret}"
    if leak.key_id:
        line += f" in Basic credentials of {_printable(leak.key_id)}"
    line += _origin(leak)
    if live is None:
        return line
    if owner is None:
        return f"{line}: of no live key in this store"
    return f"{line}: {'LIVE' if live else 'ended'}, {described(owner)}"


def _origin(leak: Leak) -> str:
    """Return the commit and the file of a leak in the history of git, each after a comma."""
    commit = f", commit {leak.commit}" if leak.commit else ""
    return commit + (f", file {_printable(leak.file)}" if leak.file else "")


def _printable(text: str) -> str:
    """Escape control characters, which a terminal would obey: file names may come from anybody."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
