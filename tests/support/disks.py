"""Small file systems that a test can fill, cut off and break. They need root and Linux."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from support.machine import needs_root, require

WITHOUT_SYNC = """
from sunshine_keys.store.sqlite import schema
connect = schema.connect
def connect_without_sync(*arguments):
    connection = connect(*arguments)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
schema.connect = connect_without_sync
"""
"""Code that makes a server commit without fsync."""

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_NO_LOG_FLUSH = 2


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _require(*programs: str) -> None:
    if os.geteuid() != 0:
        pytest.skip(needs_root.kwargs["reason"])
    for program in programs:
        require(program)


class Disk:
    """A folder on its own file system of a few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def fill(self) -> None:
        """Write until no byte fits."""
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(bytes(size))

    def empty(self) -> None:
        (self.folder / "ballast").unlink()


class Ext4(Disk):
    """An ext4 image, mounted by a loop device."""

    def __init__(self, folder: Path, image: Path) -> None:
        super().__init__(folder)
        self._image = image

    def mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", self._image, self.folder)

    def unmount(self) -> None:
        _run("umount", self.folder)

    def cut_the_power(self) -> None:
        """Stop all writes to the disk. Data that is not synced is lost."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def become_read_only(self) -> None:
        """Make the file system read-only, as ext4 does after an error."""
        device = self.folder.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        trigger = Path(f"/sys/fs/ext4/{name}/trigger_fs_error")
        if not trigger.exists():
            pytest.skip("this kernel has no trigger_fs_error for ext4: run the tests on Debian's kernel")
        trigger.write_text("a test")


@contextlib.contextmanager
def ext4(base: Path) -> Generator[Ext4]:
    _require("mkfs.ext4", "mount", "umount")
    folder, image = base / "disk", base / "image"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(24 << 20)
    _run("mkfs.ext4", "-q", "-F", image)
    disk = Ext4(folder, image)
    try:
        disk.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(
            f"mounting an image fails; in a container, run it with --privileged: {error.stderr.decode().strip()}"
        )
    try:
        yield disk
    finally:
        if folder.is_mount():
            _run("umount", "--lazy", folder)  # the server of a failed test may still run


@contextlib.contextmanager
def tmpfs(base: Path) -> Generator[Disk]:
    _require("mount", "umount")
    folder = base / "disk"
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(
            f"mounting a tmpfs fails; in a container, run it with --privileged: {error.stderr.decode().strip()}"
        )
    try:
        yield Disk(folder)
    finally:
        _run("umount", "--lazy", folder)
