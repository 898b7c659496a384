"""Reads the requests of one connection, within limits of size and time.

The reader

- limits the size of a request's head, also while the head arrives, and the time in which a request must arrive;
- parses a few requests at a time, and pauses reading while they wait for their answers;
- does not treat trailers as headers;
- ignores an offer to upgrade to another protocol, and reads the request as HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from sunshine_keys.wire import hosts, proxies
from sunshine_keys.wire.exchange import Exchange, Scope
from sunshine_keys.wire.hosts import PublicUrl
from sunshine_keys.wire.proxies import Proxies
from sunshine_keys.wire.rejections import (
    CONNECT,
    HEAD_TOO_LARGE,
    HTTP_VERSION,
    INVALID_HOST,
    INVALID_TARGET,
    MALFORMED,
    TOO_SLOW,
    TRANSFER_CODING,
    Refused,
    Rejection,
)

HEAD_BYTES = 64 * 1024
"""The most bytes of a request's target and headers together."""

ARRIVAL_SECONDS = 30.0
"""Seconds in which a request must arrive completely, from its first byte or from the start of a new connection."""

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
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class RequestReader(asyncio.BufferedProtocol, ABC):
    """The half of a connection that reads. Its subclass is the other half: it answers, and ends the connection.

    The halves share the names without an underscore: the attributes below, what the subclass implements, and what it calls.
    They are one object because calls between two would cost each request some tenths of a microsecond.
    """

    transport: asyncio.Transport

    unanswered: deque[Exchange]
    """The requests whose heads were read, in their order. The subclass removes the first when it has its answer."""

    arrival: asyncio.TimerHandle | None
    """Fires if the request does not arrive in time. None while no request is expected or arrives."""

    idle_since: float | None
    """The time of the event loop at the last `idle`. None again as soon as something arrives."""

    is_reading_paused: bool
    """True while the transport does not read."""

    is_deaf: bool
    """True if arriving bytes are discarded."""

    def __init__(self, loop: asyncio.AbstractEventLoop, trusted: Proxies, public_url: PublicUrl | None) -> None:
        self.loop = loop
        self._trusted = trusted
        self._public_url = public_url
        self._buffer = _buffer.view
        self._parser: Any = self._new_parser()
        self.unanswered = deque()
        self._coming: Exchange | None = None
        self.idle_since = None
        self.arrival = None
        self.is_deaf = self.is_reading_paused = self._is_arriving = self._has_progressed = False
        self._is_body_full = False
        self._is_in_head = True
        self._unparsed = b""
        self._head_bytes = self._silent_bytes = 0
        self._url = b""
        self._headers: hosts.Headers = []
        self._host: bytes | None = None
        self._valid_host: bytes | None = None
        self._has_offer = False

    # Implemented by the subclass

    @abstractmethod
    def begin(self, exchange: Exchange) -> None:
        """Start to answer the first of the unanswered requests. Its body may not have arrived."""

    @abstractmethod
    def idle(self) -> None:
        """Start the idle time: every request has its answer, and no other one arrives."""

    @abstractmethod
    def fail(self, rejection: Rejection) -> None:
        """Refuse what arrives, and close the connection once all complete requests are answered."""

    @abstractmethod
    def close(self, *, is_more_coming: bool) -> None:
        """Close the connection. `is_more_coming` is true if the client may still send bytes."""

    @abstractmethod
    def is_ending(self) -> bool:
        """Return True if the server stops, or the client has gone: a long answer should end."""

    # Called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams always have this transport
        self.transport = transport
        self._server_address, client = get_local_addr(transport), get_remote_addr(transport)
        self.client = None if client is None else (proxies.unmapped(client[0]), client[1])
        self._is_from_proxy = self.client is not None and self._trusted.trusts(self.client[0])
        self.scheme = "https" if is_ssl(transport) else "http"

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        for exchange in self.unanswered:
            exchange.leave()
        self._parser = None  # break the reference cycle: the parser references this protocol

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._buffer[:nbytes]
        if nbytes > _PIECE_BYTES or self._unparsed or self.is_deaf:
            self.data_received(data)
        else:
            self._parse(data)

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse bytes of the client, as many as there is room for. The rest waits, and nothing more is read."""
        if self.is_deaf:
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
        if self.is_reading_paused and not self._unparsed and self._has_room():
            self.is_reading_paused = False
            self.transport.resume_reading()

    def _has_room(self) -> bool:
        return len(self.unanswered) <= 1 and not (self._is_body_full or self.is_deaf or self.transport.is_closing())

    def _parse(self, data: bytes | memoryview) -> None:
        self._has_progressed = False
        self.idle_since = None
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
            self.fail(HEAD_TOO_LARGE)
        elif self._is_arriving:
            # Start the timer only here: most requests arrive in one piece, and a timer for each took 2 of its 60 µs.
            self.expect_request()
        elif not (self.unanswered or self.arrival or self.transport.is_closing()):
            # The rest of an answered request's body, or an empty line: the connection is idle.
            self.idle()

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
        self.fail(reason.rejection if isinstance(reason, Refused) else MALFORMED)

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # Without this, the parser reports bytes after the last request of a connection as an error.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

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
        keep_alive = version != "1.0" and parser.should_keep_alive()
        exchange = self._coming = Exchange(self, scope, keep_alive)  # type: ignore[arg-type]  # the subclass is a Connection
        self.unanswered.append(exchange)
        if len(self.unanswered) == 1:
            self.begin(exchange)
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
        if self.arrival is not None:
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
        headers, client, scheme, prefix = self._headers, self.client, self.scheme, ""
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

    # Called by the subclass

    def expect_request(self) -> None:
        """Start the time in which a request must arrive, unless it has begun."""
        if self.arrival is None:
            self.arrival = self.loop.call_later(ARRIVAL_SECONDS, self._too_late)

    def stop_reading(self) -> None:
        """Discard bytes that are read from now on. A pause of reading lasts."""
        self.is_deaf = True
        self._disarm()

    def discard_input(self) -> None:
        """Read and discard what arrives from now on, also if reading is paused."""
        self.stop_reading()
        if self.is_reading_paused:
            self.transport.resume_reading()

    # Called by an exchange

    def read_on(self) -> None:
        """Resume reading, unless requests wait for their answers: otherwise their number would have no limit."""
        self._is_body_full = False
        if self.is_reading_paused and self._has_room():
            self.loop.call_soon(self._parse_on)

    # Bounds

    def _pause_reading(self) -> None:
        if not self.is_reading_paused:
            self.is_reading_paused = True
            self.transport.pause_reading()

    def _extend_arrival(self, seconds: float) -> None:
        """Give the request that arrives `seconds` from now, if its operation allows more time than others have."""
        if self._is_arriving and self.arrival is not None:
            self._disarm()
            self.arrival = self.loop.call_later(seconds, self._too_late)

    def _disarm(self) -> None:
        if self.arrival is not None:
            self.arrival.cancel()
            self.arrival = None

    def _too_late(self) -> None:
        self.arrival = None
        if self._is_in_head or self.unanswered:
            self.fail(TOO_SLOW)
        else:
            self.close(is_more_coming=False)  # the request has its answer, only its body is late
