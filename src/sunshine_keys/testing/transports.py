"""Transports of the client that call the application directly, without a socket."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from sunshine_conversations_client._operations import require_success
from sunshine_conversations_client.exceptions import ApiConnectionError, ApiTimeoutError
from sunshine_conversations_client.transport import Headers, Request, Response, Timeout
from sunshine_keys.testing.faults import ConnectionDropped
from sunshine_keys.testing.process import LoopThread

Application = Callable[
    [dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]


async def _exchange(application: Application, request: Request) -> Response:
    target = urlsplit(request.url)
    request_headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers.items()]
    request_headers.append((b"host", target.netloc.encode()))
    content = b"" if request.body is None else bytes(request.body)
    if request.body is not None:
        request_headers.append((b"content-length", str(len(content)).encode()))
    scope = {
        "type": "http", "method": request.method, "scheme": target.scheme, "headers": request_headers, "server": ("127.0.0.1", 0),
        "raw_path": (target.path or "/").encode(), "query_string": target.query.encode(),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    headers = Headers((name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"])
    body = b"" if request.method == "HEAD" else b"".join(message.get("body", b"") for message in sent[1:])
    return Response(sent[0]["status"], None, headers, body)


async def requested(application: Application, method: str, url: str, key: Any, body: Any) -> Any:
    """Return the answer to a request by `key`, as JSON. Raises ApiException for a status other than 2xx."""
    content = None if body is None else json.dumps(body).encode()
    credentials = base64.b64encode(f"{key.id}:{key.secret}".encode()).decode()
    headers = Headers([("Authorization", f"Basic {credentials}"), ("Content-Type", "application/json")])
    response = await _exchange(application, Request(method, url, headers, content))
    require_success(response)
    return json.loads(response.body)


class InProcessTransport:
    """Transport of the synchronous client. The application runs on the server's event loop, in another thread."""

    def __init__(self, application: Application, thread: LoopThread) -> None:
        self._application = application
        self._thread = thread

    def send(self, request: Request, timeout: Timeout) -> Response:
        future = self._thread.submit(_exchange(self._application, request))
        try:
            response = future.result(_limit(timeout))
        except concurrent.futures.TimeoutError as error:
            raise ApiTimeoutError("The service did not answer in time") from error
        except ConnectionDropped as error:
            raise ApiConnectionError("The connection closed without an answer") from error
        if request.stream:
            import urllib3

            response.raw = urllib3.HTTPResponse(
                io.BytesIO(response.body), dict(response.headers), response.status, preload_content=False
            )
        return response

    def close(self) -> None:
        """Do nothing: there is no connection."""


class AsyncInProcessTransport:
    """Transport of the asynchronous client, on any event loop."""

    def __init__(self, application: Application, thread: LoopThread) -> None:
        self._application = application
        self._thread = thread

    async def send(self, request: Request, timeout: Timeout) -> Response:
        future = self._thread.submit(_exchange(self._application, request))
        try:
            response = await asyncio.wait_for(asyncio.wrap_future(future), _limit(timeout))
        except TimeoutError as error:
            raise ApiTimeoutError("The service did not answer in time") from error
        except ConnectionDropped as error:
            raise ApiConnectionError("The connection closed without an answer") from error
        if request.stream:
            response.raw = _Unread(response)
        return response

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class _Unread:
    """The part of aiohttp's response that callers of `…_without_preload_content` use."""

    def __init__(self, response: Response) -> None:
        self.status, self.headers, self._body = response.status, response.headers, response.body

    async def read(self) -> bytes:
        return self._body

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _limit(timeout: Timeout) -> float | None:
    limits = [limit for limit in (timeout.read, timeout.total) if limit is not None]
    return min(limits) if limits else None
