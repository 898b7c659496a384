"""Faults on demand, put around the application; and a record of what was asked of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any, Literal

import msgspec

from sunshine_keys.access.authentication import Actor
from sunshine_keys.wire.application import Application

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


class ConnectionDropped(Exception):
    """Stands for a connection that closed without an answer, where there is no real one to close."""


class RecordedRequest(msgspec.Struct, frozen=True):
    """A request as it came, and the status that was answered (0: none was)."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    def __repr__(self) -> str:
        """Without its headers, which hold credentials, and its body."""
        return f"RecordedRequest({self.method} {self.path}, status={self.status})"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Fault(msgspec.Struct, frozen=True):
    status: int | None
    retry_after: float | None
    drop: Literal["before", "after"] | None
    delay: float
    body: bytes | None
    revoke: str | None


class Faults:
    """What is to go wrong. Each fault is for one request, in the order they were asked for; a skew stays."""

    def __init__(self) -> None:
        self._waiting: deque[_Fault] = deque()
        self.clock_skew = 0.0
        """Seconds by which the service's clock is ahead: for tokens, and for the Date it answers with."""

    def next(
        self,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        drop: Literal["before", "after"] | None = None,
        delay: float = 0.0,
        body: bytes | None = None,
        revoke: str | None = None,
        times: int = 1,
    ) -> None:
        """Have the next request, or the next `times`, go wrong.

        status: answered instead of doing anything, with `retry_after` seconds in a header.
        drop: the connection closes without an answer, "before" anything is done or "after" it is done and on disk.
        delay: seconds to wait first.
        body: sent instead of the answer's own, for instance b'{"key": ' that is no JSON.
        revoke: the id of a key to delete once the request is authenticated, before it is carried out.
        Raises ValueError for a fault that cannot be.
        """
        if status is not None and not 200 <= status <= 599:
            raise ValueError(f"status should be 200 to 599, not {status}")
        if retry_after is not None and status is None:
            raise ValueError("retry_after goes with a status, such as 429")
        if drop not in (None, "before", "after"):
            raise ValueError(f"drop should be 'before' or 'after', not {drop!r}")
        if body is not None and not isinstance(body, bytes):
            raise ValueError(f"body should be bytes, not {type(body).__name__}")
        if delay < 0 or times < 1:
            raise ValueError("delay should be 0 or more seconds, and times 1 or more")
        self._waiting.extend([_Fault(status, retry_after, drop, delay, body, revoke)] * times)

    def clear(self) -> None:
        """Nothing is to go wrong any more."""
        self._waiting.clear()
        self.clock_skew = 0.0

    def now(self) -> float:
        return time.time() + self.clock_skew

    def _take(self) -> _Fault | None:
        return self._waiting.popleft() if self._waiting else None


class FaultyApplication:
    """The application with its faults; an ASGI callable as the application is."""

    def __init__(
        self,
        application: Application,
        faults: Faults,
        requests: list[RecordedRequest],
        revoke: Callable[[str], Awaitable[None]],
    ) -> None:
        self._application = application
        self._faults = faults
        self._requests = requests
        self._revoke = revoke

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = bytearray()

        async def recording() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        messages = await self._answer(scope, recording, self._faults._take())
        # Before it is sent: whoever has the answer finds the request recorded.
        self._requests.append(_recorded(scope, bytes(body), messages[0]["status"] if messages else 0))
        if not messages:
            self._drop(scope)
            return
        date = formatdate(self._faults.now(), usegmt=True).encode()
        messages[0]["headers"] = [*messages[0]["headers"], (b"date", date)]
        for message in messages:
            await send(message)

    async def _answer(self, scope: dict[str, Any], receive: Receive, fault: _Fault | None) -> list[Any]:
        """The messages of an answer, or none where the connection is to close instead."""
        if fault is None:
            return await self._real(scope, receive)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop == "before":
            return []
        if fault.status is not None:
            return _made_up(fault)
        if fault.revoke is not None:
            messages = await self._revoking(scope, receive, fault.revoke)
        else:
            messages = await self._real(scope, receive)
        if fault.drop == "after":
            return []
        if fault.body is not None:
            return _with_body(messages, fault.body)
        return messages

    async def _real(self, scope: dict[str, Any], receive: Receive) -> list[Any]:
        messages: list[Any] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            messages.append(dict(message))

        await self._application(scope, receive, keep)
        return messages

    async def _revoking(self, scope: dict[str, Any], receive: Receive, key_id: str) -> list[Any]:
        async def revoke(actor: Actor) -> None:
            await self._revoke(key_id)

        self._application.authenticated = revoke
        try:
            return await self._real(scope, receive)
        finally:
            self._application.authenticated = None

    def _drop(self, scope: dict[str, Any]) -> None:
        abort = scope.get("sunshine_keys.abort")
        if abort is None:
            raise ConnectionDropped
        abort()


def _recorded(scope: dict[str, Any], body: bytes, status: int) -> RecordedRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    target = scope["raw_path"].decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    return RecordedRequest(scope["method"], target, headers, body, status)


def _made_up(fault: _Fault) -> list[Any]:
    content = fault.body
    if content is None:
        content = json.dumps(
            {"errors": [{"code": "fault", "title": f"A fault was asked for: {fault.status}"}]}
        ).encode()
    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"fault")]
    if fault.retry_after is not None:
        headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
    return _with_body([{"type": "http.response.start", "status": fault.status, "headers": headers}], content)


def _with_body(messages: list[Any], content: bytes) -> list[Any]:
    start = messages[0]
    headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    headers.append((b"content-length", str(len(content)).encode()))
    return [start | {"headers": headers}, {"type": "http.response.body", "body": content}]
