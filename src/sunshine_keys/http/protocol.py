"""Uvicorn's HTTP protocol, made strict: what is not HTTP gets the documented envelope, and nothing waits for ever.

Beyond uvicorn's own it bounds a request's head, also while it is still coming; bounds the time a request may take to
arrive, the time its answer may wait to be read, and the number of connections; lets a request that was accepted be answered before a later one's faults end the connection; keeps trailers
from passing for headers; and refuses upgrades, whose bodies the parser would leave to be read as another request.

It also does with less what uvicorn does for each request: answers go out in one piece (`cycle`), a connection has one
timer for all the times that it is idle, and what no setting asks for is not looked up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sunshine_keys.http.cycle import Cycle
from sunshine_keys.http.request import new_request_id

HEAD_BYTES = 64 * 1024
"""The most bytes a request's target and headers may take together."""

ARRIVAL_SECONDS = 30.0
"""How long a request may take from its first byte, or a new connection to its first request, until it is there whole."""

LINGER_SECONDS = 1.0

REFUSED_AT_ONCE = 1000
"""How many connections beyond the limit are told so; those beyond these are closed without a word."""

UNREAD_SECONDS = 30.0
"""How long a client may leave unread what has been sent to it."""

_HEADER_OVERHEAD = 32
"""What a header counts beyond its bytes, so that many small ones are bounded too."""

_ANSWER = (
    b"HTTP/1.1 %s\r\ncontent-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
    b"x-content-type-options: nosniff\r\n%scontent-length: %d\r\nconnection: close\r\nx-request-id: %s\r\n\r\n%s"
)
_NOT_HTTP = (
    b"400 Bad Request",
    (
        b'{"errors":[{"code":"bad_request","title":"The request is not valid HTTP/1.1, has a head over 64 kB, or asks'
        b' for an upgrade"}]}'
    ),
)
_TOO_MANY = (
    b"503 Service Unavailable",
    b'{"errors":[{"code":"service_unavailable","title":"There are too many connections at the moment"}]}',
    b"retry-after: 1\r\n",
)
_TOO_SLOW = (
    b"408 Request Timeout",
    b'{"errors":[{"code":"request_timeout","title":"The request did not arrive within 30 seconds"}]}',
)


class _Flow(FlowControl):
    """Reads no further while requests wait for their turn: uvicorn's own reads on with every answer, and collects them
    without end."""

    def __init__(self, transport: asyncio.Transport, waiting: Collection[object]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:  # a request that others wait for has come whole
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    _head_bytes = 0
    _silent_bytes = 0
    _progressed = False
    _in_head = True
    _is_deaf = False
    _is_arriving = False
    _idle_since: float | None = None
    _arrival: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own is
        # Uvicorn would count connections and requests together, and answer in plain text.
        most, self.limit_concurrency = self.limit_concurrency, None
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._cycles: deque[Cycle] = deque()
        present = len(self.connections)
        if most is None or present <= most:
            self._arm()
        elif present <= most + REFUSED_AT_ONCE:
            self._fail(*_TOO_MANY)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._disarm_unread()
        self._idle_since = None
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._arm_unread()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._disarm_unread()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._arm_unread()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle()

    def _idle(self) -> None:
        """One timer is set again when it has run out too early: one for each request took 2 µs of its 60."""
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the next answer sets it
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        elif not self.transport.is_closing():
            self.transport.close()
            self._arm_unread()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._progressed = False
        super().data_received(data)
        # What the parser has not told of it keeps to itself, and would collect without end.
        self._silent_bytes = 0 if self._progressed else self._silent_bytes + len(data)
        if self._silent_bytes > HEAD_BYTES:
            self._fail(*_NOT_HTTP)
        elif self._is_arriving:
            # Only now: most requests arrive in one piece, and a timer for each took 2 µs of its 60.
            self._arm()
        elif self._idle_since is None and not (self._arrival or self._unanswered() or self.transport.is_closing()):
            # The rest of an answered request's body, or an empty line: it is idle all the same.
            self._idle()

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it: true keeps the connection open
        """A client may close its side once it has sent its request, and still read the answer."""
        whole = [cycle for cycle in self._unanswered() if not cycle.more_body]
        if whole:
            whole[-1].keep_alive = False
        return bool(whole)

    def on_message_begin(self) -> None:
        self._progressed = self._in_head = True
        self._head_bytes = 0
        self._is_arriving = True
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_url(self, url: bytes) -> None:
        self._progressed = True
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._progressed = True
        self._count(len(name) + len(value) + _HEADER_OVERHEAD)
        if self._in_head:  # else it is a trailer
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._progressed = True
        self._in_head = False
        parser: Any = self.parser  # None only once the connection is lost
        if parser.should_upgrade():
            raise ValueError("upgrade")  # the parser turns it into its own error: a 400
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": self.headers,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(url.path.decode("ascii")),
            "raw_path": url.path,
            "query_string": url.query or b"",
        }
        self.scope = scope
        cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.cycle = cycle
        application: Any = self.app
        if self._unanswered():
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, application))
        else:
            self._start_asgi_task(cycle, application)
        self._cycles.append(cycle)

    def on_body(self, body: bytes) -> None:
        self._progressed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progressed = self._in_head = True
        self._is_arriving = False
        self._disarm()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._fail(*_NOT_HTTP)

    def _unanswered(self) -> deque[Cycle]:
        """The requests that have begun and not been answered, the oldest first."""
        while self._cycles and self._cycles[0].response_complete:
            self._cycles.popleft()
        return self._cycles

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

    def _arm_unread(self) -> None:
        """A transport that is closed first sends what it has, and would wait for ever for a client that does not read."""
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def _disarm_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _too_late(self) -> None:
        self._arrival = None
        if self._in_head or self._unanswered():
            self._fail(*_TOO_SLOW)
        else:
            self.transport.close()  # it has its answer, and only its body is late
            self._arm_unread()

    def _fail(self, status: bytes, body: bytes, headers: bytes = b"") -> None:
        """Hear no more, let the requests that have come whole be answered, and close; if there are none, say why."""
        if self._is_deaf or self.transport.is_closing():
            return
        self._is_deaf = True
        self._disarm()
        unanswered = self._unanswered()
        if unanswered and unanswered[-1].more_body:
            broken = unanswered.pop()
            broken.disconnected = True
            broken.message_event.set()
            while self.pipeline and self.pipeline[0][0] is broken:
                self.pipeline.popleft()
        if unanswered:
            unanswered[-1].keep_alive = False
            return
        self.flow.resume_reading()
        self.transport.write(_ANSWER % (status, headers, len(body), new_request_id().encode(), body))
        if self.transport.can_write_eof():
            # Read on for a while: unread bytes would have the answer thrown away.
            self.transport.write_eof()
            self._arrival = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()
            self._arm_unread()
