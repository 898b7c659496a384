"""Verify keys in a Python service of your own: a function, and middleware for WSGI and ASGI.

    verifier = Verifier("http://127.0.0.1:8080", scope="integration")
    caller = verifier.verify(request.headers.get("Authorization"))

Each call asks `/auth` of the service that issued the key, so a key is refused from the moment its deletion is confirmed. Nothing
is remembered. The module needs urllib3 only, which the client needs, too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import urllib3

__all__ = ["CALLER", "AsgiVerification", "Caller", "Refused", "Verifier", "WsgiVerification"]

CALLER = "sunshine_keys.caller"
"""The key under which the middleware stores the caller: in the WSGI environ, and in the ASGI scope."""

_PASSED_ON = ("content-type", "www-authenticate", "retry-after")
_UNAVAILABLE = b'{"errors":[{"code":"service_unavailable","title":"Keys cannot be verified at the moment"}]}'
_POLICY_VIOLATION = 1008
_UNSENDABLE = re.compile("[^ -~]")
"""Characters that no header with a key has, and that no header can hold."""


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
        scopes = [scope] if isinstance(scope, str) else list(scope or [])
        constraints = {"scope": ",".join(scopes), "app": app_id or "", "integration": integration_id or ""}
        query = urlencode({name: value for name, value in constraints.items() if value})
        self._url = f"{url.rstrip('/')}/auth{f'?{query}' if query else ''}"
        self._pool = urllib3.PoolManager(timeout=timeout, retries=urllib3.Retry(2, redirect=0, status=0))

    def verify(self, authorization: str | None, *, address: str | None = None) -> Caller:
        """Return the caller whose Authorization header this is; None if there is no such header.

        `address` is the caller's. The service counts failures by it if it trusts this program
        (`serve --forwarded-allow-ips`).

        Raises Refused, and ValueError if the service rejects the constraints: then nobody can be let in.
        """
        headers = {"Authorization": _UNSENDABLE.sub("?", authorization)} if authorization else {}
        if address:
            headers["X-Forwarded-For"] = _UNSENDABLE.sub("?", address)
        try:
            answer = self._pool.request("GET", self._url, headers=headers)
        except urllib3.exceptions.HTTPError:
            raise Refused(503, {"content-type": "application/json", "retry-after": "1"}, _UNAVAILABLE) from None
        if answer.status == HTTPStatus.OK:
            values = answer.headers
            return Caller(
                values["x-sunshine-key-id"],
                values["x-sunshine-scope"],
                values["x-sunshine-app-id"] or None,
                values["x-sunshine-integration-id"] or None,
            )
        if answer.status in (401, 403, 429, 503):
            passed_on = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
            raise Refused(answer.status, passed_on, answer.data)
        raise ValueError(f"{self._url} answered {answer.status}: {answer.data[:500].decode(errors='replace')}")


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


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class AsgiVerification:
    """ASGI middleware: passes on requests and WebSockets with a live key, with a Caller under CALLER in their scope.

    It answers the others itself, and closes WebSockets with 1008. A thread waits for the service.
    """

    def __init__(self, application: Callable[[Scope, Receive, Send], Awaitable[None]], verifier: Verifier) -> None:
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
            caller = await asyncio.to_thread(self._verifier.verify, ", ".join(named) or None, address=address)
        except Refused as refused:
            await _refuse(scope, refused, send)
            return
        await self._application({**scope, CALLER: caller}, receive, send)


async def _refuse(scope: Scope, refused: Refused, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    headers = [(name.encode(), value.encode("latin-1")) for name, value in refused.headers.items()]
    headers.append((b"content-length", str(len(refused.body)).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else refused.body})
