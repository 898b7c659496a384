"""The fixture `sunshine`: a server for each test. Nothing is imported before a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sunshine_keys.testing import SunshineServer


@pytest.fixture
def sunshine() -> Iterator[SunshineServer]:
    """The service, with a ready app, integration and keys, in-process and of this test alone."""
    from sunshine_keys.testing import sunshine_server

    with sunshine_server() as server:
        yield server
