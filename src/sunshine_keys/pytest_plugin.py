"""The pytest fixture `sunshine`. The plugin imports the service only when a test uses the fixture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sunshine_keys.testing import SunshineServer


@pytest.fixture
def sunshine() -> Iterator[SunshineServer]:
    """A new in-process service for this test, with an app, an integration and keys."""
    try:
        from sunshine_keys.testing import sunshine_server
    except ModuleNotFoundError as error:
        pytest.fail(
            f"{error.name} is missing. Install the fixture with: pip install 'sunshine-keys[test]'", pytrace=False
        )

    with sunshine_server() as server:
        yield server
