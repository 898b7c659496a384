"""What tests need of the machine. A test is skipped where that is missing, and the reason says how to get it."""

from __future__ import annotations

import os
import shutil

import pytest

_DEBIAN_PACKAGES = {"mkfs.ext4": "e2fsprogs", "umount": "mount"}  # where the package is not named as its program

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may mount a disk: run `.venv/bin/python -m pytest` by sudo"
)


def _is_missing(program: str) -> bool:
    """Return whether tests that run a program are skipped. In CI they fail instead, since .ci/run installs all programs."""
    return shutil.which(program) is None and not os.environ.get("CI")


def _reason(program: str) -> str:
    return f"{program} is not on the PATH: apt-get install {_DEBIAN_PACKAGES.get(program, program)}"


def needs(program: str) -> pytest.MarkDecorator:
    """Mark a test that runs a program."""
    return pytest.mark.skipif(_is_missing(program), reason=_reason(program))


def require(program: str) -> None:
    """Skip the test that runs where a program is missing."""
    if _is_missing(program):
        pytest.skip(_reason(program))
