"""Run the tests of this folder on a service on every store. Other tests use a service on SQLite."""

from __future__ import annotations

import pytest
from support.stores import STORES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "service" in metafunc.fixturenames:
        metafunc.parametrize("service", STORES, indirect=True, scope="session")
