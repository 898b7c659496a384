"""What a run of `keys create --from` has done, kept so that another run goes on where it ended.

Lines of JSON in a file of mode 0600: the first names the run, each other one a key with its secret. An Idempotency-Key
is made of the run and the row, so that a create whose answer was lost is asked for again under the same one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

from sunshine_keys.atomic_files import sync_folder
from sunshine_keys.cli.exits import Exit, stop


class Row(msgspec.Struct, frozen=True):
    """A key to be made: its owner's ids, its name, and which it is among those that have both in common."""

    owners: tuple[tuple[str, str], ...]
    name: str
    nth: int


class Journal:
    """`done` are the rows whose keys earlier runs have made; `doubtful` those that were asked for and never answered,
    where asking again might make a second key."""

    def __init__(self, handle: int, run: str, done: set[Row], doubtful: set[Row]) -> None:
        self._handle = handle
        self._run = run
        self.done = done
        self.doubtful = doubtful

    def idempotency_key(self, row: Row) -> str:
        return hashlib.sha256(json.dumps([self._run, row.owners, row.name, row.nth]).encode()).hexdigest()

    def add(self, row: Row, made: dict[str, Any] | None) -> None:
        """Durably; `made` is the key, or None where nobody knows whether it was made."""
        told = {**dict(row.owners), "displayName": row.name, "nth": row.nth}
        _append(self._handle, told | ({"doubtful": True} if made is None else {"key": made}))


@contextlib.contextmanager
def opened(file: Path, host: str) -> Generator[Journal]:
    """The journal in `file`, begun where there is none. Ends the program where it is another's or cannot be written."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        stop(Exit.USAGE, f"cannot write {file}: {error.strerror}")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_mode & 0o077:
            stop(Exit.USAGE, f"others can read {file}, which is to hold secrets", f"Run: chmod 600 {file}")
        yield _read(handle, file, host)
    except BlockingIOError:
        stop(Exit.FAILED, f"another process is writing {file}")
    finally:
        os.close(handle)


def _read(handle: int, file: Path, host: str) -> Journal:
    content = os.pread(handle, os.fstat(handle).st_size, 0)
    whole, newline, torn = content.rpartition(b"\n")
    if torn:  # by a crash, and never told to anyone as done
        os.ftruncate(handle, len(whole) + len(newline))
    if not whole:
        run = os.urandom(16).hex()
        os.ftruncate(handle, 0)
        _append(handle, {"run": run, "host": host})
        sync_folder(file.absolute().parent)
        return Journal(handle, run, set(), set())
    try:
        first, *lines = map(json.loads, whole.splitlines())
        run, of_host = first["run"], first["host"]
        done: set[Row] = set()
        doubtful: set[Row] = set()
        for line in lines:
            owners = tuple((name, line[name]) for name in ("app_id", "integration_id") if name in line)
            row = Row(owners, line["displayName"], line["nth"])
            (done if "key" in line else doubtful).add(row)
    except (ValueError, KeyError, TypeError):
        stop(Exit.USAGE, f"{file} is not what an earlier run wrote: name a new file by --output")
    if of_host != host:
        stop(Exit.USAGE, f"{file} is of {of_host}, and this is {host}: name a new file by --output")
    return Journal(handle, run, done, doubtful - done)


def _append(handle: int, line: dict[str, Any]) -> None:
    content = json.dumps(line).encode() + b"\n"
    while content:
        content = content[os.write(handle, content) :]
    os.fsync(handle)
