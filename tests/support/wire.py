"""Requests to a service on a real socket, their answers, and a test's own app in the service."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sunshine_keys import compose
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import NO_LIMITS


@dataclass(frozen=True)
class Key:
    id: str
    secret: str = field(repr=False)

    @classmethod
    def of(cls, view: dict[str, str]) -> Key:
        return cls(view["id"], view["secret"])

    @property
    def scope(self) -> Scope:
        return next(scope for scope, prefix in ID_PREFIX.items() if self.id.startswith(prefix))

    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()

    def bearer(self) -> str:
        return "Bearer " + tokens.mint(self.id, self.secret, self.scope)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The code and title of each error. Raise AssertionError if the envelope has another shape."""
        assert list(self.json) == ["errors"], self.json
        assert all(list(error) == ["code", "title"] for error in self.json["errors"]), self.json
        return [(error["code"], error["title"]) for error in self.json["errors"]]


class Wire:
    """Sends requests unchanged, each on a new connection."""

    def __init__(self, url: str, authority: Path | None = None) -> None:
        """`authority` is the certificate that signs the one of an https URL."""
        self.url = url
        self._address = urlsplit(url).netloc
        self._authority = authority

    def send(
        self,
        method: str,
        path: str,
        auth: Key | str | None = None,
        *,
        body: Any = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request. `body` is sent as JSON; `content` is sent unchanged, with the content type from `headers`."""
        named = dict(headers or {})
        if isinstance(auth, Key):
            auth = auth.basic()
        if auth is not None:
            named["Authorization"] = auth
        if body is not None:
            content = json.dumps(body).encode()
            named.setdefault("Content-Type", "application/json")
        connection = self._connection()
        try:
            connection.request(method, path, content, named)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        except BaseException:
            connection.close()
            raise
        finally:
            self._release(connection)

    def _connection(self) -> http.client.HTTPConnection:
        if self._authority:
            context = ssl.create_default_context(cafile=self._authority)
            return http.client.HTTPSConnection(self._address, timeout=30, context=context)
        return http.client.HTTPConnection(self._address, timeout=30)

    def _release(self, connection: http.client.HTTPConnection) -> None:
        connection.close()

    def get(self, path: str, auth: Key | str | None = None, **options: Any) -> Answer:
        return self.send("GET", path, auth, **options)

    def post(self, path: str, auth: Key | str | None = None, body: Any = None, **options: Any) -> Answer:
        return self.send("POST", path, auth, body=body, **options)

    def patch(self, path: str, auth: Key | str | None = None, body: Any = None, **options: Any) -> Answer:
        return self.send("PATCH", path, auth, body=body, **options)

    def delete(self, path: str, auth: Key | str | None = None, **options: Any) -> Answer:
        return self.send("DELETE", path, auth, **options)


class LastingWire(Wire):
    """Sends requests on one connection, from one thread: half of the CPU time of a request is that of its connection."""

    _IDLE_SECONDS = 2.0
    """A server may close a connection that has been idle for longer."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._lasting = super()._connection()
        self._used = 0.0

    def _connection(self) -> http.client.HTTPConnection:
        if time.monotonic() - self._used > self._IDLE_SECONDS:
            self._lasting.close()  # the next request opens it
        return self._lasting

    def _release(self, connection: http.client.HTTPConnection) -> None:
        self._used = time.monotonic()

    def close(self) -> None:
        self._lasting.close()


@dataclass(frozen=True)
class Place:
    """The location of a test's own store, which processes serve."""

    data: Path
    database: str | None

    @property
    def options(self) -> list[str]:
        return ["--data", str(self.data)] + ([] if self.database is None else ["--database", self.database])

    @property
    def settings(self) -> Settings:
        return Settings.of(str(self.data), self.database, NO_LIMITS)


@dataclass(frozen=True)
class Service:
    url: str
    data: Path
    account: Key
    place: Place


WEBHOOK = {"target": "http://127.0.0.1:9/callback", "triggers": ["conversation:message"]}


def first_run(place: Path | Place, *, sample: bool = False) -> dict[str, Any]:
    """Initialise a store and return its first objects. `place` is a folder for SQLite."""
    views = compose.create_first_objects(place.settings if isinstance(place, Place) else Settings(place), sample=sample)
    assert views is not None
    return views


@dataclass(frozen=True)
class Tenant:
    """A test's own app with a key, a custom integration with a key, and an integration of type web."""

    account: Key
    app_id: str
    app_key: Key
    integration_id: str
    key: Key
    web_id: str

    @property
    def app(self) -> str:
        return f"/v2/apps/{self.app_id}"

    @property
    def integration(self) -> str:
        return f"{self.app}/integrations/{self.integration_id}"

    @property
    def keys(self) -> str:
        return f"{self.integration}/keys"

    @property
    def users(self) -> str:
        return f"{self.app}/users"

    @property
    def conversations(self) -> str:
        return f"{self.app}/conversations"

    @property
    def webhooks(self) -> str:
        return f"{self.integration}/webhooks"


def make_tenant(wire: Wire, account: Key) -> Tenant:
    app_id = wire.post("/v2/apps", account, {"displayName": "An app"}).json["app"]["id"]
    app_key = Key.of(wire.post(f"/v2/apps/{app_id}/keys", account, {"displayName": "An app key"}).json["key"])
    integrations = f"/v2/apps/{app_id}/integrations"
    custom = wire.post(integrations, app_key, {"type": "custom", "displayName": "Mine", "webhooks": [WEBHOOK]})
    integration_id = custom.json["integration"]["id"]
    key = Key.of(wire.post(f"{integrations}/{integration_id}/keys", app_key, {"displayName": "A key"}).json["key"])
    web_id = wire.post(integrations, app_key, {"type": "web"}).json["integration"]["id"]
    return Tenant(account, app_id, app_key, integration_id, key, web_id)
