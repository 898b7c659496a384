"""Verify keys in a Python service of your own: functions, and middleware for WSGI and ASGI.

    verifier = Verifier("http://127.0.0.1:8080", scope="integration")
    caller = verifier.verify(request.headers.get("Authorization"))

Each call asks `/auth` of the service that issued the key, so a key is refused from the moment its deletion is confirmed. Nothing
is remembered. If the service runs in the same process (`sunshine_keys.embedded`), `InProcessVerifier` asks it without HTTP.
The module needs urllib3 only, which the client needs, too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

__all__ = ["CALLER", "AsgiVerification", "Caller", "InProcessVerifier", "Refused", "Verifier", "WsgiVerification"]

CALLER = "sunshine_keys.caller"
"""The key under which the middleware stores the caller: in the WSGI environ, and in the ASGI scope."""

_PASSED_ON = ("content-type", "www-authenticate", "retry-after")
_UNAVAILABLE = b'{"errors":[{"code":"service_unavailable","title":"Keys cannot be verified at the moment"}]}'
_POLICY_VIOLATION = 1008
_UNSENDABLE = re.compile("[^ -~]")
"""Characters that no header with a key has, and that no header can hold."""


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Caller:
    """Whose key a request has. `scope` is `account`, `app` or `integration`; ids that do not apply are None."""

    key_id: str
    scope: str
    app_id: str | None
    integration_id: str | None


class Refused(Exception):
    """The caller is not let in. `status`, `headers` and `body` are what to answer.

    The status is 401 without a live key, 403 if the key does not meet the constraints, 429 if a limit is reached, and 503 if
    the service cannot be reached or its store cannot answer.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"{status} {HTTPStatus(status).phrase}")
        self.status = status
        self.headers = dict(headers)
        self.body = body


class Verifier:
    """Asks a service whose keys requests have. It may be used by several threads."""

    def __init__(
        self,
        url: str,
        *,
        scope: str | Iterable[str] | None = None,
        app_id: str | None = None,
        integration_id: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """`url` is the service's own, without a path of the API. A key needs one of the scopes, and access to the app and to
        the integration, if they are named; an integration needs its app. `timeout` is in seconds.
        """
        import urllib3  # Only this class needs it. A service that starts imports this module, and should not load it.

        query = _query(scope, app_id, integration_id)
        self._url = f"{url.rstrip('/')}/auth{f'?{query}' if query else ''}"
        self._pool = urllib3.PoolManager(
            timeout=timeout, retries=urllib3.Retry(2, redirect=0, status=0, respect_retry_after_header=False)
        )

    def verify(self, authorization: str | None, *, address: str | None = None) -> Caller:
        """Return the caller whose Authorization header this is; None if there is no such header.

        `address` is the caller's. The service counts failures by it if it trusts this program
        (`serve --forwarded-allow-ips`).

        Raises Refused, and ValueError if the service rejects the constraints: then nobody can be let in.
        """
        import urllib3

        headers = {"Authorization": _UNSENDABLE.sub("?", authorization)} if authorization else {}
        if address:
            headers["X-Forwarded-For"] = _UNSENDABLE.sub("?", address)
        try:
            answer = self._pool.request("GET", self._url, headers=headers)
        except urllib3.exceptions.HTTPError:
            raise Refused(503, {"content-type": "application/json", "retry-after": "1"}, _UNAVAILABLE) from None
        return _caller(self._url, answer.status, answer.headers, answer.data)


class InProcessVerifier:
    """Asks a service in this process whose keys requests have, without HTTP: it calls the service's ASGI application.

    It is one request of `/auth` to that application. So its limits, the audit trail and the uses of keys are those of every
    other request, and a key is refused from the moment its deletion is confirmed. Use it on the application's event loop.
    """

    def __init__(
        self,
        service: Callable[[dict[str, Any], Receive, Send], Awaitable[None]],
        *,
        scope: str | Iterable[str] | None = None,
        app_id: str | None = None,
        integration_id: str | None = None,
    ) -> None:
        """`service` is a `sunshine_keys.embedded.EmbeddedService`. The constraints are those of `Verifier`."""
        self._service = service
        self._query = _query(scope, app_id, integration_id).encode()

    async def verify(self, authorization: str | None, *, address: str | None = None) -> Caller:
        """Return the caller whose Authorization header this is; None if there is no such header.

        `address` is the caller's. The service counts requests and failures by it.

        Raises Refused, and ValueError if the service rejects the constraints: then nobody can be let in.
        """
        header = _UNSENDABLE.sub("?", authorization or "").encode()
        status, headers, parts = 0, dict[str, str](), list[bytes]()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.update((name.decode(), value.decode("latin-1")) for name, value in message["headers"])
            else:
                parts.append(message.get("body", b""))

        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/auth", "raw_path": b"/auth",
            "query_string": self._query, "headers": [(b"authorization", header)] if authorization else [],
            "client": (address, 0) if address else None, "server": ("localhost", None),
        }  # fmt: skip
        await self._service(scope, receive, send)
        return _caller("the service in this process", status, headers, b"".join(parts))


def _query(scope: str | Iterable[str] | None, app_id: str | None, integration_id: str | None) -> str:
    """Return the constraints as the query of `/auth`."""
    scopes = [scope] if isinstance(scope, str) else list(scope or [])
    constraints = {"scope": ",".join(scopes), "app": app_id or "", "integration": integration_id or ""}
    return urlencode({name: value for name, value in constraints.items() if value})


def _caller(service: str, status: int, headers: Mapping[str, str], body: bytes) -> Caller:
    """Return the caller in an answer of `/auth`. Raises Refused, and ValueError if it is another answer."""
    if status == HTTPStatus.OK:
        return Caller(
            headers["x-sunshine-key-id"],
            headers["x-sunshine-scope"],
            headers["x-sunshine-app-id"] or None,
            headers["x-sunshine-integration-id"] or None,
        )
    if status in (401, 403, 429, 503):
        raise Refused(status, {name: headers[name] for name in _PASSED_ON if name in headers}, body)
    raise ValueError(f"{service} answered {status}: {body[:500].decode(errors='replace')}")


class WsgiVerification:
    """WSGI middleware: passes on requests with a live key, with a Caller under CALLER, and answers the others itself."""

    def __init__(self, application: Callable[..., Iterable[bytes]], verifier: Verifier) -> None:
        self._application = application
        self._verifier = verifier

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            caller = self._verifier.verify(environ.get("HTTP_AUTHORIZATION"), address=environ.get("REMOTE_ADDR"))
        except Refused as refused:
            headers = [*refused.headers.items(), ("content-length", str(len(refused.body)))]
            start_response(f"{refused.status} {HTTPStatus(refused.status).phrase}", headers)
            return [] if environ.get("REQUEST_METHOD") == "HEAD" else [refused.body]
        return self._application({**environ, CALLER: caller}, start_response)


class AsgiVerification:
    """ASGI middleware: passes on requests and WebSockets with a live key, with a Caller under CALLER in their scope.

    It answers the others itself, and closes WebSockets with 1008. With a `Verifier`, a thread waits for the service.
    """

    def __init__(
        self, application: Callable[[Scope, Receive, Send], Awaitable[None]], verifier: Verifier | InProcessVerifier
    ) -> None:
        self._application = application
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        address = scope["client"][0] if scope.get("client") else None
        try:
            # Several headers are refused: joined, they are none that the service accepts.
            caller = await self._verify(", ".join(named) or None, address)
        except Refused as refused:
            await _refuse(scope, refused, send)
            return
        await self._application({**scope, CALLER: caller}, receive, send)

    async def _verify(self, authorization: str | None, address: str | None) -> Caller:
        if isinstance(self._verifier, InProcessVerifier):
            return await self._verifier.verify(authorization, address=address)
        return await asyncio.to_thread(self._verifier.verify, authorization, address=address)


async def _refuse(scope: Scope, refused: Refused, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    headers = [(name.encode(), value.encode("latin-1")) for name, value in refused.headers.items()]
    headers.append((b"content-length", str(len(refused.body)).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else refused.body})
