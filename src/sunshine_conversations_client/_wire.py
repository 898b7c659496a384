"""HTTP/1.1 on a connected socket: write a request, and read its complete answer within a deadline.

urllib3 opens the connections. Its urlopen, http.client and the parser of e-mail headers took more than half of the CPU
time of a call.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from urllib3.exceptions import ProtocolError

from sunshine_conversations_client._messages import Headers, Response
from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    import socket

    from sunshine_conversations_client._messages import Request

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_END_OF_LINE = re.compile(rb"\n")
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (.*))?")
_FOLD = re.compile(r"\r?\n[ \t]+")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")
_NO_TARGET = re.compile(r"[^\x21-\x7e]")

_MOST_BYTES_OF_HEAD = 65536
_MOST_HEADERS = 100
_RECEIVED_AT_ONCE = 65536


class Deadline:
    """Limits each wait on a socket to `limit` seconds, and all of them to `moment`, a time of the monotonic clock.

    A socket's own timeout restarts with every byte, so a peer that sends a byte now and then could hold a call for ever.
    Setting it costs a system call, so it stays unchanged while it differs from the remaining time by less than a tenth.
    """

    def __init__(self, connection: socket.socket, limit: float | None, moment: float | None) -> None:
        self.moment = moment
        self._socket = connection
        self._timeout = limit
        if connection.gettimeout() != limit:
            connection.settimeout(limit)

    def limit_next_wait(self) -> None:
        """Shorten the timeout of the next wait to the remaining time. Raises TimeoutError if the time is over."""
        if self.moment is None:
            return
        remaining = self.moment - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("The time of the call is over")
        if self._timeout is None or remaining < 0.9 * self._timeout:
            self._timeout = remaining
            self._socket.settimeout(remaining)


class Stream:
    """Reads and buffers the bytes of a socket within a deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._socket = connection
        self._deadline = deadline
        self.waiting = bytearray()
        """Bytes that were received but not read yet."""

    def receive(self) -> bool:
        """Wait for more bytes. Return False at the end of the stream."""
        self._deadline.limit_next_wait()
        received = self._socket.recv(_RECEIVED_AT_ONCE)
        self.waiting += received
        return bool(received)

    def through(self, end: re.Pattern[bytes], most: int) -> bytes:
        """Read up to a match of `end`, at most `most` bytes, and drop the match. Raises ProtocolError."""
        waiting = self.waiting
        while (match := end.search(waiting)) is None and len(waiting) <= most:
            if not self.receive():
                raise ProtocolError(
                    "The connection closed within an answer" if waiting else "The connection closed without an answer"
                )
        if match is None or match.start() > most:
            raise ProtocolError("The answer has a line or a head that is too long")
        part = bytes(waiting[: match.start()])
        del waiting[: match.end()]
        return part

    def line(self) -> bytes:
        return self.through(_END_OF_LINE, _MOST_BYTES_OF_HEAD).removesuffix(b"\r")

    def take(self, size: int) -> bytes:
        while len(self.waiting) < size:
            if not self.receive():
                raise ProtocolError("The connection closed within the body of the answer")
        part = bytes(self.waiting[:size])
        del self.waiting[:size]
        return part

    def rest(self) -> bytes:
        while self.receive():
            pass
        return self.take(len(self.waiting))


def request_bytes(request: Request, host: str, target: str) -> bytes:
    """Return the bytes of a request with its body. Raises ApiArgumentError if a value would change the request."""
    if _NO_TARGET.search(target):  # for example in a redirect
        target = quote(target, safe="/?:@!$&'()*+,;=~%[]")
    headers, body = request.headers, request.body
    if "content-length" in headers or "transfer-encoding" in headers:
        raise ApiArgumentError(
            "The headers set Content-Length or Transfer-Encoding. Remove them: the client sets the length."
        )
    lines = [f"{request.method} {target} HTTP/1.1"]
    if "host" not in headers:
        lines.append(f"Host: {host}")
    if "accept-encoding" not in headers:
        lines.append("Accept-Encoding: identity")
    if body is not None or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body or b'')}")
    lines += [f"{name}: {value}" for name, value in headers.pairs()]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ApiArgumentError("The method, the URL or a header contains a line break. Remove it.")
    try:
        return head.encode("latin-1") + b"\r\n\r\n" + (body or b"")
    except UnicodeEncodeError:
        raise ApiArgumentError(
            "The method or a header contains a character outside Latin-1. Remove or encode it."
        ) from None


def read_answer(stream: Stream, method: str) -> tuple[Response, bool]:
    """Return the final answer, and True if the connection may carry another request.

    Raises ProtocolError if the bytes are not an HTTP answer or the answer is incomplete.
    """
    while True:
        version, status, reason, headers = _read_head(stream)
        if not 100 <= status < 200 or status == 101:
            break
    connection = headers.get("connection", "").lower()
    reusable = "close" not in connection if version == "1" else "keep-alive" in connection
    if method == "HEAD" or status in (101, 204, 304):
        body = b""
    elif "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise ProtocolError("The answer has a transfer encoding other than chunked")
        body = _read_chunks(stream)
    elif "content-length" in headers:
        body = stream.take(_length(headers))
    else:
        body, reusable = stream.rest(), False
    return Response(status, reason, headers, body), reusable and status != 101 and not stream.waiting


def _read_head(stream: Stream) -> tuple[str, int, str, Headers]:
    head = stream.through(_END_OF_HEAD, _MOST_BYTES_OF_HEAD).decode("latin-1")
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    first, *lines = head.split("\n")
    matched = _STATUS_LINE.fullmatch(first.rstrip())
    if matched is None or len(lines) > _MOST_HEADERS:
        raise ProtocolError("The answer has no status line" if matched is None else "The answer has too many headers")
    headers = Headers()
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip()
        if not name or not colon:
            raise ProtocolError("The answer has a header without a name")
        headers.add(name, value.strip())
    return matched[1], int(matched[2]), matched[3] or "", headers


def _length(headers: Headers) -> int:
    """Return the length of the body in bytes."""
    values = {value.strip() for value in headers["content-length"].split(",")}
    length = values.pop()
    if values or not (length.isascii() and length.isdigit() and len(length) < 16):
        raise ProtocolError("The answer has an invalid Content-Length")
    return int(length)


def _read_chunks(stream: Stream) -> bytes:
    body = bytearray()
    while True:
        matched = _CHUNK_SIZE.fullmatch(stream.line())
        if matched is None:
            raise ProtocolError("The answer has a chunk without a size")
        size = int(matched[1], 16)
        if size == 0:
            break
        body += stream.take(size)
        if stream.line():
            raise ProtocolError("The answer has a chunk that is longer than its size")
    for _ in range(_MOST_HEADERS):
        if not stream.line():  # the client ignores trailers
            return bytes(body)
    raise ProtocolError("The answer has too many headers")
