"""The command line in its own process, against a service on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.remote import Commands

from sunshine_keys.testing import SunshineServer, sunshine_server


@pytest.fixture(scope="module")
def served() -> Iterator[SunshineServer]:
    with sunshine_server() as server:
        yield server


@pytest.fixture
def commands(served: SunshineServer, tmp_path: Path) -> Commands:
    served.reset()
    return Commands(served, tmp_path)
