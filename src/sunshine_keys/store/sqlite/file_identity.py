"""Check that the files that this process has open are still the ones that other processes open."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from sunshine_keys.errors import StoreUnavailable

logger = logging.getLogger("sunshine_keys.store")


class FileIdentity:
    """The identities of the store's file, of its WAL and of the index of that (`-shm`), when the store was opened.

    First open a connection that stays open, and read with it. Until it is closed, SQLite keeps the files in place.
    """

    def __init__(self, path: Path) -> None:
        self._paths = os.fspath(path), f"{path.resolve()}-wal", f"{path.resolve()}-shm"
        self._opened = self._current()
        self._is_lost = False

    def require(self) -> None:
        """Raise StoreUnavailable if the path names another file, or no file. This takes three system calls of 1 to 3 µs.

        A file that was moved, deleted or replaced stays open in this process. But everything that is written into it is
        lost when the process ends, and other processes write into another file. Processes with different `-shm` files do
        not see each other's commits, not even a DELETE.
        """
        is_lost = self._current() != self._opened
        if is_lost and not self._is_lost:
            logger.critical("the store %s is no longer the one that is open: put it back, or restart", self._paths[0])
        elif self._is_lost and not is_lost:
            logger.warning("the store %s is back", self._paths[0])
        self._is_lost = is_lost
        if is_lost:
            raise StoreUnavailable

    def _current(self) -> list[tuple[int, int] | None]:
        try:
            return [(status.st_dev, status.st_ino) for status in map(os.stat, self._paths)]
        except OSError:
            return [_identity(path) for path in self._paths]


def _identity(path: str) -> tuple[int, int] | None:
    """Return the device and inode of a file; None if it does not exist."""
    try:
        status = os.stat(path)  # noqa: PTH116 - Path's takes twice the time
    except OSError:
        return None
    return status.st_dev, status.st_ino
