"""HTTP/1.1 on one connection. A malformed request is answered with the documented envelope, and every wait has a limit.

The protocol

- limits the size of a request's head, also while the head arrives;
- limits the number of connections, and the time in which a request must arrive and its answer must be read;
- answers pipelined requests in their order, one at a time; a malformed request does not prevent the answers to the
  complete requests before it;
- does not treat trailers as headers;
- ignores an offer to upgrade to another protocol, and serves the request as HTTP/1.1;
- reports what it refuses itself to the application's observers.

Uvicorn is the server around the protocol: it listens, does TLS, stops, and creates one instance for each connection.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from sunshine_keys.wire import hosts, proxies
from sunshine_keys.wire.application import APPLICATION, Application
from sunshine_keys.wire.exchange import Asgi, Exchange, Scope, responding, step
from sunshine_keys.wire.hosts import PublicUrl
from sunshine_keys.wire.proxies import Proxies
from sunshine_keys.wire.rejections import (
    CONNECT,
    DROPPED,
    HEAD_TOO_LARGE,
    HTTP_VERSION,
    INVALID_HOST,
    INVALID_TARGET,
    MALFORMED,
    TOO_MANY,
    TOO_SLOW,
    TRANSFER_CODING,
    UNREAD_ANSWER,
    Refused,
    Rejected,
    Rejection,
)
from sunshine_keys.wire.request import new_request_id

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

HEAD_BYTES = 64 * 1024
"""The most bytes of a request's target and headers together."""

ARRIVAL_SECONDS = 30.0
"""Seconds in which a request must arrive completely, from its first byte or from the start of a new connection."""

LINGER_SECONDS = 1.0
"""Seconds for which the protocol reads and discards bytes that arrive after its last answer."""

REFUSED_CONNECTIONS = 1000
"""The number of connections beyond the limit that get a 503. Further ones are closed without an answer."""

UNREAD_SECONDS = 30.0
"""Seconds for which a client may leave an answer unread."""

_HEADER_OVERHEAD = 160
"""Bytes added to the size of each header: what its two strings and its tuple take besides their text."""

_BODY_BYTES = 64 * 1024
"""Reading pauses while more than this many bytes of a body wait for the application."""

_READ_BYTES = 16 * 1024
"""The most bytes that are read at a time. Without this limit the event loop reads up to 256 kB."""

_PIECE_BYTES = 4 * 1024
"""The most bytes that are parsed at a time. They may hold 157 requests, which take twenty times the memory."""


class _Buffer(threading.local):
    """What the connections of a thread read into. Its event loop reports each read before it begins the next one."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_READ_BYTES))


_buffer = _Buffer()

_VERSIONS = ("1.1", "1.0")
_NO_PROXIES = Proxies()
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class Protocol(asyncio.BufferedProtocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        trusted: Proxies = _NO_PROXIES,
        public_url: PublicUrl | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self.timeout_keep_alive = config.timeout_keep_alive
        application: Application | None = app_state.get(APPLICATION)
        if application is None:  # a server without a lifespan, as in sunshine_keys.testing
            self._respond = responding(cast(Asgi, config.loaded_app))
            self._runs_inline = _never
        else:
            self._respond = application.respond
            self._runs_inline = application.runs_inline
        self.report = application.reject if application else _ignore
        self._trusted = trusted
        self._public_url = public_url
        self._most = config.limit_concurrency
        self._server = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._buffer = _buffer.view
        self._parser: Any = self._new_parser()
        self._unanswered: deque[Exchange] = deque()
        self._coming: Exchange | None = None
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._arrival: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._writable: asyncio.Future[None] | None = None
        self.is_full = self._is_reading_paused = self._is_deaf = self._is_arriving = self._has_progressed = False
        self._is_body_full = False
        self._is_in_head = True
        self._unparsed = b""
        self._dated: list[tuple[bytes, bytes]] = []
        self._date = b""
        self._head_bytes = self._silent_bytes = 0
        self._url = b""
        self._headers: hosts.Headers = []
        self._host: bytes | None = None
        self._valid_host: bytes | None = None
        self._has_offer = self._is_stopping = False

    # Called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams always have this transport
        self.transport = transport
        self.write = transport.write  # a method that calls it would take 0.2 of the 17 µs
        self._server_address, client = get_local_addr(transport), get_remote_addr(transport)
        self._client = None if client is None else (proxies.unmapped(client[0]), client[1])
        self._is_from_proxy = self._client is not None and self._trusted.trusts(self._client[0])
        self._scheme = "https" if is_ssl(transport) else "http"
        self._server.connections.add(self)  # type: ignore[arg-type]  # uvicorn lists its own protocols
        present = len(self._server.connections)
        if self._most is None or present <= self._most:
            self._arm()
        elif present <= self._most + REFUSED_CONNECTIONS:
            self._fail(TOO_MANY)
        else:
            self._reject(DROPPED)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._disarm()
        self._disarm_unread()
        self._idle_since = None
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        for exchange in self._unanswered:
            exchange.leave()
        self.resume_writing()
        self._parser = None  # break the reference cycle: the parser references this protocol

    def pause_writing(self) -> None:
        self._writable = self._writable or self._loop.create_future()
        self.is_full = True
        self._arm_unread()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self.is_full = False
        if not self.transport.is_closing():
            self._disarm_unread()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._buffer[:nbytes]
        if nbytes > _PIECE_BYTES or self._unparsed or self._is_deaf:
            self.data_received(data)
        else:
            self._parse(data)

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse bytes of the client, as many as there is room for. The rest waits, and nothing more is read."""
        if self._is_deaf:
            return
        if self._unparsed or len(data) > _PIECE_BYTES:
            self._unparsed += data
            self._parse_on()
        else:
            self._parse(data)

    def _parse_on(self) -> None:
        while self._unparsed and self._has_room():
            piece, self._unparsed = self._unparsed[:_PIECE_BYTES], self._unparsed[_PIECE_BYTES:]
            self._parse(piece)
        if self._is_reading_paused and not self._unparsed and self._has_room():
            self._is_reading_paused = False
            self.transport.resume_reading()

    def _has_room(self) -> bool:
        return len(self._unanswered) <= 1 and not (self._is_body_full or self._is_deaf or self.transport.is_closing())

    def _parse(self, data: bytes | memoryview) -> None:
        self._has_progressed = False
        self._idle_since = None
        end = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            end = offer.args[0]
        except httptools.HttpParserError as error:
            self._fail_to_parse(error)
            return
        if end is not None and not self._parse_without_offer(data, end):
            return
        # The parser buffers bytes that it has not reported yet, without a limit.
        self._silent_bytes = 0 if self._has_progressed else self._silent_bytes + len(data)
        if self._silent_bytes > HEAD_BYTES:
            self._fail(HEAD_TOO_LARGE)
        elif self._is_arriving:
            # Start the timer only here: most requests arrive in one piece, and a timer for each took 2 of its 60 µs.
            self._arm()
        elif not (self._unanswered or self._arrival or self.transport.is_closing()):
            # The rest of an answered request's body, or an empty line: the connection is idle.
            self._idle()

    def _parse_without_offer(self, data: bytes | memoryview, end: int | None) -> bool:
        """Parse a request that offers an upgrade, and what follows it. `data[:end]` is its head, or the end of it.

        The parser has stopped behind the head, and would leave the body to be read as another request. So a new parser gets
        the head without the Upgrade header, and then reads the body as usual. Return False if the bytes were refused.
        """
        while end is not None:
            self._has_offer = False
            parser = self._parser
            lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != b"upgrade"]
            start = b"%b %b HTTP/%b\r\n" % (parser.get_method(), self._url, parser.get_http_version().encode())
            data, end = data[end:], None
            self._parser = self._new_parser()
            try:
                self._parser.feed_data(b"".join((start, *lines, b"\r\n")))
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                end = offer.args[0]
            except httptools.HttpParserError as error:
                self._fail_to_parse(error)
                return False
        return True

    def _fail_to_parse(self, error: httptools.HttpParserError) -> None:
        reason = error.__context__
        self._fail(reason.rejection if isinstance(reason, Refused) else MALFORMED)

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # Without this, the parser reports bytes after the last request of a connection as an error.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def eof_received(self) -> bool:
        """Keep the connection open for the answer if the client closes its side after its request, except with TLS."""
        complete = [exchange for exchange in self._unanswered if not exchange.is_coming]
        if complete:
            complete[-1].keep_alive = False
        return bool(complete) and self._scheme == "http"  # True keeps the connection open; with TLS asyncio warns

    # Called by uvicorn

    def shutdown(self) -> None:
        """Close the connection as soon as its requests are answered."""
        self._is_stopping = True
        if self._unanswered:
            self._unanswered[-1].keep_alive = False
            return
        self.transport.close()
        if self._scheme == "https" and self._arrival is None:  # with TLS, close() waits until the client closes too
            self._arrival = self._loop.call_later(LINGER_SECONDS, self.transport.abort)

    # Called by the parser

    def on_message_begin(self) -> None:
        self._has_progressed = self._is_in_head = self._is_arriving = True
        self._head_bytes = 0
        self._url = b""
        self._headers = []
        self._host = None

    def on_url(self, url: bytes) -> None:
        self._has_progressed = True
        self._head_bytes += len(url)
        if self._head_bytes > HEAD_BYTES:
            raise Refused(HEAD_TOO_LARGE)
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._has_progressed = True
        self._head_bytes += len(name) + len(value) + _HEADER_OVERHEAD
        if self._head_bytes > HEAD_BYTES:
            raise Refused(HEAD_TOO_LARGE)
        if self._is_in_head:  # otherwise it is a trailer
            name = name.lower()
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                raise Refused(TRANSFER_CODING)  # the parser accepts codings that this service does not decode
            if name == b"host":
                if self._host is not None:
                    raise Refused(INVALID_HOST)
                self._host = value = value.rstrip(b" \t")
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._has_progressed = True
        self._is_in_head = False
        parser = self._parser
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                raise Refused(CONNECT)
            self._has_offer = True
            return
        scope = self.scope()
        version = scope["http_version"]
        if version not in _VERSIONS:
            raise Refused(HTTP_VERSION)
        if self._host is None:
            if version != "1.0":
                raise Refused(INVALID_HOST)
        elif self._host != self._valid_host:
            if not hosts.is_host(self._host):
                raise Refused(INVALID_HOST)
            self._valid_host = self._host
        exchange = self._coming = Exchange(self, scope, version != "1.0" and parser.should_keep_alive())
        self._unanswered.append(exchange)
        if len(self._unanswered) == 1:
            self._begin(exchange)
        else:
            self._pause_reading()

    def on_body(self, body: bytes) -> None:
        self._has_progressed = True
        if self._coming is not None and not self._coming.is_answered and self._coming.add(body) > _BODY_BYTES:
            self._is_body_full = True
            self._pause_reading()

    def on_message_complete(self) -> None:
        if self._has_offer:
            return  # the parser leaves out the body; the next one reads it
        self._has_progressed = self._is_in_head = True
        self._is_arriving = False
        if self._arrival is not None:
            self._disarm()
        if self._coming is not None:
            self._coming.complete()

    def scope(self) -> Scope:
        """Return the ASGI scope of the request whose head is complete."""
        try:
            url = httptools.parse_url(self._url)
            # The stubs lack None, which the host of a path is.
            host = None if url.host is None else hosts.authority(url)  # pyright: ignore[reportUnnecessaryComparison]
        except (ValueError, httptools.HttpParserInvalidURLError):
            raise Refused(INVALID_TARGET) from None
        headers, client, scheme, prefix = self._headers, self._client, self._scheme, ""
        raw_path: bytes = url.path or b"/"
        if self._is_from_proxy:
            address = self._trusted.client(headers)
            client = client if address is None else (address, 0)
            scheme = proxies.scheme(headers) or scheme
        if (public := self._public_url) is not None:
            host, scheme, prefix = public.host, public.scheme, public.prefix
            raw_path = public.without_prefix(raw_path)
        if host is not None:
            headers = hosts.with_host(headers, host)
        path = raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": self._parser.get_http_version(),
            "server": self._server_address,
            "client": client,
            "scheme": scheme,
            "root_path": "",
            "prefix": prefix,
            "headers": headers,
            "method": self._parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
            "extend_arrival": self._extend_arrival,
            "is_ending": self.is_ending,
        }

    def is_ending(self) -> bool:
        """Return True if the server stops, or the client has gone: a long answer should end."""
        return self._is_stopping or self.transport.is_closing()

    # Called by an exchange

    def date(self) -> bytes:
        headers = self._server.default_headers
        if headers is not self._dated:  # uvicorn replaces the list every second
            self._dated, self._date = headers, b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._date

    def read_on(self) -> None:
        """Resume reading, unless requests wait for their answers: otherwise their number would have no limit."""
        self._is_body_full = False
        if self._is_reading_paused and self._has_room():
            self._loop.call_soon(self._parse_on)

    async def drain(self) -> None:
        while self._writable is not None:
            await self._writable

    def end(self, exchange: Exchange) -> None:
        if exchange.is_gone:
            return
        self._unanswered.popleft()
        if not (exchange.is_answered and exchange.keep_alive):
            self._close(exchange.is_coming or self._is_deaf)
        elif self.transport.is_closing():
            self._arm_unread()
        else:
            if self._is_reading_paused:
                self.read_on()
            if self._unanswered:
                self._begin(self._unanswered[0])
            else:
                self._idle()

    # Answering

    def _begin(self, exchange: Exchange) -> None:
        """Start an exchange after all requests of this read are parsed, so that they share the store's transaction."""
        if self._runs_inline(exchange.scope):
            self._loop.call_soon(self._step, exchange)
        else:
            self._spawn(exchange.run(self._respond))

    def _step(self, exchange: Exchange) -> None:
        if rest := step(exchange.run(self._respond)):
            self._spawn(rest)

    def _spawn(self, answer: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(answer)
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    # Bounds

    def _pause_reading(self) -> None:
        if not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def _idle(self) -> None:
        """Start the idle time. One timer serves all idle times of the connection, and restarts itself if it fires early.

        A timer for each request took 2 of its 60 µs.
        """
        self._idle_since = self._loop.time()
        if self._idle_timer is None:
            self._idle_timer = self._loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return  # the next answer starts it
        left = self._idle_since + self.timeout_keep_alive - self._loop.time()
        if left > 0:
            self._idle_timer = self._loop.call_later(left, self._close_if_idle)
        elif not self.transport.is_closing():
            self.transport.close()
            self._arm_unread()

    def _arm(self) -> None:
        if self._arrival is None:
            self._arrival = self._loop.call_later(ARRIVAL_SECONDS, self._too_late)

    def _extend_arrival(self, seconds: float) -> None:
        """Give the request that arrives `seconds` from now, if its operation allows more time than others have."""
        if self._is_arriving and self._arrival is not None and not self._is_deaf:
            self._disarm()
            self._arrival = self._loop.call_later(seconds, self._too_late)

    def _disarm(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _arm_unread(self) -> None:
        """Schedule an abort of the connection.

        A transport that closes first sends its buffer, and would wait for ever for a client that does not read.
        """
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self._loop.call_later(UNREAD_SECONDS, self._cut)

    def _disarm_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _cut(self) -> None:
        self._reject(UNREAD_ANSWER)
        self.transport.abort()

    def _too_late(self) -> None:
        self._arrival = None
        if self._is_in_head or self._unanswered:
            self._fail(TOO_SLOW)
        else:
            self.transport.close()  # the request has its answer, only its body is late
            self._arm_unread()

    def _fail(self, rejection: Rejection) -> None:
        """Stop reading, and close once all complete requests are answered. Without such requests, send the reason first."""
        if self._is_deaf or self.transport.is_closing():
            return
        self._is_deaf = True
        self._disarm()
        if self._unanswered and self._unanswered[-1].is_coming:
            self._unanswered.pop().leave()
        if self._unanswered:
            self._reject(rejection)
            self._unanswered[-1].keep_alive = False
            return
        request_id = new_request_id()
        self.transport.write(rejection.answer(request_id))
        self._reject(rejection, request_id)
        self._close(is_more_coming=True)

    def _reject(self, rejection: Rejection, request_id: str = "") -> None:
        source = "" if self._client is None else self._client[0]
        self.report(Rejected(rejection, source, request_id, time.time()))

    def _close(self, is_more_coming: bool) -> None:
        """Close the connection. Read and discard arriving bytes for a while first: unread bytes may destroy the answer."""
        if is_more_coming and self.transport.can_write_eof():
            self._is_deaf = True
            if self._is_reading_paused:
                self.transport.resume_reading()
            self.transport.write_eof()
            self._disarm()
            self._arrival = self._loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()
            self._arm_unread()


def _ignore(rejected: Rejected) -> None:
    pass


def _never(scope: Scope) -> bool:
    return False
