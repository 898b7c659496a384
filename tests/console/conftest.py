"""People who use the console of a real service, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.visitor import Visitor
from support.wire import Service, Tenant

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from support.browsing import Watched


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from support.browsing import launched

    with launched() as browser:
        yield browser


@pytest.fixture
def watched(browser: Browser, service: Service) -> Iterator[Watched]:
    """Return a page of a wide screen, with nobody signed in."""
    from support.browsing import watch

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield watch(context, service.url)
    context.close()
