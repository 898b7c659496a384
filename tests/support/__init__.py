"""What several tests import: requests to a service, stores, processes, a browser without a screen, and disks that fail."""

from __future__ import annotations

import pkgutil

import pytest

# Without this, a failing assertion in these modules would not show the values that it compared.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
