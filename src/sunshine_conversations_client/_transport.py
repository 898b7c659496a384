"""The only place that imports the HTTP library: one request, one answer, and the library's errors as ours."""

from __future__ import annotations

import http.client
import io
import os
import threading
import time
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sunshine_conversations_client._messages import Headers, Response
from sunshine_conversations_client._proxies import ca_bundle, proxy_for
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiConnectionError, ApiException, ApiTimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, Protocol

    from sunshine_conversations_client._messages import Request, Timeout
    from sunshine_conversations_client.configuration import Configuration

    class Transport(Protocol):
        """What a client needs of an HTTP library."""

        def send(self, request: Request, timeout: Timeout) -> Response:
            """One attempt: no retry, no redirect. Raises ApiConnectionError or ApiTimeoutError."""
            ...

        def close(self) -> None: ...


class ConnectionFailed(ApiConnectionError, urllib3_errors.MaxRetryError):  # type: ignore[misc]  # both have a reason
    """Also what callers of the official client catch where no connection could be made or was lost."""

    pool = url = None  # type: ignore[assignment]  # urllib3's names for what a pool tried


class TimedOut(ApiTimeoutError, urllib3_errors.MaxRetryError, urllib3_errors.TimeoutError):  # type: ignore[misc]
    """Also what callers of the official client catch where an answer took too long."""

    pool = url = None  # type: ignore[assignment]  # urllib3's names for what a pool tried


# Not urllib3's SSLError: it stands for failures after the request was sent as well.
_NEVER_SENT = (
    urllib3_errors.NewConnectionError,
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NameResolutionError,
    urllib3_errors.ProxyError,
    urllib3_errors.LocationValueError,
)


_MOST_HOSTS = 1000
"""Far more hosts than a client has; a pool that the manager dropped would still be kept here."""


class _Deadline(threading.local):
    """When the answer that this thread waits for must have come, by the monotonic clock."""

    moment: float | None = None


_deadline = _Deadline()


class _DeadlineReader(io.RawIOBase):
    """Reads a socket; no wait of its goes beyond the deadline.

    A socket's own timeout starts anew with every byte, so a peer that sends one now and then could hold a call for
    ever.
    """

    def __init__(self, stream: io.BufferedReader, connection: socket.socket) -> None:
        self._stream = stream
        self._socket = connection
        self._timeout = connection.gettimeout()
        self.moment = _deadline.moment

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.moment is not None:
            remaining = self.moment - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("the call's time is over")
            # Setting a timeout is a system call: it is left as it is while it is within a tenth of what remains.
            if self._timeout is None or remaining < 0.9 * self._timeout:
                self._timeout = remaining
                self._socket.settimeout(remaining)
        read: int | None = self._stream.raw.readinto(buffer)
        return read

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            super().close()


_library: Any = http.client.HTTPResponse  # its types leave out what reads the status line


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.reader = _DeadlineReader(self.fp, sock)
        self.fp = io.BufferedReader(self.reader)

    def _read_status(self) -> tuple[str, int, str]:
        """The status of the final answer: http.client skips 100, and would take another 1xx for final."""
        while True:
            version, status, reason = _library._read_status(self)
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _HTTPConnection(HTTPConnection):
    response_class = _Response


class _HTTPSConnection(HTTPSConnection):
    response_class = _Response


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls: Any = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls: Any = _HTTPSConnection


class UrllibTransport:
    """urllib3's connection pool, set up as a configuration says. Raises ApiArgumentError for settings that cannot be."""

    def __init__(self, configuration: Configuration) -> None:
        settings: dict[str, Any] = {
            "num_pools": _MOST_HOSTS,
            "maxsize": configuration.connection_pool_maxsize or 1,
            "block": False,
            "cert_reqs": "CERT_REQUIRED" if configuration.verify_ssl else "CERT_NONE",
            "ca_certs": configuration.ssl_ca_cert or (None if configuration.ca_cert_data else ca_bundle()),
            "ca_cert_data": configuration.ca_cert_data,
            "cert_file": configuration.cert_file,
            "key_file": configuration.key_file,
        }
        if configuration.assert_hostname is not None:
            settings["assert_hostname"] = configuration.assert_hostname
        if configuration.tls_server_name:
            settings["server_hostname"] = configuration.tls_server_name
        if configuration.socket_options is not None:
            settings["socket_options"] = configuration.socket_options
        self._configuration = configuration
        self._settings = settings
        self._start_anew()

    def _start_anew(self) -> None:
        """No connection yet; nor one of the process this one was forked from, whose answers would cross with its."""
        self._process = os.getpid()
        self._managers: dict[str | None, urllib3.PoolManager] = {}
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}
        self.pool_manager = self._manager(self._configuration.proxy)

    def _manager(self, proxy: str | None) -> urllib3.PoolManager:
        """The connections by way of a proxy, or the direct ones."""
        manager = self._managers.get(proxy)
        if manager is None:
            manager = self._managers[proxy] = _new_manager(proxy, self._configuration.proxy_headers, self._settings)
        return manager

    def _open(self, request: Request, **options: Any) -> urllib3.BaseHTTPResponse:
        if self._process != os.getpid():
            self._start_anew()
        proxy = proxy_for(request.url, self._configuration)
        if proxy:
            return self._manager(proxy).urlopen(request.method, request.url, **options)
        # Straight to the host's pool: finding it by way of the manager took a fifth of a call's CPU time.
        parts = urlsplit(request.url)
        pool = self._pools.get((parts.scheme, parts.netloc))
        if pool is None:
            found = self._manager(None).connection_from_host(parts.hostname, parts.port, parts.scheme)
            pool = self._pools[parts.scheme, parts.netloc] = found
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return pool.urlopen(request.method, target, assert_same_host=False, **options)

    def send(self, request: Request, timeout: Timeout) -> Response:
        started = time.monotonic()
        _deadline.moment = None if timeout.total is None else started + timeout.total
        try:
            return self._send(request, timeout)
        except ApiException:
            raise
        except urllib3_errors.TimeoutError as error:
            never_sent = isinstance(error, _NEVER_SENT)
            kind = ConnectionFailed if isinstance(error, urllib3_errors.NewConnectionError) else TimedOut
            raise kind(_reason(error), maybe_sent=not never_sent) from error
        except urllib3_errors.HTTPError as error:
            kind = TimedOut if _timed_out(error) else ConnectionFailed
            raise kind(_reason(error), maybe_sent=not isinstance(error, _NEVER_SENT)) from error
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionFailed(_reason(error)) from error
        except (ValueError, TypeError) as error:
            # What the library will not send was refused before; this is an answer that it cannot read.
            raise ConnectionFailed(f"the answer cannot be read ({_name(error)})") from None
        finally:
            _deadline.moment = None

    def _send(self, request: Request, timeout: Timeout) -> Response:
        raw = self._open(
            request,
            body=request.body,
            headers=dict(request.headers),
            timeout=urllib3.Timeout(connect=timeout.connect, read=timeout.read, total=timeout.total),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        headers = Headers(raw.headers.items())
        if request.stream:
            reader = getattr(getattr(raw, "_fp", None), "reader", None)
            if reader is not None:
                reader.moment = None  # the caller reads the body in a time of their own
            return Response(raw.status, raw.reason, headers, raw=raw)
        try:
            body = raw.read(decode_content=True)
        except BaseException:
            raw.close()  # not back to the pool: the rest of the answer would be taken for the next one's
            raise
        raw.release_conn()
        if not body and raw.version == 11 and raw.status not in (204, 304) and not _framed(headers):
            raise ConnectionFailed("the answer broke off in its headers")
        return Response(raw.status, raw.reason, headers, body)

    def close(self) -> None:
        """Close the connections that are kept; a later request opens new ones."""
        self._pools.clear()
        for manager in list(self._managers.values()):
            manager.clear()


def _new_manager(
    proxy: str | None, proxy_headers: dict[str, str] | None, settings: dict[str, Any]
) -> urllib3.PoolManager:
    try:
        if proxy and proxy.startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(proxy, **settings)
        manager = (
            urllib3.ProxyManager(proxy, proxy_headers=proxy_headers, **settings)
            if proxy
            else urllib3.PoolManager(**settings)
        )
    except (ImportError, urllib3_errors.DependencyWarning):
        raise ApiArgumentError("a socks proxy needs the package PySocks") from None
    except (ValueError, urllib3_errors.HTTPError) as error:
        raise ApiArgumentError(f"proxy should be a URL such as http://127.0.0.1:3128 ({_name(error)})") from None
    pools: dict[str, Any] = {"http": _HTTPPool, "https": _HTTPSPool}
    manager.pool_classes_by_scheme = pools
    return manager


def _framed(headers: Headers) -> bool:
    """Whether the headers tell where the body ends."""
    return "content-length" in headers or "transfer-encoding" in headers


def _timed_out(error: BaseException | None) -> bool:
    """Whether a timeout is behind an error; urllib3 tells of one within a body as of a broken connection."""
    while error is not None:
        if isinstance(error, TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _name(error: BaseException) -> str:
    return type(error).__name__


def _reason(error: BaseException) -> str:
    """What went wrong, without the address of the pool object that urllib3 puts in front."""
    text = str(error)
    _, marker, rest = text.partition(": ")
    return f"{_name(error)}: {rest if marker and text.startswith('<') else text}"
