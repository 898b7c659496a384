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
    try:
        from sunshine_keys.testing import sunshine_server
    except ModuleNotFoundError as error:
        pytest.fail(f"{error.name} is missing; the fixture needs: pip install 'sunshine-keys[test]'", pytrace=False)

    with sunshine_server() as server:
        yield server
