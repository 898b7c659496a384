"""HTTP/1.1 on one connection: answers requests in their order, and ends the connection. `reader` reads the requests.

The protocol

- limits the number of connections, the time for which one may be idle, and the time in which an answer must be read;
- answers pipelined requests one at a time; a malformed request does not prevent the answers to the complete requests
  before it;
- answers a malformed request with the documented envelope;
- reports what it refuses itself to the application's observers.

Uvicorn is the server around the protocol: it listens, does TLS, stops, and creates one instance for each connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from sunshine_keys.wire.application import APPLICATION, Application
from sunshine_keys.wire.exchange import Asgi, Exchange, Scope, responding, step
from sunshine_keys.wire.hosts import PublicUrl
from sunshine_keys.wire.proxies import Proxies
from sunshine_keys.wire.reader import RequestReader
from sunshine_keys.wire.rejections import DROPPED, TOO_MANY, UNREAD_ANSWER, Rejected, Rejection
from sunshine_keys.wire.request import new_request_id

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

LINGER_SECONDS = 1.0
"""Seconds for which the protocol reads and discards bytes that arrive after its last answer."""

REFUSED_CONNECTIONS = 1000
"""The number of connections beyond the limit that get a 503. Further ones are closed without an answer."""

UNREAD_SECONDS = 30.0
"""Seconds for which a client may leave an answer unread."""

_NO_PROXIES = Proxies()


class Protocol(RequestReader):
    """A connection: what its base class reads, this one answers."""

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
        super().__init__(_loop or asyncio.get_running_loop(), trusted, public_url)
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
        self._most = config.limit_concurrency
        self._server = server_state
        self._idle_timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._writable: asyncio.Future[None] | None = None
        self._dated: list[tuple[bytes, bytes]] = []
        self._date = b""
        self.is_full = self._is_stopping = False

    # Called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams always have this transport
        super().connection_made(transport)
        self.write = transport.write  # a method that calls it would take 0.2 of the 17 µs
        self._server.connections.add(self)  # type: ignore[arg-type]  # uvicorn lists its own protocols
        present = len(self._server.connections)
        if self._most is None or present <= self._most:
            self.expect_request()
        elif present <= self._most + REFUSED_CONNECTIONS:
            self.fail(TOO_MANY)
        else:
            self._reject(DROPPED)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._server.connections.discard(self)
        self._disarm_unread()
        self.idle_since = None
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._linger is not None:
            self._linger.cancel()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writable = self._writable or self.loop.create_future()
        self.is_full = True
        self._arm_unread()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self.is_full = False
        if not self.transport.is_closing():
            self._disarm_unread()

    def eof_received(self) -> bool:
        """Keep the connection open for the answer if the client closes its side after its request, except with TLS."""
        complete = [exchange for exchange in self.unanswered if not exchange.is_coming]
        if complete:
            complete[-1].keep_alive = False
        return bool(complete) and self.scheme == "http"  # True keeps the connection open; with TLS asyncio warns

    # Called by uvicorn

    def shutdown(self) -> None:
        """Close the connection as soon as its requests are answered."""
        self._is_stopping = True
        if self.unanswered:
            self.unanswered[-1].keep_alive = False
            return
        self.transport.close()
        # With TLS, close() waits until the client closes too.
        if self.scheme == "https" and self._linger is None:
            self._linger = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    # Called by an exchange or its application

    def is_ending(self) -> bool:
        return self._is_stopping or self.transport.is_closing()

    def date(self) -> bytes:
        headers = self._server.default_headers
        if headers is not self._dated:  # uvicorn replaces the list every second
            self._dated, self._date = headers, b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._date

    async def drain(self) -> None:
        while self._writable is not None:
            await self._writable

    def end(self, exchange: Exchange) -> None:
        if exchange.is_gone:
            return
        self.unanswered.popleft()
        if not (exchange.is_answered and exchange.keep_alive):
            self.close(is_more_coming=exchange.is_coming or self.is_deaf)
        elif self.transport.is_closing():
            self._arm_unread()
        else:
            if self.is_reading_paused:
                self.read_on()
            if self.unanswered:
                self.begin(self.unanswered[0])
            else:
                self.idle()

    # Answering

    def begin(self, exchange: Exchange) -> None:
        """Start an exchange after all requests of this read are parsed, so that they share the store's transaction."""
        if self._runs_inline(exchange.scope):
            self.loop.call_soon(self._step, exchange)
        else:
            self._spawn(exchange.run(self._respond))

    def _step(self, exchange: Exchange) -> None:
        if rest := step(exchange.run(self._respond)):
            self._spawn(rest)

    def _spawn(self, answer: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(answer)
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    # Bounds

    def idle(self) -> None:
        """Start the idle time. One timer serves all idle times of the connection, and restarts itself if it fires early.

        A timer for each request took 2 of its 60 µs.
        """
        self.idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self.idle_since is None:
            return  # the next answer starts it
        left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._close_if_idle)
        elif not self.transport.is_closing():
            self.close(is_more_coming=False)

    def _arm_unread(self) -> None:
        """Schedule an abort of the connection.

        A transport that closes first sends its buffer, and would wait for ever for a client that does not read.
        """
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(UNREAD_SECONDS, self._cut)

    def _disarm_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _cut(self) -> None:
        self._reject(UNREAD_ANSWER)
        self.transport.abort()

    def fail(self, rejection: Rejection) -> None:
        """Stop reading, and close once all complete requests are answered. Without such requests, send the reason first."""
        if self.is_deaf or self.transport.is_closing():
            return
        self.stop_reading()
        if self.unanswered and self.unanswered[-1].is_coming:
            self.unanswered.pop().leave()
        if self.unanswered:
            self._reject(rejection)
            self.unanswered[-1].keep_alive = False
            return
        request_id = new_request_id()
        self.transport.write(rejection.answer(request_id))
        self._reject(rejection, request_id)
        self.close(is_more_coming=True)

    def _reject(self, rejection: Rejection, request_id: str = "") -> None:
        source = "" if self.client is None else self.client[0]
        self.report(Rejected(rejection, source, request_id, time.time()))

    def close(self, *, is_more_coming: bool) -> None:
        """Close the connection. Read and discard arriving bytes for a while first: unread bytes may destroy the answer."""
        if is_more_coming and self.transport.can_write_eof():
            self.discard_input()
            self.transport.write_eof()
            self._linger = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()
            self._arm_unread()


def _ignore(rejected: Rejected) -> None:
    pass


def _never(scope: Scope) -> bool:
    return False
