"""Sending one request through urllib3, and its errors as exceptions of this package."""

from __future__ import annotations

import functools
import http.client
import io
import os
import threading
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import exceptions as urllib3_errors
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sunshine_conversations_client._bounded import Attempt, BoundedContext, bounded_pool, current
from sunshine_conversations_client._messages import Headers, Request, Response, StreamedBody, Timeout
from sunshine_conversations_client._network import Tls, most_bytes, socket_options, too_long, unsendable
from sunshine_conversations_client._operations import timeout_of
from sunshine_conversations_client._proxies import configured_proxy, proxy_for
from sunshine_conversations_client._rest import RESTResponse, response_of
from sunshine_conversations_client.exceptions import (
    ApiArgumentError,
    ApiConnectionError,
    ApiException,
    ApiTimeoutError,
)

if TYPE_CHECKING:
    from sunshine_conversations_client._proxies import Proxy
    from sunshine_conversations_client.configuration import Configuration

_MOST_HOSTS = 1000
"""More hosts than a client ever has. A pool manager with fewer closes connections that are in use."""

_NO_RETRIES = urllib3.Retry.from_int(False, redirect=False)
"""What urllib3 would create from `retries=False` for every request."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})
_READ_AT_ONCE = 65536


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


# Errors of http.client and urllib3 about an answer that hold only numbers and fixed words.
_QUOTE_NOTHING = (http.client.RemoteDisconnected, urllib3_errors.IncompleteRead, http.client.LineTooLong)


def _origin(context: dict[str, Any]) -> Any:
    """Return what names the connections for a request. Those of one pool manager differ in nothing else."""
    return context["scheme"], context["host"], context["port"]


class UrllibTransport:
    """Sends requests through urllib3 with the settings of a configuration. Raises ApiArgumentError for invalid settings."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._tls = Tls(configuration)
        self._settings: dict[str, Any] = self._tls.pool_keywords() | {
            "num_pools": _MOST_HOSTS,
            "maxsize": configuration.connection_pool_maxsize or 1,
            "block": False,
            "ssl_context": BoundedContext(self._tls),
        }
        if (options := socket_options(configuration)) is not None:
            self._settings["socket_options"] = options
        self._lock = threading.Lock()
        self._reset()
        self._pools_through(configured_proxy(configuration))

    def _reset(self) -> None:
        self._pools: dict[Proxy | None, urllib3.PoolManager] = {}
        self._opened_by = self._opener()

    @staticmethod
    def _opener() -> tuple[Any, ...]:
        """Return what opens connections: a process, with urllib3's classes or those of a recorder such as vcrpy.

        Another opener cannot use the connections: a forked child would read its parent's answers, and the recorder would
        not see what is sent.
        """
        return os.getpid(), HTTPConnectionPool.ConnectionCls, HTTPSConnectionPool.ConnectionCls

    @property
    def pool_manager(self) -> urllib3.PoolManager:
        """urllib3's pool manager, under the name that the official client has for it."""
        return self._pools_through(configured_proxy(self._configuration))

    def _pools_through(self, proxy: Proxy | None) -> urllib3.PoolManager:
        """Return the connections through a proxy, or the direct connections for None."""
        pools = self._pools.get(proxy) if self._opened_by == self._opener() else None
        if pools is not None:
            return pools
        with self._lock:
            if self._opened_by != self._opener():
                self._reset()
            if proxy not in self._pools:
                self._pools[proxy] = self._new_pools(proxy)
            return self._pools[proxy]

    def _new_pools(self, proxy: Proxy | None) -> urllib3.PoolManager:
        pools: urllib3.PoolManager
        try:
            if proxy is None:
                pools = urllib3.PoolManager(**self._settings)
            elif proxy.is_socks:
                from urllib3.contrib.socks import SOCKSProxyManager

                pools = SOCKSProxyManager(proxy.url, proxy.username, proxy.password, **self._settings)
            else:
                context = BoundedContext(self._tls, for_proxy=True)
                pools = urllib3.ProxyManager(
                    proxy.url, proxy_headers=proxy.headers, proxy_ssl_context=context, **self._settings
                )
        except (ImportError, urllib3_errors.DependencyWarning):
            raise ApiArgumentError(
                "A socks proxy needs the package PySocks. Install it, or use an http proxy."
            ) from None
        except (ValueError, urllib3_errors.HTTPError) as error:
            raise ApiArgumentError(
                f"The proxy is not a valid URL ({type(error).__name__}). Use a URL such as http://127.0.0.1:3128."
            ) from None
        pools.key_fn_by_scheme = dict.fromkeys(pools.key_fn_by_scheme, functools.partial(_origin))
        pools.pool_classes_by_scheme = {
            scheme: bounded_pool(pool) for scheme, pool in pools.pool_classes_by_scheme.items()
        }
        return pools

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> RESTResponse:
        """Send a request once, with the arguments of the official client, and return its response, of any status.

        `body` is bytes or text. Raises what `send` raises. If a test replaces this method on an instance, every call of
        the client goes through the replacement.
        """
        if post_params:
            raise ApiArgumentError("This method sends no forms. Pass the data as `body`.")
        timeout = timeout_of(_request_timeout)
        content = body.encode() if isinstance(body, str) else body
        return RESTResponse(self._send_once(Request(method, url, Headers((headers or {}).items()), content), timeout))

    def send(self, request: Request, timeout: Timeout) -> Response:
        """Send a request once. Raises ApiConnectionError, and ApiArgumentError for an invalid request or proxy."""
        if getattr(self.request, "__func__", None) is _REQUEST:
            return self._send_once(request, timeout)
        return response_of(
            self.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                body=None if request.body is None else bytes(request.body),
                post_params=None,
                _request_timeout=timeout.total or (timeout.connect and (timeout.connect, timeout.read)),
            ),
            stream=request.stream,
        )

    def _send_once(self, request: Request, timeout: Timeout) -> Response:
        attempt = Attempt(timeout.connect, timeout.read, timeout.total)
        outer, current.attempt = current.attempt, attempt  # an upload's callback may call the client
        try:
            return self._send(request, timeout, attempt)
        except ApiException:
            raise
        except (urllib3_errors.HTTPError, OSError, http.client.HTTPException) as error:
            failure: ApiException = _failure(error, attempt)
        except (ValueError, TypeError) as error:
            failure = _refusal(error, attempt)
        finally:
            current.attempt = outer
        if isinstance(request.body, StreamedBody) and request.body.error is not None:
            raise request.body.error
        raise failure  # here, because the exception in hand may hold bytes of the answer, and would become its context

    def _send(self, request: Request, timeout: Timeout, attempt: Attempt) -> Response:
        if request.headers.has_any(_FRAMING):
            raise ApiArgumentError(
                "The headers set Content-Length or Transfer-Encoding. Remove them: the client sets the length."
            )
        most = most_bytes(self._configuration)
        headers, body = dict(request.headers.pairs()), request.body
        if isinstance(body, StreamedBody) and body.length is not None:
            headers["Content-Length"] = str(body.length)
        raw: Any = self._pools_through(proxy_for(request.url, self._configuration)).request(
            request.method,
            request.url,
            body=iter(body) if isinstance(body, StreamedBody) else body,
            headers=headers,
            timeout=_limits(timeout.connect, timeout.read),
            retries=_NO_RETRIES,
            redirect=False,
            preload_content=False,
        )
        if attempt.stage is None:
            return response_of(raw, stream=request.stream)  # a stand-in has answered
        received = Headers.later(raw.headers.items())
        if request.stream:
            attempt.moment = None  # no deadline applies while the caller reads the body
            return Response(raw.status, raw.reason, received, raw=raw)
        return Response(raw.status, raw.reason, received, _read_body(raw, most))

    def close(self) -> None:
        """Close all open connections. A later request opens new ones."""
        for pools in list(self._pools.values()):
            pools.clear()


_REQUEST = UrllibTransport.request


@functools.lru_cache(maxsize=16)
def _limits(connect: float | None, read: float | None) -> urllib3.Timeout:
    """Return urllib3's object for two limits. urllib3 copies it, so calls can share one."""
    return urllib3.Timeout(connect=connect, read=read)


def _read_body(raw: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """Return the body of an answer and release its connection. Raises ApiDecodeError if the body is too long."""
    if raw.status == 204 and ("transfer-encoding" in raw.headers or raw.headers.get("content-length", "0") != "0"):
        raw.close()  # HTTP forbids this body; if it comes, it must not become the answer of the next call
        return b""
    try:
        body = _body_within(raw, most)
    except BaseException:
        raw.close()  # back in the pool, the next request would read the rest of this answer
        raise
    raw.release_conn()
    return body


def unread(response: Response) -> Any:
    """Return urllib3's response for one that is read already. The caller can read its body."""
    return urllib3.HTTPResponse(
        io.BytesIO(response.body),
        response.headers,
        response.status,
        reason=response.reason,
        preload_content=False,
        decode_content=False,
    )


def _body_within(raw: urllib3.BaseHTTPResponse, most: int) -> bytes:
    body: bytes | bytearray = b""
    length = None if "content-encoding" in raw.headers else raw.length_remaining
    if length is None:
        body = bytearray()
        while len(body) <= most and (part := raw.read(_READ_AT_ONCE)):
            body += part
        length = len(body)
    elif length <= most:
        body = raw.read()
    if length > most:
        raise too_long(raw.status, most)
    return bytes(body)


def _failure(error: Exception, attempt: Attempt) -> ApiConnectionError:
    """Return the exception for an error of urllib3. Its cause is that error, or one like it that holds no bytes of the answer."""
    maybe_sent = attempt.stage == Attempt.SENT
    if attempt.stage is None:  # a stand-in has raised it, or urllib3 before it looked for a connection
        cause = error.__cause__ if isinstance(error, urllib3_errors.ProxyError) else error
        maybe_sent = not isinstance(cause, _NEVER_SENT)
    name = _quoting(error)
    if name is not None:
        error = urllib3_errors.ProtocolError(
            "The connection closed within the answer"
            if name == "IncompleteRead"
            else f"The answer is not valid HTTP ({name})"
        )
    failure = (TimedOut if _timed_out(error) else ConnectionFailed)(_reason(error), maybe_sent=maybe_sent)
    failure.__cause__ = error
    return failure


def _refusal(error: Exception, attempt: Attempt) -> ApiException:
    """Return the exception for an error of Python, which names no value: the value may be a credential."""
    if attempt.stage == Attempt.SENT:
        return ConnectionFailed(f"The answer is not valid HTTP ({type(error).__name__})")
    return unsendable()


def _quoting(error: BaseException) -> str | None:
    """Return the name of the error that may hold bytes of the answer, if one is in `error` or led to it."""
    seen: BaseException | None = error
    while seen is not None:
        for cause in (seen, *seen.args):
            if isinstance(cause, http.client.HTTPException) and not isinstance(cause, _QUOTE_NOTHING):
                return type(cause).__name__
            if isinstance(cause, urllib3_errors.DecodeError | urllib3_errors.InvalidHeader):
                return type(cause).__name__
        seen = seen.__cause__ or seen.__context__
    return None


def _timed_out(error: BaseException | None) -> bool:
    """Return True if a timeout caused an error. urllib3 reports a timeout within a body as a broken connection."""
    while error is not None and not isinstance(error, urllib3_errors.NewConnectionError):  # a subclass of its timeout
        if isinstance(error, TimeoutError | urllib3_errors.TimeoutError):
            return True
        error = error.__cause__
    return False


def _reason(error: BaseException) -> str:
    """Return what went wrong, without the repr of the pool that starts urllib3's messages."""
    if isinstance(error, urllib3_errors.ProtocolError) and isinstance(error.args[-1], Exception):
        error = error.args[-1]  # the first argument is "Connection aborted."
    text = str(error)
    _, marker, rest = text.partition(": ")
    return f"{type(error).__name__}: {rest if marker and text.startswith('<') else text}"
