"""One request and its answer: the ASGI side of a connection.

An answer is written in one piece: most answers are small, and a head and a body that are written separately take two
system calls. Only an answer whose application announces more of its body (`more_body`) is written part by part, each after
the client has read enough of those before it. If such an answer has no content-length, the end of the connection ends it.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, MutableMapping
from types import coroutine
from typing import Any, Protocol, TypeAlias

from sunshine_keys.wire.answers import log_failure

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer: TypeAlias = Callable[[int, bytes, bytes], Awaitable[None]]
"""Sends a whole answer: its status, its header lines, and its body."""
Respond: TypeAlias = Callable[[Scope, Receive, Send, Answer], Awaitable[None]]
"""An ASGI application that may send its answer whole instead of in messages."""

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus}
_WITHOUT_LENGTH = (204, 304)
CLOSE_LINE = b"connection: close\r\n"

logger = logging.getLogger("sunshine_keys.http")


class Connection(Protocol):
    """What an exchange uses of a connection."""

    is_full: bool
    """True while the client has not read enough of what was sent."""

    def write(self, data: bytes) -> None: ...

    def date(self) -> bytes: ...

    def read_on(self) -> None:
        """Resume reading the request if reading is paused."""
        ...

    async def drain(self) -> None:
        """Wait until the client has read enough of what was sent, or has closed the connection."""
        ...

    def end(self, exchange: Exchange) -> None:
        """Handle the end of an exchange, answered or abandoned."""
        ...


class Exchange:
    """An exchange. `keep_alive` is true if another one may follow, `is_coming` while the request's body is incomplete."""

    __slots__ = (
        "_body",
        "_connection",
        "_has_begun",
        "_has_received_end",
        "_head",
        "_is_reading",
        "_missing",
        "_waiter",
        "is_answered",
        "is_coming",
        "is_gone",
        "keep_alive",
        "scope",
    )  # fmt: skip

    def __init__(self, connection: Connection, scope: Scope, keep_alive: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.is_coming = True
        self.is_answered = self.is_gone = False
        self._connection = connection
        self._body = b""
        self._is_reading = self._has_received_end = self._has_begun = False
        self._head: Message | None = None
        self._missing: int | None = None
        self._waiter: asyncio.Future[None] | None = None

    def add(self, body: bytes) -> int:
        """Add a part of the body, and return the number of bytes that the application has not received yet."""
        self._body += body
        self._wake()
        return len(self._body)

    def complete(self) -> None:
        """Mark the request as complete."""
        self.is_coming = False
        if self._waiter is not None:
            self._wake()

    def leave(self) -> None:
        """Mark the exchange as abandoned: the client closed the connection, or sent a malformed request."""
        self.is_gone = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self, respond: Respond) -> None:
        try:
            await respond(self.scope, self.receive, self.send, self.answer)
        except Exception as error:
            log_failure(logger, "an answer", error)
        finally:
            if not self.is_answered:
                self._connection.end(self)

    async def receive(self) -> Message:
        if not self._is_reading:
            self._is_reading = True
            if not self.is_gone and self._expects_continue():
                self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._body or self.is_gone or self.is_answered or not (self.is_coming or self._has_received_end)):
            self._connection.read_on()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.is_gone or self.is_answered:
            return {"type": "http.disconnect"}
        body, self._body = self._body, b""
        self._has_received_end = not self.is_coming
        return {"type": "http.request", "body": body, "more_body": self.is_coming}

    def _expects_continue(self) -> bool:
        """Return True if the client sends its body only after a 100 Continue, which HTTP/1.0 does not have."""
        return self.scope["http_version"] != "1.0" and any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in self.scope["headers"]
        )

    async def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer. `lines` are those of `header_lines`, with the content-length; the last may close the connection."""
        connection = self._connection
        if connection.is_full:
            await connection.drain()
        if self.is_gone:
            return
        close = b""
        if lines.endswith(CLOSE_LINE):
            self.keep_alive = False
        elif not self.keep_alive:
            close = CLOSE_LINE
        shown = b"" if self.scope["method"] == "HEAD" else body
        connection.write(b"".join((_STATUS_LINES[status], connection.date(), lines, close, b"\r\n", shown)))
        self.is_answered = True
        connection.end(self)

    async def send(self, message: Message) -> None:
        """Send the next ASGI message. Raises ConnectionResetError if the client has gone before the last part of the body."""
        if self._head is None:
            self._head = message
            return
        body, is_last = message.get("body", b""), not message.get("more_body")
        await self._connection.drain()
        if self.is_gone:
            if not is_last:
                raise ConnectionResetError
            return
        if not self._has_begun:
            self._has_begun = True
            self._connection.write(self._begun(self._head, body, is_whole=is_last))
        else:
            if self._missing is not None:
                self._missing -= len(body)
            self._connection.write(body)
        if not is_last:
            return
        if self._missing:
            raise RuntimeError("the answer's content-length is not its body's")
        self.is_answered = True
        self._connection.end(self)

    def _begun(self, start: Message, body: bytes, *, is_whole: bool) -> bytes:
        """Return the bytes of an answer whose body begins with `body`, or is `body` if `is_whole`.

        Raises RuntimeError for a wrong content-length, and for a line break in a header.
        """
        status: int = start["status"]
        lines: list[bytes] = []
        closes, length = False, None
        for name, value in start["headers"]:
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                closes, self.keep_alive = True, False  # the only value that this service sends
        is_head = self.scope["method"] == "HEAD"
        if not is_whole:
            if length is None:
                self.keep_alive = False
            else:
                self._missing = length - len(body)
        elif length is None:
            if status not in _WITHOUT_LENGTH:
                lines.append(b"content-length: %d\r\n" % len(body))
        elif length != len(body) and (body or not is_head):
            raise RuntimeError("the answer's content-length is not its body's")
        if not self.keep_alive and not closes:
            lines.append(CLOSE_LINE)
        head = _joined(lines)
        shown = b"" if is_head else body
        return b"".join((_STATUS_LINES[status], self._connection.date(), head, b"\r\n", shown))


def responding(application: Asgi) -> Respond:
    """Return the responder that sends the messages of an ASGI application."""

    async def respond(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
        await application(scope, receive, send)

    return respond


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as the lines of an answer. Raises RuntimeError for a line break in a header."""
    return _joined([b"%b: %b\r\n" % header for header in headers])


def _joined(lines: list[bytes]) -> bytes:
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise RuntimeError("a header of the answer has a line break")
    return head


def step(waiting: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None] | None:
    """Drive the coroutine until it first suspends. Return the rest of it, for a task to run, or None if it finished.

    A task takes 3 of the 40 µs of a request. Until the coroutine first suspends, it runs outside any task, so it must not
    use functions that need the current task, such as `asyncio.timeout`.
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
    """Continue a coroutine that is suspended at `awaited`."""
    while True:
        result, error = None, None
        try:
            result = yield awaited
        except BaseException as raised:
            error = raised
        try:
            awaited = begun.send(result) if error is None else begun.throw(error)
        except StopIteration:
            return
