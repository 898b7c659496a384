"""Sum the figures of all processes of one service, in the process that serves /metrics.

The supervisor creates one file in memory for each worker, without a name, and all workers inherit all of them: nobody can
damage or clean them away, and nothing is left of them after a kill. A worker writes its own figures every second and before it
serves the page, and adds up all files. The replacement of a worker that has ended begins with its counters, so that sums
never fall; its gauges are dropped. The supervisor has a file, too, for what it counts.

A worker also writes a heartbeat every second, from its event loop. The supervisor reads it, and replaces a worker that hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Sequence

import msgspec

from sunshine_keys.observing.prometheus import Samples, total, without_gauges

SECONDS = 1.0
"""The time between two writes: how old a process's figures may be on the page of another, or after a kill."""

_REGION_BYTES = 4 * 1024 * 1024
_HEADER = struct.Struct(">QII")
_HEARTBEAT = struct.Struct(">Q")
_HEARTBEAT_START = 2 * _REGION_BYTES


class KeyCounts(msgspec.Struct, frozen=True):
    """The number of keys by scope; `counted_at` is in seconds since 1970."""

    counted_at: float
    by_scope: dict[str, int]


class _Figures(msgspec.Struct, frozen=True):
    process_id: int
    samples: Samples
    keys: KeyCounts | None


def new_file() -> int:
    """Return the descriptor of a new file without a name: in memory, or on systems other than Linux in a temporary folder."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("sunshine-keys-metrics")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def heartbeat(file: int) -> int | None:
    """Return the last heartbeat in a file, which differs from all earlier ones; None if there is none."""
    content = os.pread(file, _HEARTBEAT.size, _HEARTBEAT_START)
    return _HEARTBEAT.unpack(content)[0] if len(content) == _HEARTBEAT.size else None


class Processes:
    """The figures of one process, and of the others of its service.

    `files` are the descriptors of all of them, and `slot` is the index of this process's own. Without files, the process is
    the only one.
    """

    def __init__(self, files: Sequence[int] = (), slot: int = 0) -> None:
        self._file = files[slot] if files else None
        self._others = [file for index, file in enumerate(files) if index != slot]
        self._number, predecessor = (0, None) if self._file is None else _newest(self._file)
        self._earlier: Samples = {} if predecessor is None else without_gauges(predecessor.samples)

    @property
    def are_several(self) -> bool:
        return self._file is not None

    async def beat(self) -> None:
        """Write a heartbeat every second, until this task is cancelled. It is late if the event loop is."""
        while self._file is not None:
            with contextlib.suppress(OSError):  # no memory is left
                os.pwrite(self._file, _HEARTBEAT.pack(time.monotonic_ns()), _HEARTBEAT_START)
            await asyncio.sleep(SECONDS)

    def write(self, samples: Samples, keys: KeyCounts | None) -> None:
        """Write this process's figures, in turn to the two halves of its file: a kill leaves one of them whole."""
        if self._file is None:
            return
        figures = _Figures(os.getpid(), total([self._earlier, samples]), keys)
        content = msgspec.json.encode(figures)
        if len(content) > _REGION_BYTES - _HEADER.size:
            return
        self._number += 1
        header = _HEADER.pack(self._number, len(content), zlib.crc32(content))
        with contextlib.suppress(OSError):  # no memory is left: the figures stay those of before
            os.pwrite(self._file, header + content, self._number % 2 * _REGION_BYTES)

    def read(self, own: Samples, keys: KeyCounts | None) -> tuple[Samples, KeyCounts | None]:
        """Return the sums, and the newest count of keys."""
        if self._file is None:
            return own, keys
        others = [figures for file in self._others if (figures := _newest(file)[1]) is not None]
        counts = [count for count in (keys, *(figures.keys for figures in others)) if count is not None]
        present = [
            figures.samples if _is_running(figures.process_id) else without_gauges(figures.samples)
            for figures in others
        ]
        newest = max(counts, key=lambda count: count.counted_at, default=None)
        return total([self._earlier, own, *present]), newest


def _newest(file: int) -> tuple[int, _Figures | None]:
    """Return the number and the content of the newest half of a file that is whole."""
    halves = []
    for start in (0, _REGION_BYTES):
        header = os.pread(file, _HEADER.size, start)
        if len(header) == _HEADER.size:
            number, length, checksum = _HEADER.unpack(header)
            content = os.pread(file, min(length, _REGION_BYTES), start + _HEADER.size)
            if len(content) == length > 0 and zlib.crc32(content) == checksum:
                halves.append((number, content))
    if not halves:
        return 0, None
    number, content = max(halves)
    return number, msgspec.json.decode(content, type=_Figures)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, PermissionError):  # another user's process has the id by now
        return False
    return True
