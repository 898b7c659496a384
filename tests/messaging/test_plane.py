"""The conversation plane beside the store of keys: when it is loaded, and what becomes of deleted apps and keys."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.servers import Server
from support.stores import entered
from support.waiting import wait_until
from support.wire import Key, Place, first_run, make_tenant

from sunshine_keys.apps.changes import DeleteApp
from sunshine_keys.compose import ROUTER, open_engine
from sunshine_keys.engine import Engine
from sunshine_keys.first_run import initialise
from sunshine_keys.store import OPERATOR
from sunshine_keys.wire.application import Application
from sunshine_messaging.apps.table import APPS
from sunshine_messaging.plane import Plane
from sunshine_messaging.users.changes import CreateUser
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import USERS


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Engine]:
    engine = await open_engine(place.settings)
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
def engine(runner: asyncio.Runner, place: Place) -> Iterator[Engine]:
    yield from entered(runner, opened(place))


async def plane_of(engine: Engine) -> Plane:
    assert engine.messaging is not None
    plane: Plane = await engine.messaging.plane(engine)
    return plane


def user(app_id: str, id: str = "0" * 24) -> User:
    return User(id, app_id, "jane", None, None, "2020-05-21T15:53:30.197Z", False, None, {}, {}, [])


LAZY = ("sunshine_messaging", "nh3", "markdown_it", "multipart", "python_multipart")
"""What only the conversation plane needs."""

REPORTING = f"""
import signal, sys
from pathlib import Path
def report(*_):
    names = {{name.partition(".")[0] for name in sys.modules}}
    folder = Path(sys.argv[sys.argv.index("--data") + 1])
    (folder / "draft").write_text(" ".join(names & set({LAZY})))
    (folder / "draft").rename(folder / "modules")
signal.signal(signal.SIGUSR1, report)
"""
"""Code that writes the names of such modules into the folder of the data when the signal comes."""


def loaded(server: Server, data: Path) -> set[str]:
    """Return those of the modules that the server has imported."""
    server.process.send_signal(signal.SIGUSR1)
    wait_until((data / "modules").exists)
    return set((data / "modules").read_text().split())


async def test_store_is_not_closed_before_its_plane(engine: Engine) -> None:
    """A check of the tests' own: a plane would go on with a closed store, and log a failure every second."""
    plane = await plane_of(engine)
    for store in (engine.store, plane.store):
        with pytest.raises(AssertionError, match="close the engine"):
            await store.close()


def test_service_without_conversations_loads_and_creates_nothing(data: Path) -> None:
    place = Place(data, None)
    account = Key.of(first_run(place)["account_key"])
    with Server(place, patch=REPORTING) as server:
        tenant = make_tenant(server.wire, account)
        keys = f"{tenant.app}/integrations/{tenant.integration_id}/keys"
        assert server.wire.get(keys, tenant.app_key).status == 200
        assert server.wire.delete(tenant.app, account).status == 200
        assert loaded(server, data) == set()
    assert not (data / "messaging.db").exists()


def test_first_use_loads_the_plane(data: Path) -> None:
    place = Place(data, None)
    account = Key.of(first_run(place)["account_key"])
    with Server(place, patch=REPORTING) as server:
        tenant = make_tenant(server.wire, account)
        assert server.wire.get(f"{tenant.users}/jane", tenant.key).status == 404
        assert "sunshine_messaging" in loaded(server, data)


def test_schemas_of_conversations_are_read_at_the_first_use() -> None:
    program = (
        "import sys, asyncio, sunshine_keys.asgi, sunshine_keys.compose as compose\n"
        "from sunshine_keys.wire.operation import messaging_facts\n"
        "assert 'CreateUser' in {operation.id for operation in compose.ROUTER.operations}\n"
        "assert not [name for name in sys.modules if name.startswith('sunshine_messaging')]\n"
        "assert messaging_facts.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_store_is_created_at_the_first_use(data: Path) -> None:
    place = Place(data, None)
    account = Key.of(first_run(place)["account_key"])
    file = data / "messaging.db"
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        assert not file.exists()
        assert server.wire.get(f"{tenant.users}/jane", tenant.key).status == 404
        assert file.stat().st_mode & 0o777 == 0o600


async def test_what_a_crash_left_of_a_deleted_app_is_deleted_later(place: Place) -> None:
    async with opened(place) as engine:
        sample = await initialise(engine, sample=True)
        assert sample is not None
        app_id = sample["app"]["id"]
        plane = await plane_of(engine)
        await plane.store.transact(OPERATOR, CreateUser(user(app_id)))
        await plane.sweep()
        assert len(await plane.store.select(USERS, "")) == 1
        # The process ends between the two deletions.
        await engine.store.transact(OPERATOR, DeleteApp(app_id))
    async with opened(place) as engine:
        assert engine.messaging is not None
        await engine.messaging.resume(engine)
        plane = await plane_of(engine)
        await plane.sweep()
        assert await plane.store.select(USERS, "") == []
        assert await plane.store.select(APPS, "") == []


async def test_deleting_an_app_deletes_its_users(engine: Engine) -> None:
    sample = await initialise(engine, sample=True)
    assert sample is not None
    plane = await plane_of(engine)
    await plane.store.transact(OPERATOR, CreateUser(user(sample["app"]["id"])))
    await engine.delete_app(OPERATOR, DeleteApp(sample["app"]["id"]))
    assert await plane.store.select(USERS, "") == []


async def test_key_that_is_deleted_while_its_request_is_read_changes_nothing(engine: Engine) -> None:
    sample = await initialise(engine, sample=True)
    assert sample is not None
    key = Key.of(sample["app_key"])
    application = Application(engine, ROUTER)
    app_id = sample["app"]["id"]

    async def revoke(_: object) -> None:
        await engine.store.transact(OPERATOR, DeleteApp(app_id))

    application.authenticated = revoke
    sent: list[Any] = []
    scope = {
        "type": "http", "method": "POST", "raw_path": f"/v2/apps/{app_id}/users".encode(), "query_string": b"",
        "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        "headers": [
            (b"authorization", key.basic().encode()), (b"content-type", b"application/json"), (b"content-length", b"2"),
        ],
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: object) -> None:
        sent.append(message)

    await application(scope, receive, send)
    assert sent[0]["status"] == 401
    plane = await plane_of(engine)
    assert await plane.store.select(USERS, "") == []
    await application.close()
