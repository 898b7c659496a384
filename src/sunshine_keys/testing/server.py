"""A server for one test, and its keys and snapshots."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sunshine_conversations_client import ApiClient, Configuration
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.compose import ROUTER, messaging_file, open_engine, without_delivery
from sunshine_keys.first_run import initialise
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.table import KEYS
from sunshine_keys.sealing.sources import FixedKeys
from sunshine_keys.settings import STORE_FILE, Settings
from sunshine_keys.store import OPERATOR
from sunshine_keys.testing.faults import Faults, FaultyApplication, RecordedRequest
from sunshine_keys.testing.process import LoopThread, WrongProcess
from sunshine_keys.testing.transports import AsyncInProcessTransport, InProcessTransport
from sunshine_keys.wire.application import Application

if TYPE_CHECKING:
    from sunshine_conversations_client import aio

T = TypeVar("T")
_HOST = "http://127.0.0.1"  # the host in links; nothing listens there


class Key(msgspec.Struct, frozen=True):
    """Hold the id and the secret of a key. The repr hides the secret."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"

    @property
    def scope(self) -> Scope:
        """The scope that the prefix of the id stands for: "account", "app" or "integration"."""
        return next(scope for scope, prefix in ID_PREFIX.items() if self.id.startswith(prefix))

    def token(self, expires_in: int | None = 300) -> str:
        """Return a JSON Web Token that this key signs. It expires after `expires_in` seconds; None means never."""
        return tokens.mint(self.id, self.secret, self.scope, expires_in=expires_in)


class Snapshot(msgspec.Struct, frozen=True):
    """Hold the state of a server's stores. `conversations` is empty if none had been used."""

    content: bytes
    conversations: bytes = b""

    def __repr__(self) -> str:
        return f"Snapshot({len(self.content) + len(self.conversations)} bytes)"


class SunshineServer:
    """The service with an app, a custom integration and keys. `sunshine_server` creates it.

    app_id, integration_id: the ids of the app and of its custom integration.
    other_integration_id: the id of an integration of type `web`, which cannot have keys.
    account_key, app_key, key: a `Key` of each scope. `key` belongs to the custom integration.
    faults: a `Faults`, which makes requests fail.
    requests: the received requests in order, each a `RecordedRequest`.
    """

    def __init__(self) -> None:
        shared_memory = Path("/dev/shm")  # noqa: S108 - mkdtemp creates a new folder in it
        usable = shared_memory.is_dir() and os.access(shared_memory, os.W_OK)
        self._folder = Path(tempfile.mkdtemp(prefix="sunshine-keys-", dir=shared_memory if usable else None))
        self._thread = LoopThread.shared()
        self._stack = contextlib.ExitStack()
        self._url: str | None = None
        self.faults = Faults()
        self.requests: list[RecordedRequest] = []
        settings = Settings(self._folder, sealing=FixedKeys([secrets.token_bytes(32)]))
        self._engine = self._run(open_engine(settings, delivery=without_delivery))
        sample = self._run(initialise(self._engine, sample=True))
        assert sample is not None
        self.account_key = Key(sample["account_key"]["id"], sample["account_key"]["secret"])
        self.app_key = Key(sample["app_key"]["id"], sample["app_key"]["secret"])
        self.key = Key(sample["key"]["id"], sample["key"]["secret"])
        self.app_id: str = sample["app"]["id"]
        self.integration_id: str = sample["integration"]["id"]
        self.other_integration_id: str = sample["other_integration"]["id"]
        self._service = Application(self._engine, ROUTER, clock=self.faults.now)
        self._application = FaultyApplication(self._service, self.faults, self.requests, self._revoke)
        self._first = self.save()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._thread.submit(coroutine).result(30)

    @property
    def url(self) -> str:
        """The URL of a real socket on loopback. The first use opens it."""
        if self._url is None:
            if not self._thread.is_here:
                raise WrongProcess
            from sunshine_keys.testing.socket import listening

            self._url = self._stack.enter_context(listening(self._application, self._thread.loop))
        return self._url

    def client(self, key: Key | None = None, **settings: Any) -> ApiClient:
        """Return an in-process client of this server, with the app's key or `key`. `settings` are those of `Configuration`.

        In a forked process, the client connects to `url`, if that was read before the fork; otherwise this raises RuntimeError.
        """
        if not self._thread.is_here:
            return ApiClient(self._configuration(key, {"host": self.url} | settings))
        transport = InProcessTransport(self._application, self._thread)
        return ApiClient(self._configuration(key, settings), transport=transport)

    def async_client(self, key: Key | None = None, **settings: Any) -> aio.ApiClient:
        """Return an asynchronous client, of `sunshine_conversations_client.aio`, with the same arguments as `client`."""
        from sunshine_conversations_client import aio

        if not self._thread.is_here:
            return aio.ApiClient(self._configuration(key, {"host": self.url} | settings))
        transport = AsyncInProcessTransport(self._application, self._thread)
        return aio.ApiClient(self._configuration(key, settings), transport=transport)

    def _configuration(self, key: Key | None, settings: dict[str, Any]) -> Configuration:
        if not settings.keys() & {"username", "password", "access_token", "key_id", "secret"}:
            key = key or self.app_key
            settings |= {"key_id": key.id, "secret": key.secret}
        values: dict[str, Any] = {"host": _HOST} | settings
        return Configuration(**values)

    async def _revoke(self, key_id: str) -> None:
        key = await self._engine.store.get(KEYS, key_id)
        if key is None or key.app_id is None:
            raise ValueError(f"There is no key {key_id} of an app or an integration.")
        await self._engine.store.transact(OPERATOR, DeleteKey(key.app_id, key.integration_id, key_id))

    def revoke(self, key: Key | str) -> None:
        """Delete a key of an app or an integration, as its owner would. Raises ValueError if there is no such key."""
        self._run(self._revoke(key if isinstance(key, str) else key.id))

    def save(self) -> Snapshot:
        """Return the current state of the stores."""
        file = self._conversations
        return Snapshot(_saved(self._folder / STORE_FILE), _saved(file) if file.exists() else b"")

    def load(self, snapshot: Snapshot) -> None:
        """Restore the state of a snapshot that this server saved."""
        _load(self._folder / STORE_FILE, snapshot.content)
        if snapshot.conversations:
            _load(self._conversations, snapshot.conversations)
        elif self._conversations.exists():
            _empty(self._conversations)

    @property
    def _conversations(self) -> Path:
        return messaging_file(self._folder / STORE_FILE)

    def reset(self) -> None:
        """Restore the state after the start, remove all faults, and clear `requests`."""
        self.load(self._first)
        self.faults.clear()
        self.requests.clear()

    def close(self) -> None:
        """Stop the service and delete its store. In a forked process, do nothing."""
        if not self._thread.is_here:
            return
        self._stack.close()
        self._run(self._service.close())
        self._run(self._engine.close())
        shutil.rmtree(self._folder, ignore_errors=True)


def _saved(file: Path) -> bytes:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.serialize()


def _load(file: Path, content: bytes) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as source, contextlib.closing(sqlite3.connect(file)) as target:
        # SQLite cannot open a database in WAL mode in memory. Bytes 18 and 19 of the header turn the mode off.
        source.deserialize(content[:18] + b"\x01\x01" + content[20:])
        source.backup(target)


def _empty(file: Path) -> None:
    """Delete the rows of all tables but those of the store itself."""
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'"
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        for (name,) in connection.execute(tables).fetchall():
            connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own


@contextlib.contextmanager
def sunshine_server() -> Generator[SunshineServer]:
    """Start a server and close it at the end of the `with` block."""
    server = SunshineServer()
    try:
        yield server
    finally:
        server.close()
