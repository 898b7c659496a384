"""Connections of urllib3 whose every wait ends with the time of the call.

A socket's own timeout starts again with every byte and every address, so a peer that sends a byte now and then could hold
a call for ever. The connections also record whether the request was sent, skip interim answers, and reject an answer whose
head is incomplete. http.client accepts an incomplete head.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import re
import socket
import ssl
import threading
import time
from email.errors import MultipartInvariantViolationDefect, StartBoundaryNotFoundDefect
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import ProtocolError
from urllib3.util.ssltransport import SSLTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from sunshine_conversations_client._network import Tls

_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9][0-9][ \r\n]")
_END_OF_HEAD = (b"\r\n", b"\n")
_SENT_AT_ONCE = 65536
_HARMLESS = (StartBoundaryNotFoundDefect, MultipartInvariantViolationDefect)
"""What the parser of e-mail notes for a multipart answer, whose parts do not belong to the head."""


class Attempt:
    """One sending of a request. It ends at `moment` of the monotonic clock.

    Each wait is at most `read` seconds long, or `connect` seconds while a connection is opened.
    `stage` is None until a connection is opened or used. It stays None if a recorder or a mock answers instead.
    """

    __slots__ = ("connect", "moment", "read", "stage")

    CONNECTING, CONNECTED, SENT = range(3)

    def __init__(self, connect: float | None, read: float | None, total: float | None) -> None:
        self.connect = connect
        self.read = read
        self.moment = None if total is None else time.monotonic() + total
        self.stage: int | None = None

    def remaining(self) -> float | None:
        """Return the seconds that are left, or None for no limit. Raises TimeoutError if the time is over."""
        if self.moment is None:
            return None
        remaining = self.moment - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("The time of the call is over")
        return remaining

    def limit(self, connected: socket.socket) -> None:
        """Limit the next wait on a socket, with an accuracy of a tenth.

        Setting a timeout is a system call, so a timeout that is close enough stays.
        """
        remaining, limit = self.remaining(), self.connect if self.stage == self.CONNECTING else self.read
        if limit is None or (remaining is not None and remaining < limit):
            limit = remaining
        current = connected.gettimeout()
        if limit is None or current is None:
            if limit is not current:
                connected.settimeout(limit)
        elif not 0.9 * current < limit < 1.1 * current:
            connected.settimeout(limit)


class _Current(threading.local):
    """The attempt of this thread. It is None while code outside of this package uses one of the connections."""

    attempt: Attempt | None = None


current = _Current()


class _Answers(io.RawIOBase):
    """Reads the bytes of a socket; no wait goes beyond the attempt."""

    def __init__(self, connection: _Socket, attempt: Attempt | None) -> None:
        self.socket = connection.raw
        self.ended = False  # the answer is over
        self.at_end = False  # the peer has closed
        self._attempt = attempt
        self._connection = connection
        connection.readers += 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return 0
        if self._attempt is not None:
            self._attempt.limit(self.socket)
        read: int = self.socket.recv_into(buffer)
        if read == 0:
            self.at_end = True
        return read

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._connection.reader_closed()


class _Answer(io.BufferedReader):
    """Gives http.client one answer. It skips interim answers; http.client itself skips only the status 100."""

    raw: _Answers  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs say FileIO

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the status line. Later calls go to the original method."""
        line = super().readline(size)
        while _INTERIM.match(line):
            while line and line not in _END_OF_HEAD:
                line = super().readline(size)
            line = super().readline(size)
        self.readline = super().readline  # type: ignore[method-assign]  # faster
        return line

    def close(self) -> None:
        """Close the reader. Bytes after the answer make the connection unusable: the next call would read them."""
        if not self.closed:
            self.raw.ended = True
            if self.peek(1):
                with contextlib.suppress(OSError):  # it is closed already
                    connected: Any = self.raw.socket
                    # TLS within the TLS of an https proxy has no shutdown of its own.
                    getattr(connected, "socket", connected).shutdown(socket.SHUT_RDWR)
            super().close()


class _Socket:
    """A connected socket as http.client and urllib3 use it, with waits that end with the attempt of this thread."""

    def __init__(self, connected: Any) -> None:
        self.raw = connected
        self.readers = 0  # answers that are still open
        self._closing = False
        # Each request uses these, and `__getattr__` is slow. TLS within TLS has no shutdown.
        self.settimeout, self.fileno = connected.settimeout, connected.fileno
        self.shutdown = getattr(connected, "shutdown", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def close(self) -> None:
        """Close the socket, or have the last open answer close it: http.client closes a socket before it reads the body."""
        self._closing = True
        if not self.readers:
            self.raw.close()

    def reader_closed(self) -> None:
        self.readers -= 1
        if self._closing and not self.readers:
            self.raw.close()

    def sendall(self, data: bytes) -> None:
        attempt = current.attempt
        if attempt is not None and attempt.stage != Attempt.CONNECTING:
            if attempt.stage == Attempt.SENT:  # the buffers of the system may be full
                attempt.limit(self.raw)
            attempt.stage = Attempt.SENT
        try:
            if len(data) <= _SENT_AT_ONCE:
                self.raw.sendall(data)
                return
            for start in range(0, len(data), _SENT_AT_ONCE):
                if attempt is not None:
                    attempt.limit(self.raw)
                self.raw.sendall(data[start : start + _SENT_AT_ONCE])
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise BrokenPipeError("The peer closed the connection") from None  # urllib3 then reads its early answer

    def makefile(self, mode: str = "rb", buffering: int = -1) -> _Answer:
        return _Answer(_Answers(self, current.attempt))


class _Response(http.client.HTTPResponse):
    """Rejects a head that is incomplete or holds a line that is no header. http.client ignores both faults."""

    def __init__(self, connected: Any, *arguments: Any, **options: Any) -> None:
        if isinstance(connected, socket.SocketType):  # while a connection asks a proxy for a tunnel
            connected = _Socket(connected)
        super().__init__(connected, *arguments, **options)

    def begin(self) -> None:
        answer: Any = self.fp
        super().begin()
        if isinstance(answer, _Answer) and answer.raw.at_end:  # only a head without its end makes the reader go on
            self.close()
            raise ProtocolError("The connection closed within the headers of the answer")
        if self.msg.defects and any(not isinstance(defect, _HARMLESS) for defect in self.msg.defects):
            self.close()
            raise ProtocolError("The answer has a header without a name")


class _Options(list[Any]):
    """The options of a socket, which urllib3 reads before it tries each address of a host.

    Once the time of the attempt is over, reading them raises TimeoutError, and urllib3 tries no further address.
    """

    def __init__(self, options: Any, attempt: Attempt) -> None:
        super().__init__(options or ())
        self._attempt = attempt

    def __iter__(self) -> Iterator[Any]:
        self._attempt.remaining()
        return super().__iter__()


class _Bounded:
    """Mixin for urllib3's classes of connections."""

    if TYPE_CHECKING:
        sock: Any
        socket_options: Any

    response_class = _Response

    def connect(self) -> None:
        attempt, options = current.attempt, self.socket_options
        if attempt is None:
            super().connect()  # type: ignore[misc]  # urllib3's
        else:
            attempt.stage = Attempt.CONNECTING
            self.socket_options = _Options(options, attempt)
            try:
                super().connect()  # type: ignore[misc]  # urllib3's
            finally:
                self.socket_options = options
            attempt.stage = Attempt.CONNECTED
        if isinstance(self.sock, socket.SocketType | SSLTransport):
            self.sock = _Socket(self.sock)
        elif attempt is not None:
            attempt.stage = None  # a stand-in such as httpretty's has replaced the sockets themselves


class BoundedContext(ssl.SSLContext):
    """The TLS settings of a transport, for all its connections. A handshake ends with the attempt.

    The first connection loads the certificates, which takes longer than a call and which plain http does not need. A
    context `for_proxy` has no client certificate. Raises ApiArgumentError for unreadable files, at the first connection.
    """

    def __new__(cls, tls: Tls, *, for_proxy: bool = False) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, tls: Tls, *, for_proxy: bool = False) -> None:
        tls.set_up(self)
        self._load: Callable[[], None] | None = functools.partial(tls.load_certificates, self, for_proxy=for_proxy)

    def _prepare(self) -> None:
        load = self._load  # another thread may set it to None meanwhile
        if load is not None:
            load()
            self._load = None

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Prepare TLS within the TLS of an https proxy."""
        self._prepare()
        return super().wrap_bio(*arguments, **options)

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self._prepare()
        if current.attempt is not None:
            current.attempt.limit(sock)
        return super().wrap_socket(sock, *arguments, **options)


@functools.cache
def _bounded(connection: type[Any]) -> type[Any]:
    """Return urllib3's class of connections with the mixin, and a stand-in's class as it is."""
    if not connection.__module__.startswith("urllib3."):
        return connection
    return type(connection.__name__, (_Bounded, connection), {})


@functools.cache
def bounded_pool(pool: type[Any]) -> type[Any]:
    """Return a class of urllib3's pools with bounded connections.

    It looks up `ConnectionCls` of the pool each time, because recorders such as vcrpy replace it.
    """
    return type(pool.__name__, (pool,), {"ConnectionCls": property(lambda _: _bounded(pool.ConnectionCls))})
