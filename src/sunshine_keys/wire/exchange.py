"""One request and its answer, as an ASGI application receives and sends them over a connection.

An answer goes out whole, in one piece: nothing here is large, and a head and a body that are sent by themselves take two
calls of the kernel.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from types import coroutine
from typing import Any, Protocol, TypeAlias

from sunshine_keys.wire.answers import log_failure

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]

_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in http.HTTPStatus}
_WITHOUT_LENGTH = (204, 304)

logger = logging.getLogger("sunshine_keys.http")


class Connection(Protocol):
    """What an exchange needs of the connection that it is on."""

    def write(self, data: bytes) -> None: ...

    def date(self) -> bytes: ...

    def read_on(self) -> None:
        """Read what is still to come of the request, if reading has been put off."""
        ...

    async def drain(self) -> None:
        """Wait until the client has read enough of what was sent, or is gone."""
        ...

    def end(self, exchange: Exchange) -> None:
        """It has been answered; or, where it has not, it will never be."""
        ...


class Exchange:
    """`keep_alive` is whether another may follow; `is_coming` whether there is more of the request's body to come."""

    __slots__ = (
        "_body", "_connection", "_head", "_is_asked_for", "_is_end_told", "_parts", "_waiter", "is_answered", "is_coming", "is_gone",
        "keep_alive", "scope",
    )  # fmt: skip

    def __init__(self, connection: Connection, scope: Scope, keep_alive: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.is_coming = True
        self.is_answered = self.is_gone = False
        self._connection = connection
        self._body = b""
        self._is_asked_for = self._is_end_told = False
        self._head: Message | None = None
        self._parts = b""
        self._waiter: asyncio.Future[None] | None = None

    def add(self, body: bytes) -> int:
        """More of the body has come; how much waits to be received."""
        self._body += body
        self._wake()
        return len(self._body)

    def complete(self) -> None:
        """All of the request has come."""
        self.is_coming = False
        self._wake()

    def leave(self) -> None:
        """The client is gone, or what it sent was no request."""
        self.is_gone = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self, application: Application) -> None:
        try:
            await application(self.scope, self.receive, self.send)
        except Exception as error:
            log_failure(logger, "an answer", error)
        finally:
            if not self.is_answered:
                self._connection.end(self)

    async def receive(self) -> Message:
        if not self._is_asked_for:
            self._is_asked_for = True
            if not self.is_gone and self._is_waited_with():
                self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._body or self.is_gone or self.is_answered or not (self.is_coming or self._is_end_told)):
            self._connection.read_on()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.is_gone or self.is_answered:
            return {"type": "http.disconnect"}
        body, self._body = self._body, b""
        self._is_end_told = not self.is_coming
        return {"type": "http.request", "body": body, "more_body": self.is_coming}

    def _is_waited_with(self) -> bool:
        """Whether the client waits to be told that its body is wanted; HTTP/1.0 has no such thing."""
        return self.scope["http_version"] != "1.0" and any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in self.scope["headers"]
        )

    async def send(self, message: Message) -> None:
        if self._head is None:
            self._head = message
            return
        self._parts += message.get("body", b"")
        if message.get("more_body"):
            return
        await self._connection.drain()
        if self.is_gone:
            return
        self._connection.write(self._whole(self._head, self._parts))
        self.is_answered = True
        self._connection.end(self)

    def _whole(self, start: Message, body: bytes) -> bytes:
        """Raises RuntimeError where its headers would not be what they say."""
        status: int = start["status"]
        lines: list[bytes] = []
        says_close, length = False, None
        for name, value in start["headers"]:
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                says_close, self.keep_alive = True, False  # nothing else is ever said with it
        if length is None:
            if status not in _WITHOUT_LENGTH:
                lines.append(b"content-length: %d\r\n" % len(body))
        elif length != len(body):
            raise RuntimeError("the answer's content-length is not its body's")
        if not self.keep_alive and not says_close:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header of the answer has a line break")
        shown = b"" if self.scope["method"] == "HEAD" else body
        return b"".join((_STATUS_LINES[status], self._connection.date(), head, b"\r\n", shown))


def step(waiting: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None] | None:
    """Run it here and now, as far as it goes without waiting; what is left of it is for a task.

    A task for each request takes 3 µs of its 40. Until it waits for the first time the coroutine is not in a task, so it
    must not ask which one it is in, as `asyncio.timeout` does.
    """
    try:
        awaited = waiting.send(None)
    except StopIteration:
        return None
    return _in_task(waiting, awaited)


async def _in_task(begun: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _rest(begun, awaited)


@coroutine
def _rest(begun: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that has come to `awaited`."""
    while True:
        result, error = None, None
        try:
            result = yield awaited
        except BaseException as thrown:
            error = thrown
        try:
            awaited = begun.send(result) if error is None else begun.throw(error)
        except StopIteration:
            return
