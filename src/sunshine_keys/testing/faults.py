"""Faults on demand around the application, and the records of requests and of deliveries to webhooks."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any, Literal

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.wire.application import Application

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


class ConnectionDropped(Exception):
    """An in-process request ended without an answer, as if its connection had closed."""


class RecordedRequest(msgspec.Struct, frozen=True):
    """Hold a received request and the status of its answer, which is 0 if the connection closed without one."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    def __repr__(self) -> str:
        """Return method, path and status. Headers hold credentials, and bodies may hold secrets."""
        return f"RecordedRequest({self.method} {self.path}, status={self.status})"

    @property
    def json(self) -> Any:
        """The body as JSON. Raises ValueError if it is not JSON."""
        return json.loads(self.body)


class RecordedDelivery(msgspec.Struct, frozen=True):
    """Hold one call of a webhook: its body, and the status of the answer.

    `status` is 0 if there was no answer; `error` then says why. `exception` is what the application raised.
    """

    body: bytes
    status: int
    error: str = ""
    exception: BaseException | None = None

    def __repr__(self) -> str:
        types = ", ".join(event["type"] for event in self.events)
        return f"RecordedDelivery({types}, status={self.status})"

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in the body."""
        return list(self.json["events"])


class _Fault(msgspec.Struct, frozen=True):
    status: int | None
    retry_after: float | None
    drop: Literal["before", "after"] | None
    delay: float
    body: bytes | None
    revoke: str | None


class Faults:
    """Make requests fail. Each fault applies to one request, in the order of the calls; `clock_skew` stays until you reset it."""

    def __init__(self) -> None:
        self._waiting: deque[_Fault] = deque()
        self.clock_skew = 0.0
        """Seconds by which the service's clock is ahead, for tokens and for the Date of its answers."""

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
        """Make the next request fail, or the next `times` requests.

        status: answer with this status and do nothing else. `retry_after` sets the header, in seconds.
        drop: close the connection without an answer, "before" or "after" the service carries out the request.
        delay: wait this many seconds first.
        body: answer with this body, for example b'{"key": ', which is not JSON.
        revoke: delete the key with this id after the request is authenticated and before it is carried out.
        Raises ValueError if an argument is invalid.
        """
        if status is not None and not 200 <= status <= 599:
            raise ValueError(f"status should be 200 to 599, not {status}")
        if retry_after is not None and status is None:
            raise ValueError("retry_after needs a status, for example 429")
        if drop not in (None, "before", "after"):
            raise ValueError(f"drop should be 'before' or 'after', not {drop!r}")
        if body is not None and not isinstance(body, bytes):
            raise ValueError(f"body should be bytes, not {type(body).__name__}")
        if delay < 0 or times < 1:
            raise ValueError("delay should be 0 or more seconds, and times 1 or more")
        self._waiting.extend([_Fault(status, retry_after, drop, delay, body, revoke)] * times)

    def clear(self) -> None:
        """Remove all waiting faults and set `clock_skew` to 0."""
        self._waiting.clear()
        self.clock_skew = 0.0

    def now(self) -> float:
        """Return the time of the service's clock, in seconds since 1970."""
        return time.time() + self.clock_skew

    def _take(self) -> _Fault | None:
        return self._waiting.popleft() if self._waiting else None


class FaultyApplication:
    """Wraps the application in faults. It is an ASGI callable, too."""

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

        async def receive_and_record() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        messages = await self._answer(scope, receive_and_record, self._faults._take())
        # Record before sending, so that the record exists when the caller has the answer.
        self._requests.append(_recorded(scope, bytes(body), messages[0]["status"] if messages else 0))
        if not messages:
            self._drop(scope)
            return
        date = formatdate(self._faults.now(), usegmt=True).encode()
        messages[0]["headers"] = [*messages[0]["headers"], (b"date", date)]
        for message in messages:
            await send(message)

    async def _answer(self, scope: dict[str, Any], receive: Receive, fault: _Fault | None) -> list[Any]:
        """Return the ASGI messages of an answer; an empty list if the connection should close instead."""
        if fault is None:
            return await self._real(scope, receive)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop == "before":
            return []
        if fault.status is not None:
            return _fault_answer(fault)
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

        async def collect(message: MutableMapping[str, Any]) -> None:
            messages.append(dict(message))

        await self._application(scope, receive, collect)
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


def _fault_answer(fault: _Fault) -> list[Any]:
    content = fault.body
    if content is None:
        content = json.dumps(
            {"errors": [{"code": "fault", "title": f"The test requested this fault: {fault.status}"}]}
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
