"""A real service on a real socket and a real database."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from support import orphans, targets
from support.leaks import Serving
from support.planes import closed_in_order
from support.postgres import Postgres, running
from support.stores import STORES, Open, entered, filled, open_postgres, open_sqlite
from support.targets import Target
from support.wire import Key, Place, Service, Tenant, Wire, first_run, make_tenant

from sunshine_keys import server
from sunshine_keys.store import Store
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore

ROOM_BYTES = 4 * 1024**3
"""The free space that the folders of the tests need, several times over."""

settings.register_profile("default", deadline=None)  # the machine may be busy; no test is about time
settings.load_profile("default")


def pytest_configure() -> None:
    orphans.end_with_this_process()
    # The tests commit tens of thousands of times. In memory, that takes a quarter less time.
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Add the fixture `runner` to asynchronous tests."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.fixturenames.append("runner")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an asynchronous test in the event loop that its fixtures used."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    pyfuncitem.funcargs["runner"].run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def unused_port() -> Iterator[int]:
    """Reserve a port on which nobody listens: no other process gets it, but for one that the test starts on it."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        yield port


@pytest.fixture(scope="session", autouse=True)
def _closing() -> Iterator[None]:
    """Let a test fail that closes a store without the plane that works on it."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (SqliteStore, PostgresStore):
            patch.setattr(kind, "close", closed_in_order(kind.close))
        yield


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of one test, for fixtures that need it."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    postgres = request.param == "postgres"
    return Place(tmp_path, request.getfixturevalue("postgres").new_store() if postgres else None)


@pytest.fixture(scope="session")
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    postgres = getattr(request, "param", "sqlite") == "postgres"
    database = request.getfixturevalue("postgres").new_store() if postgres else None
    place = Place(tmp_path_factory.mktemp("service"), database)
    account = Key.of(first_run(place)["account_key"])
    # Many tests fail to authenticate, all from one address.
    with server.running(msgspec.structs.replace(place.settings, simulator=True)) as url:
        yield Service(url, place.data, account, place)


@pytest.fixture(scope="session")
def wire(service: Service) -> Wire:
    return Wire(service.url)


@pytest.fixture
def tenant(wire: Wire, service: Service) -> Tenant:
    return make_tenant(wire, service.account)


@pytest.fixture
def other(wire: Wire, service: Service) -> Tenant:
    """A second app, with the same kinds of objects."""
    return make_tenant(wire, service.account)


@pytest.fixture
def target() -> Iterator[Target]:
    with targets.listening() as target:
        yield target


@pytest.fixture
def webhook(wire: Wire, tenant: Tenant, target: Target) -> str:
    """The id of the tenant's webhook, which calls the target."""
    (webhook,) = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"]
    wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key, {"target": target.url})
    id: str = webhook["id"]
    return id


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The path of a folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def sample(data: Path) -> dict[str, Any]:
    """The objects of the published samples, in a store in `data`."""
    return first_run(data, sample=True)


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """A function that opens the test's store. It can be called several times."""
    if request.param == "sqlite":
        return lambda: open_sqlite(tmp_path / "store")
    url = request.getfixturevalue("postgres").new_store()
    return lambda: open_postgres(url)


@pytest.fixture
def store(runner: asyncio.Runner, open_store: Open) -> Iterator[Store]:
    """A store that holds an app `a` with a custom integration `i`, a web integration `w`, a webhook and three keys."""
    yield from entered(runner, filled(open_store))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of an empty place for a store."""
    return postgres.new_store()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with contextlib.closing(Serving(tmp_path)) as serving:
        yield serving
