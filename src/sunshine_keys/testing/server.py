"""A server for one test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sunshine_conversations_client import ApiClient, Configuration
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.compose import STORE_FILE, Settings, open_engine
from sunshine_keys.first_run import initialise
from sunshine_keys.sealing.sources import Given
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.changes import DeleteKey
from sunshine_keys.testing.faults import Faults, FaultyApplication, RecordedRequest
from sunshine_keys.testing.transports import AsyncInProcessTransport, InProcessTransport
from sunshine_keys.wire.application import Application

if TYPE_CHECKING:
    from sunshine_conversations_client import aio

T = TypeVar("T")
_HOST = "http://127.0.0.1"  # named in links; nothing listens there


class Key(msgspec.Struct, frozen=True):
    """A key there is: its id and its secret, which its repr keeps."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"

    @property
    def scope(self) -> Scope:
        return next(scope for scope, prefix in ID_PREFIX.items() if self.id.startswith(prefix))

    def token(self, expires_in: int | None = 300) -> str:
        """A JSON Web Token signed by this key, good for so many seconds."""
        return tokens.mint(self.id, self.secret, self.scope, expires_in=expires_in)


class Snapshot(msgspec.Struct, frozen=True):
    """The state of a server's store."""

    content: bytes

    def __repr__(self) -> str:
        return f"Snapshot({len(self.content)} bytes)"


class _Loop:
    """One event loop in a thread, which all servers of the process share: starting one costs more than a server."""

    _loop: asyncio.AbstractEventLoop | None = None
    _process = 0
    _lock = threading.Lock()

    @classmethod
    def get(cls) -> asyncio.AbstractEventLoop:
        with cls._lock:
            if cls._loop is None or cls._process != os.getpid():
                cls._loop, cls._process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=cls._loop.run_forever, name="sunshine-keys-testing", daemon=True).start()
            return cls._loop


class SunshineServer:
    """The service with a ready app, custom integration and keys. Made by `sunshine_server`.

    app_id, integration_id: the app, and its custom integration.
    other_integration_id: an integration of type `web`, which can have no keys.
    account_key, app_key, key: a `Key` of each scope; `key` is the custom integration's.
    faults: what is to go wrong, a `Faults`.
    requests: what was asked, in order, each a `RecordedRequest`.
    """

    def __init__(self) -> None:
        shared_memory = Path("/dev/shm")  # noqa: S108 - a folder of a name of its own is made in it
        usable = shared_memory.is_dir() and os.access(shared_memory, os.W_OK)
        self._folder = Path(tempfile.mkdtemp(prefix="sunshine-keys-", dir=shared_memory if usable else None))
        self._loop = _Loop.get()
        self._stack = contextlib.ExitStack()
        self._url: str | None = None
        self.faults = Faults()
        """What is to go wrong."""
        self.requests: list[RecordedRequest] = []
        """What was asked, in order."""
        settings = Settings(self._folder, sealing=Given([secrets.token_bytes(32)]))
        self._engine = self._run(open_engine(settings))
        made = self._run(initialise(self._engine, sample=True))
        assert made is not None
        self.account_key = Key(made["account_key"]["id"], made["account_key"]["secret"])
        self.app_key = Key(made["app_key"]["id"], made["app_key"]["secret"])
        self.key = Key(made["key"]["id"], made["key"]["secret"])
        self.app_id: str = made["app"]["id"]
        self.integration_id: str = made["integration"]["id"]
        self.other_integration_id: str = made["other_integration"]["id"]
        self._service = Application(self._engine, clock=self.faults.now)
        self._application = FaultyApplication(self._service, self.faults, self.requests, self._revoke)
        self._first = self.save()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    @property
    def url(self) -> str:
        """The URL of a real socket on loopback, opened when it is first asked for."""
        if self._url is None:
            from sunshine_keys.testing.socket import listening

            self._url = self._stack.enter_context(listening(self._application, self._loop))
        return self._url

    def client(self, key: Key | None = None, **settings: Any) -> ApiClient:
        """A client of this server, in-process, by the app's key or another; `settings` are Configuration's."""
        transport = InProcessTransport(self._application, self._loop)
        return ApiClient(self._configuration(key, settings), transport=transport)

    def async_client(self, key: Key | None = None, **settings: Any) -> aio.ApiClient:
        """The same for `sunshine_conversations_client.aio`."""
        from sunshine_conversations_client import aio

        transport = AsyncInProcessTransport(self._application, self._loop)
        return aio.ApiClient(self._configuration(key, settings), transport=transport)

    def _configuration(self, key: Key | None, settings: dict[str, Any]) -> Configuration:
        if not settings.keys() & {"username", "password", "access_token", "key_id", "secret"}:
            key = key or self.app_key
            settings |= {"key_id": key.id, "secret": key.secret}
        return Configuration(host=_HOST, **settings)

    async def _revoke(self, key_id: str) -> None:
        key = await self._engine.store.key(key_id)
        if key is None or key.app_id is None:
            raise ValueError(f"there is no app's or integration's key {key_id}")
        await self._engine.store.transact(OPERATOR, DeleteKey(key.app_id, key.integration_id, key_id))

    def revoke(self, key: Key | str) -> None:
        """Delete an app's or an integration's key, as its owner would."""
        self._run(self._revoke(key if isinstance(key, str) else key.id))

    def save(self) -> Snapshot:
        """The state as it is now."""
        with contextlib.closing(sqlite3.connect(self._folder / STORE_FILE)) as connection:
            return Snapshot(connection.serialize())

    def load(self, snapshot: Snapshot) -> None:
        """Make the state what it was at a snapshot of this server's."""
        with (
            contextlib.closing(sqlite3.connect(":memory:")) as source,
            contextlib.closing(sqlite3.connect(self._folder / STORE_FILE)) as target,
        ):
            # A database in WAL mode cannot be opened in memory: bytes 18 and 19 of its header say that it is not.
            source.deserialize(snapshot.content[:18] + b"\x01\x01" + snapshot.content[20:])
            source.backup(target)

    def reset(self) -> None:
        """Make the state what it was at the start, ask for no faults, and forget what was asked."""
        self.load(self._first)
        self.faults.clear()
        self.requests.clear()

    def close(self) -> None:
        self._stack.close()
        self._run(self._service.close())
        self._run(self._engine.store.close())
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def sunshine_server() -> Generator[SunshineServer]:
    """A server of its own for as long as the block runs."""
    server = SunshineServer()
    try:
        yield server
    finally:
        server.close()
