"""Uvicorn's HTTP protocol, made strict: what is not HTTP gets the documented envelope, and nothing waits for ever.

Beyond uvicorn's own it bounds a request's head, also while it is still coming; bounds the time a request may take to
arrive; lets a request that was accepted be answered before a later one's faults end the connection; keeps trailers
from passing for headers; and refuses upgrades, whose bodies the parser would leave to be read as another request.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sunshine_keys.http.request import new_request_id

HEAD_BYTES = 64 * 1024
"""The most bytes a request's target and headers may take together."""

ARRIVAL_SECONDS = 30.0
"""How long a request may take from its first byte, or a new connection to its first request, until it is there whole."""

LINGER_SECONDS = 1.0

_HEADER_OVERHEAD = 32
"""What a header counts beyond its bytes, so that many small ones are bounded too."""

_ANSWER = (
    b"HTTP/1.1 %s\r\ncontent-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
    b"content-length: %d\r\nconnection: close\r\nx-request-id: %s\r\n\r\n%s"
)
_NOT_HTTP = (
    b"400 Bad Request",
    (
        b'{"errors":[{"code":"bad_request","title":"The request is not valid HTTP/1.1, has a head over 64 kB, or asks'
        b' for an upgrade"}]}'
    ),
)
_TOO_SLOW = (
    b"408 Request Timeout",
    b'{"errors":[{"code":"request_timeout","title":"The request did not arrive within 30 seconds"}]}',
)


class Protocol(HttpToolsProtocol):
    _head_bytes = 0
    _head_is_open = True
    _head_came = False
    _is_deaf = False
    _arrival: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own is
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._head_came = False
        was_open = self._head_is_open
        super().data_received(data)
        if was_open and not self._head_came:
            # The parser keeps an unfinished header to itself and would collect it without end.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("")

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it: true keeps the connection open
        """A client may close its side once it has sent its request, and still read the answer."""
        if self._awaits_answer():
            self.cycle.keep_alive = False
            return True
        return False  # closes

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._head_is_open = True
        self._arm()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _HEADER_OVERHEAD)
        if self._head_is_open:  # else it is a trailer
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_is_open = False
        self._head_came = True
        if self.parser is not None and self.parser.should_upgrade():
            raise ValueError("upgrade")  # the parser turns it into its own error: a 400
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head_is_open = True
        self._head_bytes = 0
        self._disarm()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._awaits_answer():
            self.cycle.keep_alive = False
            self._is_deaf = True
        else:
            self._end(*_NOT_HTTP)

    def _awaits_answer(self) -> bool:
        """Whether a request that has come whole has not been answered yet."""
        # Uvicorn types it as never None, which it is before a connection's first request.
        return bool(self.cycle) and not self.cycle.response_complete and not self.cycle.more_body

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("head too large")

    def _arm(self) -> None:
        if self._arrival is None:
            self._arrival = self.loop.call_later(ARRIVAL_SECONDS, self._too_late)

    def _disarm(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _too_late(self) -> None:
        self._arrival = None
        if self._awaits_answer():
            self.cycle.keep_alive = False  # a later request is late; this one is being answered
        else:
            self._end(*_TOO_SLOW)

    def _end(self, status: bytes, body: bytes) -> None:
        """Answer and close; after a while of reading on, since unread bytes would have the answer thrown away."""
        if self.transport.is_closing() or self._is_deaf:
            return
        self._is_deaf = True
        self.flow.resume_reading()
        self.transport.write(_ANSWER % (status, len(body), new_request_id().encode(), body))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._arrival = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()
