"""A server for one test, and its keys and snapshots."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from sunshine_conversations_client import ApiClient, Configuration, Webhook
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.compose import ROUTER, open_engine
from sunshine_keys.first_run import initialise
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.sweep import Sweep
from sunshine_keys.keys.table import KEYS
from sunshine_keys.messaging import delivery_by, messaging_file
from sunshine_keys.sealing.sources import FixedKeys
from sunshine_keys.settings import STORE_FILE, Settings
from sunshine_keys.store import OPERATOR
from sunshine_keys.testing.faults import Faults, FaultyApplication, RecordedDelivery, RecordedRequest
from sunshine_keys.testing.people import SECONDS, Chat, Outcome, Person
from sunshine_keys.testing.process import LoopThread, WrongProcess
from sunshine_keys.testing.transports import AsyncInProcessTransport, InProcessTransport, requested
from sunshine_keys.webhooks.model import TRIGGERS
from sunshine_keys.wire.application import Application

if TYPE_CHECKING:
    from sunshine_conversations_client import aio
    from sunshine_keys.testing.deliveries import Route

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


class OAuthClient(msgspec.Struct, frozen=True):
    """Hold the id, the secret and the redirect URIs of a partner's OAuth client. The repr hides the secret."""

    id: str
    secret: str
    redirect_uris: list[str]

    def __repr__(self) -> str:
        return f"OAuthClient(id={self.id!r})"


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
    deliveries: the calls of webhooks in order, each a `RecordedDelivery`.
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
        settings = Settings(self._folder, sealing=FixedKeys([secrets.token_bytes(32)]), simulator=True)
        self._opened_route: Route | None = None
        self._engine = self._run(
            open_engine(settings, delivery=lambda: delivery_by(lambda: self._route), files_in_database=True)
        )
        sample = self._run(initialise(self._engine, sample=True))
        assert sample is not None
        self.account_key = Key(sample["account_key"]["id"], sample["account_key"]["secret"])
        self.app_key = Key(sample["app_key"]["id"], sample["app_key"]["secret"])
        self.key = Key(sample["key"]["id"], sample["key"]["secret"])
        self.app_id: str = sample["app"]["id"]
        self.integration_id: str = sample["integration"]["id"]
        self.other_integration_id: str = sample["other_integration"]["id"]
        self._advanced = 0
        self._engine.store.clock = lambda: self.faults.now() + self._advanced
        self._service = Application(self._engine, ROUTER, clock=self.faults.now)
        self._application = FaultyApplication(self._service, self.faults, self.requests, self._revoke)
        self._first = self.save()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._thread.submit(coroutine).result(30)

    @property
    def _route(self) -> Route:
        """The route of webhooks. The first use imports aiohttp."""
        if self._opened_route is None:
            from sunshine_keys.testing.deliveries import Route

            self._opened_route = Route()
        return self._opened_route

    @property
    def deliveries(self) -> list[RecordedDelivery]:
        """The calls of webhooks in order, each a `RecordedDelivery`."""
        return self._route.deliveries

    def deliver_to(self, target: Any) -> Webhook:
        """Let webhooks reach `target`: an ASGI or WSGI application in this process, or a URL.

        The webhook of the custom integration then hears every event. Return it: `secret` is what the target should expect
        in `X-API-Key`. An application runs on a thread of its own, so it may call this server and wait for the answer.
        """
        self._route.target = target
        return self._run(self._hear_everything())

    @property
    def webhook(self) -> Webhook:
        """The webhook of the custom integration, with its secret."""
        return self._run(self._find_webhook())

    def user(self, external_id: str | None = None, **profile: Any) -> Person:
        """Create a user. `profile` has names on the wire, for example givenName="Jane"."""
        return self._run(self._create_person(external_id, profile))

    def person(self, external_id: str | None = None, **profile: Any) -> Person:
        """Create a user, who can start conversations: another name of `user`."""
        return self.user(external_id, **profile)

    def conversation(self, user: Person) -> Chat:
        """Create a personal conversation with a user by the API, as a program would."""
        return self._run(self._create_conversation(user))

    def oauth_client(
        self,
        *redirect_uris: str,
        name: str = "A partner",
        decision: Literal["allow", "deny"] = "allow",
    ) -> OAuthClient:
        """Create the OAuth client of a partner. The default redirect URI is `https://partner.test/callback`.

        Nobody is asked for consent: `/oauth/authorize` answers at once with a code for the app, or with a refusal.
        """
        return self._run(self._create_oauth_client(list(redirect_uris), name, decision))

    def advance(self, seconds: int) -> None:
        """Move the clock of keys, conversations and deliveries forward. What is due is then done within a second.

        When this returns, keys whose end has come are refused, and messages whose retention has ended are deleted.
        """
        self._advanced += seconds
        self._run(Sweep(self._engine.store, retention_days=30).finish())
        self._run(self.ask("POST", "/simulator/v1/clock", {"seconds": seconds}))

    def next_link_becomes(self, outcome: Outcome, integration_id: str, **details: Any) -> None:
        """Let the next client that a program links to an integration have an outcome at once: see `Person.client_becomes`."""
        body = {"integrationId": integration_id, "outcome": outcome} | details
        self._run(self.ask("POST", f"/simulator/v1/apps/{self.app_id}/linkOutcomes", body))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's event loop, and return its result."""
        return self._run(coroutine)

    async def run_async(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's event loop for a caller on another one, and return its result."""
        return await asyncio.wrap_future(self._thread.submit(coroutine))

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer to a request by the account's key, as JSON. Faults and `requests` leave it out. Raises ApiException."""
        return await requested(self._service, method, f"{_HOST}{path}", self.account_key, body)

    async def delivered(self, seconds: float) -> None:
        """Wait until every event has been sent to the webhooks once. Raises TimeoutError."""
        assert self._engine.messaging is not None
        await (await self._engine.messaging.plane(self._engine)).deliverer.delivered(seconds)

    async def _find_webhook(self) -> Webhook:
        path = f"/v2/apps/{self.app_id}/integrations/{self.integration_id}/webhooks"
        return _webhook((await self.ask("GET", path))["webhooks"][0])

    async def _hear_everything(self) -> Webhook:
        webhook = await self._find_webhook()
        path = f"/v2/apps/{self.app_id}/integrations/{self.integration_id}/webhooks/{webhook.id}"
        return _webhook((await self.ask("PATCH", path, {"triggers": list(TRIGGERS)}))["webhook"])

    async def _create_person(self, external_id: str | None, profile: dict[str, Any]) -> Person:
        body: dict[str, Any] = {"profile": profile} | ({} if external_id is None else {"externalId": external_id})
        return Person(self, (await self.ask("POST", f"/v2/apps/{self.app_id}/users", body))["user"])

    async def _create_oauth_client(self, redirect_uris: list[str], name: str, decision: str) -> OAuthClient:
        uris = redirect_uris or ["https://partner.test/callback"]
        body = {"displayName": name, "redirectUris": uris, "decision": decision}
        if decision == "allow":
            body["appId"] = self.app_id
        client = (await self.ask("POST", "/sunshine/v1/oauthClients", body))["oauthClient"]
        return OAuthClient(client["id"], client["secret"], client["redirectUris"])

    async def _create_conversation(self, user: Person) -> Chat:
        body = {"type": "personal", "participants": [{"userId": user.id}]}
        created = await self.ask("POST", f"/v2/apps/{self.app_id}/conversations", body)
        await self.delivered(SECONDS)
        return Chat(self, created["conversation"]["id"], user)

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
        self._run(self._forget())

    async def _forget(self) -> None:
        """Let the deliverer forget what it has read from the former state of the store."""
        assert self._engine.messaging is not None
        if self._conversations.exists():
            (await self._engine.messaging.plane(self._engine)).deliverer.forget()

    @property
    def _conversations(self) -> Path:
        return messaging_file(self._folder / STORE_FILE)

    def reset(self) -> None:
        """Restore the state after the start, remove all faults, and clear `requests`."""
        self.load(self._first)
        self._advanced = 0
        self.faults.clear()
        self.requests.clear()
        if self._opened_route is not None:
            self._opened_route.deliveries.clear()

    def close(self) -> None:
        """Stop the service and delete its store. In a forked process, do nothing."""
        if not self._thread.is_here:
            return
        self._stack.close()
        self._run(self._service.close())
        self._run(self._engine.close())
        shutil.rmtree(self._folder, ignore_errors=True)


def _webhook(values: dict[str, Any]) -> Webhook:
    webhook = Webhook.from_dict(values)
    assert webhook is not None
    return webhook


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
