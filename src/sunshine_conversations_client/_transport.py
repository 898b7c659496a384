"""Sending one request over urllib3's connections, and its errors as exceptions of this package."""

from __future__ import annotations

import contextlib
import http.client
import io
import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions as urllib3_errors
from urllib3.util.ssl_match_hostname import CertificateError

from sunshine_conversations_client._connections import Connections, response_deadline
from sunshine_conversations_client._messages import Headers, Response
from sunshine_conversations_client._proxies import configured_proxy, proxy_for
from sunshine_conversations_client._wire import Deadline, Stream, read_answer, request_bytes
from sunshine_conversations_client.exceptions import ApiConnectionError, ApiException, ApiTimeoutError

if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._messages import Request, Timeout
    from sunshine_conversations_client._proxies import Proxy
    from sunshine_conversations_client.configuration import Configuration


class ConnectionFailed(ApiConnectionError, urllib3_errors.MaxRetryError):  # type: ignore[misc]  # both have a reason
    """A connection failed. It is also a MaxRetryError, which callers of the official client catch."""

    pool = url = None  # type: ignore[assignment]  # urllib3's names for what a pool tried


class TimedOut(ApiTimeoutError, urllib3_errors.MaxRetryError, urllib3_errors.TimeoutError):  # type: ignore[misc]
    """An answer took too long. It is also urllib3's MaxRetryError and TimeoutError, as in the official client."""

    pool = url = None  # type: ignore[assignment]  # urllib3's names for what a pool tried


# Errors of `urlopen` after which the service has certainly not received the request. SSLError and ProxyError are missing:
# urllib3 also raises them for failures after it sent the request.
_NEVER_SENT = (
    urllib3_errors.NewConnectionError,
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NameResolutionError,
    urllib3_errors.LocationValueError,
)


class UrllibTransport:
    """Sends requests through urllib3 with the settings of a configuration. Raises ApiArgumentError for invalid settings."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._connections = Connections(configuration)

    @property
    def pool_manager(self) -> urllib3.PoolManager:
        """urllib3's pool manager, under the name that the official client has for it."""
        return self._connections.pool_manager(configured_proxy(self._configuration))

    def send(self, request: Request, timeout: Timeout) -> Response:
        """Send a request once. Raises ApiConnectionError, and ApiArgumentError for an invalid request or proxy."""
        moment = None if timeout.total is None else time.monotonic() + timeout.total
        try:
            proxy = proxy_for(request.url, self._configuration)
            if proxy or request.stream:
                return self._send_by_library(request, timeout, moment, proxy)
            return self._send(request, timeout, moment)
        except ApiException:
            raise
        except (urllib3_errors.HTTPError, OSError, http.client.HTTPException) as error:
            cause = error.__cause__ if isinstance(error, urllib3_errors.ProxyError) else error
            raise _failure(error, maybe_sent=not isinstance(cause, _NEVER_SENT)) from error
        except (ValueError, TypeError) as error:
            # Invalid requests were refused before, so the library could not read the answer.
            raise ConnectionFailed(f"The answer is not valid HTTP ({_name(error)})") from None

    def _send(self, request: Request, timeout: Timeout, moment: float | None) -> Response:
        """Send a request directly to the host and return its complete answer."""
        parts = urlsplit(request.url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        sent = request_bytes(request, parts.netloc.rpartition("@")[2], target)
        pool = self._connections.pool(request.url)
        connection = pool._get_conn()
        try:
            if connection.is_closed:
                _connect(pool, connection, timeout.connect)
            deadline = Deadline(connection.sock, timeout.read, moment)
            deadline.limit_next_wait()
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError
            ):  # the service may have answered before it closed
                connection.sock.sendall(sent)
            response, reusable = read_answer(Stream(connection.sock, deadline), request.method)
        except BaseException:
            connection.close()  # the next request would read the rest of this answer
            raise
        if not reusable:
            connection.close()
        pool._put_conn(connection)
        coding = response.headers.get("content-encoding")
        if coding and response.body:
            response.body = urllib3.HTTPResponse(io.BytesIO(response.body), {"content-encoding": coding}).data
        return response

    def _send_by_library(
        self, request: Request, timeout: Timeout, moment: float | None, proxy: Proxy | None
    ) -> Response:
        """Send a request with `urlopen`: through a proxy, or to return urllib3's response with its body unread."""
        response_deadline.moment = moment
        try:
            raw = self._connections.pool_manager(proxy).urlopen(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=timeout.connect, read=timeout.read, total=timeout.total),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        finally:
            response_deadline.moment = None
        headers = Headers(raw.headers.items())
        if request.stream:
            reader = getattr(getattr(raw, "_fp", None), "reader", None)
            if reader is not None:
                reader.deadline.moment = None  # no deadline applies while the caller reads the body
            return Response(raw.status, raw.reason, headers, raw=raw)
        try:
            body = raw.read(decode_content=True)
        except BaseException:
            raw.close()  # back in the pool, the next request would read the rest of this answer
            raise
        raw.release_conn()
        if not body and raw.version == 11 and raw.status not in (204, 304) and not _framed(headers):
            raise ConnectionFailed("The connection closed within the headers of the answer")
        return Response(raw.status, raw.reason, headers, body)

    def close(self) -> None:
        """Close all open connections. A later request opens new ones."""
        self._connections.close()


def _connect(pool: Any, connection: Any, limit: float | None) -> None:
    """Open a connection. Raises ApiConnectionError with maybe_sent=False: nothing was sent yet."""
    connection.timeout = limit
    try:
        pool._validate_conn(connection)  # over TLS it connects, and warns if certificates are not verified
        if connection.is_closed:
            connection.connect()
    except (ssl.SSLError, CertificateError) as error:
        refused = urllib3_errors.SSLError(error)
        raise _failure(refused, maybe_sent=False) from refused
    except (urllib3_errors.HTTPError, OSError, ValueError) as error:
        raise _failure(error, maybe_sent=False) from error


def _failure(error: Exception, *, maybe_sent: bool) -> ApiConnectionError:
    return (TimedOut if _timed_out(error) else ConnectionFailed)(_reason(error), maybe_sent=maybe_sent)


def _framed(headers: Headers) -> bool:
    """Return True if the headers define where the body ends."""
    return "content-length" in headers or "transfer-encoding" in headers


def _timed_out(error: BaseException | None) -> bool:
    """Return True if a timeout caused an error. urllib3 reports a timeout within a body as a broken connection."""
    while error is not None and not isinstance(error, urllib3_errors.NewConnectionError):  # a subclass of its timeout
        if isinstance(error, TimeoutError | urllib3_errors.TimeoutError):
            return True
        error = error.__cause__
    return False


def _name(error: BaseException) -> str:
    return type(error).__name__


def _reason(error: BaseException) -> str:
    """Return what went wrong, without the repr of the pool that starts urllib3's messages."""
    text = str(error)
    _, marker, rest = text.partition(": ")
    return f"{_name(error)}: {rest if marker and text.startswith('<') else text}"
