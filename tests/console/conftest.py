"""People who use the console of a real service."""

from __future__ import annotations

import pytest
from support.visitor import Visitor
from support.wire import Service, Tenant


@pytest.fixture
def visitor(service: Service) -> Visitor:
    """Return a person who has not signed in."""
    return Visitor(service.url)


@pytest.fixture
def owner(service: Service) -> Visitor:
    """Return a person who is signed in with the account's key."""
    return Visitor(service.url).signed_in(service.account)


@pytest.fixture
def member(service: Service, tenant: Tenant) -> Visitor:
    """Return a person who is signed in with the key of the test's app."""
    return Visitor(service.url).signed_in(tenant.app_key)
