"""Write files atomically: a file gets its name only after it is complete and on disk.

It is written beside its destination as `.NAME.part`, and locked. A killed run leaves this file behind, and the next run
takes it over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

_SIDE_FILES = ("-journal", "-wal", "-shm")  # SQLite's
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@contextlib.contextmanager
def draft(path: Path, *, replace: bool = False) -> Generator[Path]:
    """Yield the file to write, of mode 0600; at the end of the block, sync it and give it its name.

    Raises FileExistsError if `path` exists (unless `replace`), BlockingIOError if another process is writing it, and other
    OSErrors. After a failure no file is left.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    with _locked(path) as (part, handle):
        yield part
        os.fsync(handle)
        if replace:
            part.replace(path)
        else:
            _name(part, path)
        sync_folder(path.parent)


@contextlib.contextmanager
def scratch(path: Path) -> Generator[Path]:
    """Yield a file beside `path`, and remove it at the end of the block. Raises what `draft` raises."""
    with _locked(path) as (part, _):
        yield part


def sync_folder(folder: Path) -> None:
    """Make new names in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _locked(path: Path) -> Generator[tuple[Path, int]]:
    part = path.with_name(f".{path.name}.part")
    handle = _take(part)
    try:
        _remove_side_files(part)
        os.fchmod(handle, 0o600)
        os.ftruncate(handle, 0)
        yield part, handle
    finally:
        if _is(part, handle):  # otherwise the file has its name, and the part may belong to another process
            part.unlink()
            _remove_side_files(part)
        os.close(handle)  # last, because it holds the lock


def _take(part: Path) -> int:
    while True:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(part, handle):
                if os.fstat(handle).st_nlink == 1:
                    return handle
                part.unlink()  # a run was killed while it renamed the complete file, which stays
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is(part: Path, handle: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(part.lstat(), os.fstat(handle))
    return False


def _name(part: Path, path: Path) -> None:
    """Rename the file, unless another file has the name by now. Raises FileExistsError."""
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        part.rename(path)


def _remove_side_files(part: Path) -> None:
    for suffix in _SIDE_FILES:
        part.with_name(part.name + suffix).unlink(missing_ok=True)
