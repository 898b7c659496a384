"""Sending one request with aiohttp, and its errors as exceptions of this package. No other module imports aiohttp."""

from __future__ import annotations

import asyncio
import functools
import io
import os
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
import yarl
from aiohttp.http import HttpProcessingError

from sunshine_conversations_client._messages import Headers, Response, StreamedBody
from sunshine_conversations_client._network import Tls, most_bytes, socket_options, too_long, unsendable
from sunshine_conversations_client._proxies import proxy_for
from sunshine_conversations_client.exceptions import (
    ApiArgumentError,
    ApiConnectionError,
    ApiException,
    ApiTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from aiohttp.connector import Connection

    from sunshine_conversations_client._messages import Request, Timeout
    from sunshine_conversations_client._proxies import Proxy
    from sunshine_conversations_client.configuration import Configuration

_MOST_BYTES_OF_HEADER = 65536
_DECODED_AT_ONCE = 4096
"""Compressed bytes that are decoded in one step, to at most about 4 MB, before the limit is checked."""

_WRITTEN_AT_ONCE = 65536
"""aiohttp writes longer bodies in parts, without blocking the event loop."""


class AiohttpTransport:
    """Sends requests through an aiohttp session with the settings of a configuration.

    A session belongs to one event loop, so a call on another loop opens a new session. Raises ApiArgumentError for
    settings that aiohttp cannot use.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._tls = Tls(configuration)
        self._socket_options = socket_options(configuration)
        self._context: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _current(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._configuration.connection_pool_maxsize or 0,
                    socket_factory=self._new_socket,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
                response_class=_Answer,
                trace_configs=[_tracing()],
                middlewares=[_send_once],
                max_line_size=_MOST_BYTES_OF_HEADER,
                max_field_size=_MOST_BYTES_OF_HEADER,
            )
        return self._session

    def _new_socket(self, address: Any) -> socket.socket:
        """Return a socket with the options of the configuration, for an entry of `socket.getaddrinfo`."""
        family, kind, protocol, _, _ = address
        new = _Socket(family, kind, protocol)
        try:
            for option in self._socket_options or ():
                new.setsockopt(*option)
        except BaseException:
            new.close()
            raise
        return new

    async def send(self, request: Request, timeout: Timeout) -> Response:
        """Send a request once. Raises ApiConnectionError, and ApiArgumentError for an invalid request, proxy or certificate.

        The time limit of a streamed request ends with the head of the answer. aiohttp's exceptions may hold bytes of the
        answer, so the cause of an error is such an exception without them, and its context is empty.
        """
        attempt = _Attempt(timeout)
        failure: ApiException
        try:
            async with attempt.limit:
                response = await self._send(request, timeout, attempt)
                if isinstance(request.body, StreamedBody) and request.body.error is not None:
                    raise request.body.error  # the service has answered a body that broke off
                return response
        except ApiException:
            raise
        except aiohttp.InvalidURL as error:
            failure = _refusal(error, attempt)
        except TimeoutError:  # also aiohttp's
            reason = "No complete answer arrived in time" if attempt.sent else "No connection opened in time"
            failure = ApiTimeoutError(reason, maybe_sent=attempt.sent)
            failure.__cause__ = TimeoutError(reason)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            failure = _failure(error, attempt)
        except ValueError as error:
            failure = _refusal(error, attempt)
        if isinstance(request.body, StreamedBody) and request.body.error is not None:
            raise request.body.error  # aiohttp hides it in one of its own
        raise failure  # outside of the `except`, because the library's exception would become its context

    async def _send(self, request: Request, timeout: Timeout, attempt: _Attempt) -> Response:
        proxy, most = self._proxy(request), most_bytes(self._configuration)
        over_tls = request.url.startswith("https:")
        body: Any = request.body
        if isinstance(body, StreamedBody):
            body = _parts_of(body)
        elif body is not None and len(body) > _WRITTEN_AT_ONCE:
            body = io.BytesIO(body)
        raw = await self._current().request(
            request.method,
            yarl.URL(request.url, encoded=True),
            data=body,
            headers=_sent_headers(request, None if over_tls else proxy),
            allow_redirects=False,
            auto_decompress=request.stream,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=None if proxy is None else proxy.headers,
            ssl=self._tls_context() if over_tls or (proxy is not None and proxy.url.startswith("https:")) else True,
            server_hostname=self._tls.server_name,
            timeout=_limits(timeout.read),
            trace_request_ctx=attempt,
        )
        # Latin-1, as the synchronous client has them, and not aiohttp's UTF-8 with surrogates.
        received = Headers.later((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw.raw_headers)
        if request.stream:
            return Response(raw.status, raw.reason, received, raw=raw)
        try:
            content = await _read_body(raw, most)
        finally:
            raw.close()  # it closes the connection, unless that is back in the pool because all of the body was read
        return Response(raw.status, raw.reason, received, content)

    def _proxy(self, request: Request) -> Proxy | None:
        """Return the proxy for a request. Raises ApiArgumentError if aiohttp cannot use it with the settings for TLS."""
        proxy = proxy_for(request.url, self._configuration)
        if proxy is not None and proxy.is_socks:
            raise ApiArgumentError(
                "The asynchronous client does not support this proxy. Use an http or https proxy, or the synchronous client."
            )
        if (
            proxy is not None
            and proxy.url.startswith("https:")
            and (self._tls.cert_file or self._tls.expected_name is not None)
        ):
            raise ApiArgumentError(
                "The asynchronous client cannot use assert_hostname or a client certificate with an https proxy, because"
                " aiohttp would use them for the proxy, too. Use an http proxy, or the synchronous client."
            )
        return proxy

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:  # loading the certificates takes longer than a call, and plain http needs none
            self._context = self._tls.context()
        return self._context

    async def close(self) -> None:
        """Close all open connections. A later request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


@functools.lru_cache(maxsize=16)
def _limits(read: float | None) -> aiohttp.ClientTimeout:
    """Return aiohttp's object for the limit of each read. It is immutable, so calls can share one."""
    return aiohttp.ClientTimeout(total=None, sock_read=read)


def _sent_headers(request: Request, proxy: Proxy | None) -> dict[str, str]:
    """Return the headers of a request, with those for its proxy. aiohttp itself sends the latter only with CONNECT."""
    headers = dict(request.headers.pairs())
    if "accept-encoding" not in request.headers:
        headers["Accept-Encoding"] = "identity"
    if isinstance(request.body, StreamedBody) and request.body.length is not None:
        headers["Content-Length"] = str(request.body.length)
    if proxy is not None:
        headers.update(proxy.headers)
    return headers


class _Attempt:
    """One sending of a request: its time limit, and whether the request was sent. aiohttp's tracing updates it.

    `limit` ends at the time of the whole call. While the connection is opened, it ends after `connect` seconds, if that
    is earlier. Without a time for the whole call, `connect` also limits the wait for a free connection.
    """

    __slots__ = ("_connect", "_ends", "_loop", "limit", "sent")

    def __init__(self, timeout: Timeout) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends = None if timeout.total is None else self._loop.time() + timeout.total
        self._connect = timeout.connect
        self.limit = asyncio.timeout_at(self._ends)
        self.sent = False

    def wait_for_connection(self) -> None:
        if self._ends is None:
            self.open_connection()

    def open_connection(self) -> None:
        if self._connect is not None:
            ends = self._loop.time() + self._connect
            self._end_at(ends if self._ends is None else min(ends, self._ends))

    def use_connection(self) -> None:
        self._end_at(self._ends)

    def _end_at(self, moment: float | None) -> None:
        # An expired limit cannot change; the task is cancelled already.
        if moment != self.limit.when() and not self.limit.expired():
            self.limit.reschedule(moment)


def _tracing() -> aiohttp.TraceConfig:
    """Return the tracing that keeps an `_Attempt` up to date. aiohttp passes it as `trace_request_ctx`."""

    async def wait(session: Any, context: Any, parameters: Any) -> None:
        context.trace_request_ctx.wait_for_connection()

    async def connect(session: Any, context: Any, parameters: Any) -> None:
        context.trace_request_ctx.open_connection()

    async def use(session: Any, context: Any, parameters: Any) -> None:
        context.trace_request_ctx.use_connection()

    async def send(session: Any, context: Any, parameters: Any) -> None:
        context.trace_request_ctx.sent = True  # aiohttp calls this before it writes the first byte, and not for CONNECT

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_queued_start.append(wait)
    tracing.on_connection_queued_end.append(use)
    tracing.on_connection_create_start.append(connect)
    tracing.on_connection_create_end.append(use)
    tracing.on_connection_reuseconn.append(use)
    tracing.on_request_headers_sent.append(send)
    return tracing


class _Socket(socket.socket):
    """A socket that drops what it cannot send because the peer has closed.

    The peer may have answered before, for example that an upload is too large. asyncio would close the socket unread.
    """

    def send(self, data: Any, flags: int = 0, /) -> int:
        try:
            return super().send(data, flags)
        except (BrokenPipeError, ConnectionResetError):
            return len(data)

    def sendmsg(self, buffers: Any, *arguments: Any) -> int:
        buffers = list(buffers)
        try:
            return super().sendmsg(buffers, *arguments)
        except (BrokenPipeError, ConnectionResetError):
            return sum(map(len, buffers))


class _Lost(aiohttp.ClientError):
    """A connection was lost. aiohttp would repeat an idempotent request after its own exceptions."""

    def __init__(self, error: aiohttp.ClientError) -> None:
        self.error = error


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request, as a middleware of aiohttp.

    Raises _Lost where aiohttp would send the request a second time, and hide that the first attempt may have succeeded.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Lost(error) from None


class _Answer(aiohttp.ClientResponse):
    """A response that closes its connection if a body follows that aiohttp does not read."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        response = await super().start(connection)
        if self.status == 204 and transport is not None:
            # HTTP forbids a body here. If it comes, it must not become the answer of the next call.
            announced = "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"
            if announced:
                transport.close()
        return response


async def _parts_of(body: StreamedBody) -> AsyncIterator[bytes]:
    """Yield the parts of a body, which a thread reads: a disk may be slow."""
    parts = iter(body)
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        yield part


async def _read_body(raw: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body after content decoding. Raises ApiDecodeError if it is longer than `most` bytes."""
    body: bytes | bytearray
    length = raw.content_length
    if length is not None and length > most:
        raise too_long(raw.status, most)
    if length is not None:
        body = await raw.content.read()
    else:
        body = bytearray()
        async for part in raw.content.iter_any():
            body += part
            if len(body) > most:
                raise too_long(raw.status, most)
    coding = raw.headers.get("content-encoding", "")
    return _decoded(raw, bytes(body), coding, most) if coding and body else bytes(body)


def _decoded(raw: aiohttp.ClientResponse, body: bytes, coding: str, most: int) -> bytes:
    """Return the decoded body. urllib3 decodes it, as in the synchronous client. Raises aiohttp's ClientPayloadError."""
    import urllib3

    response = urllib3.HTTPResponse(io.BytesIO(body), {"content-encoding": coding}, preload_content=False)
    decoded = bytearray()
    try:
        for part in response.stream(_DECODED_AT_ONCE):
            decoded += part
            if len(decoded) > most:
                raise too_long(raw.status, most)
    except urllib3.exceptions.HTTPError as error:
        name = type(error).__name__
    else:
        return bytes(decoded)
    raise aiohttp.ClientPayloadError(name)


def _failure(error: Exception, attempt: _Attempt) -> ApiConnectionError:
    """Return the exception for an error of aiohttp."""
    cause = _cleaned(error.error if isinstance(error, _Lost) else error)
    failure = ApiConnectionError(_reason(cause), maybe_sent=attempt.sent)
    failure.__cause__ = cause
    return failure


def _refusal(error: ValueError, attempt: _Attempt) -> ApiException:
    """Return the exception for an error of Python, which names no value: the value may be a credential."""
    if attempt.sent:
        return _failure(error, attempt)
    return unsendable()


def _cleaned(error: Exception) -> Exception:
    """Return an error of aiohttp, or one like it, without a traceback and without the bytes of the answer in its message."""
    if isinstance(error, aiohttp.ClientConnectorError):  # before there is an answer
        cause: Exception = error
        system_error = getattr(error, "os_error", None)  # before aiohttp 3.14, a refused certificate has none
        if isinstance(system_error, OSError):
            cause.__cause__ = system_error.with_traceback(None)
            system_error.__cause__ = system_error.__context__ = None
        cause.__context__ = None
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        cause = aiohttp.ClientConnectionError(f"The proxy refused the connection with the status {error.status}")
    elif isinstance(error, OSError) and error.errno:
        cause = aiohttp.ClientOSError(error.errno, os.strerror(error.errno))
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        cause = aiohttp.ServerDisconnectedError("The connection closed without a complete answer")
    elif isinstance(error, aiohttp.ClientConnectionError):
        cause = aiohttp.ClientConnectionError("The connection closed without a complete answer")
    else:
        cause = aiohttp.ClientPayloadError(f"The answer is incomplete or not valid HTTP ({type(error).__name__})")
    return cause.with_traceback(None)


def _reason(cause: Exception) -> str:
    name = type(cause).__name__
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return f"{name}: {cause.host}:{cause.port}: {cause.certificate_error}"
    if isinstance(cause, aiohttp.ClientConnectorError):
        system_error = cause.os_error
        number = 0 if isinstance(system_error, ssl.SSLError) else system_error.errno or 0
        return f"{name}: {cause.host}:{cause.port}: {os.strerror(number) if number > 0 else system_error}"
    return f"{name}: {cause.strerror if isinstance(cause, OSError) else cause}"
