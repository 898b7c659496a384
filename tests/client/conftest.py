"""Fixtures: clients of the service, and servers that send scripted answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.drivers import AsyncDriver, Driver, SyncDriver
from support.scripts import NewApi, NewClient, NewScript, Reply, Script
from support.wire import Key, Service, Tenant

import sunshine_conversations_client as sunshine


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    driver = request.param()
    yield driver
    driver.close()


@pytest.fixture
def transport() -> Callable[[Driver], Any]:
    """Return the transport of a test's clients; None means their default, a socket."""
    return lambda driver: None


@pytest.fixture
def new_client(driver: Driver, transport: Callable[[Driver], Any]) -> Iterator[NewClient]:
    """Return a function that creates clients. They close at the end of the test."""
    clients: list[Any] = []

    def make(host: str, key: Key | None = None, **settings: Any) -> Any:
        if key is not None:
            settings |= {"username": key.id, "password": key.secret}
        configuration = sunshine.Configuration(host=host)
        for name, value in settings.items():
            setattr(configuration, name, value)
        clients.append(driver.ApiClient(configuration, transport=transport(driver)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(params=["basic", "bearer"])
def client(request: pytest.FixtureRequest, service: Service, tenant: Tenant, new_client: NewClient) -> Any:
    """Return a client with the app's key, once with Basic and once with a token."""
    if request.param == "basic":
        return new_client(service.url, tenant.app_key)
    return new_client(service.url, access_token=tenant.app_key.bearer().removeprefix("Bearer "))


@pytest.fixture
def account(service: Service, new_client: NewClient) -> Any:
    """Return a client with the account's key."""
    return new_client(service.url, service.account)


@pytest.fixture
def api_at(driver: Driver, new_client: NewClient) -> NewApi:
    """Return a function that creates an API class for a URL, without retries by default."""

    def make(url: str, key: Key | None = None, **settings: Any) -> Any:
        credentials = {"username": "app_1", "password": "s3cr3t"} if key is None else {}
        client = new_client(url, key, **({"retries": False} | credentials | settings))
        return driver.CustomIntegrationApiKeysApi(client)

    return make


@pytest.fixture
def script() -> Iterator[NewScript]:
    """Return a function that starts servers with scripted answers. They close at the end of the test."""
    scripts: list[Script] = []

    def make(*replies: Reply, **options: Any) -> Script:
        scripts.append(Script(*replies, **options))
        return scripts[-1]

    yield make
    for server in scripts:
        server.close()
