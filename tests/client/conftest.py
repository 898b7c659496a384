"""Clients of the service, and a server that answers whatever a test has it answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.drivers import AsyncDriver, Driver, SyncDriver
from support.scripts import NewClient, Reply, Script
from support.wire import Key, Service, Tenant

import sunshine_conversations_client as sunshine


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def transport() -> Callable[[Driver], Any]:
    """The transport of the clients that a test makes: None for their own, over a socket."""
    return lambda driver: None


@pytest.fixture
def new_client(driver: Driver, transport: Callable[[Driver], Any]) -> Iterator[NewClient]:
    """Makes clients, which are closed at the end."""
    made: list[Any] = []

    def make(host: str, key: Key | None = None, **settings: Any) -> Any:
        if key is not None:
            settings |= {"username": key.id, "password": key.secret}
        configuration = sunshine.Configuration(host=host)
        for name, value in settings.items():
            setattr(configuration, name, value)
        made.append(driver.ApiClient(configuration, transport=transport(driver)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(params=["basic", "bearer"])
def client(request: pytest.FixtureRequest, service: Service, tenant: Tenant, new_client: NewClient) -> Any:
    """A client with the app's key, by either kind of credentials."""
    if request.param == "basic":
        return new_client(service.url, tenant.app_key)
    return new_client(service.url, access_token=tenant.app_key.bearer().removeprefix("Bearer "))


@pytest.fixture
def account(service: Service, new_client: NewClient) -> Any:
    return new_client(service.url, service.account)


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    scripts: list[Script] = []

    def make(*replies: Reply) -> Script:
        scripts.append(Script(*replies))
        return scripts[-1]

    yield make
    for each in scripts:
        each.close()
