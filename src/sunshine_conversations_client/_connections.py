"""urllib3's connections with the TLS, proxy and pool settings of a configuration. A forked child opens its own."""

from __future__ import annotations

import http.client
import io
import os
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sunshine_conversations_client._network import Tls, socket_options
from sunshine_conversations_client._proxies import configured_proxy
from sunshine_conversations_client._wire import Deadline
from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    import socket
    from typing import Any

    from sunshine_conversations_client._proxies import Proxy
    from sunshine_conversations_client.configuration import Configuration

_MOST_HOSTS = 1000
"""More hosts than a client ever has: `_pools` would otherwise keep a pool that the pool manager has dropped."""


class Connections:
    """Holds the open connections. Raises ApiArgumentError for invalid settings."""

    def __init__(self, configuration: Configuration) -> None:
        settings: dict[str, Any] = {
            "num_pools": _MOST_HOSTS,
            "maxsize": configuration.connection_pool_maxsize or 1,
            "block": False,
        } | Tls(configuration).pool_keywords()
        if (options := socket_options(configuration)) is not None:
            settings["socket_options"] = options
        self._settings = settings
        self._reset()
        self.pool_manager(configured_proxy(configuration))

    def _reset(self) -> None:
        self._process = os.getpid()
        self._pool_managers: dict[Proxy | None, urllib3.PoolManager] = {}
        self._pools: dict[tuple[str, str], Any] = {}

    def pool_manager(self, proxy: Proxy | None) -> urllib3.PoolManager:
        """Return the connections through a proxy, or the direct connections for None."""
        if self._process != os.getpid():  # a forked child would read its parent's answers
            self._reset()
        pool_manager = self._pool_managers.get(proxy)
        if pool_manager is None:
            pool_manager = self._pool_managers[proxy] = _new_pool_manager(proxy, self._settings)
        return pool_manager

    def pool(self, url: str) -> Any:
        """Return the connections to the host of a URL."""
        pool_manager = self.pool_manager(None)
        parts = urlsplit(url)
        pool = self._pools.get((parts.scheme, parts.netloc))
        if pool is None:  # cached here, because the lookup in the pool manager takes a fifth of the CPU time of a call
            pool = pool_manager.connection_from_host(parts.hostname, parts.port, parts.scheme)
            self._pools[parts.scheme, parts.netloc] = pool
        return pool

    def close(self) -> None:
        """Close all open connections. A later request opens new ones."""
        self._pools.clear()
        for pool_manager in list(self._pool_managers.values()):
            pool_manager.clear()


class ResponseDeadline(threading.local):
    """The time of the monotonic clock at which this thread stops waiting for an answer that urllib3 reads."""

    moment: float | None = None


response_deadline = ResponseDeadline()


class _DeadlineReader(io.RawIOBase):
    """Reads a socket for http.client. No wait goes beyond the deadline."""

    def __init__(self, stream: io.BufferedReader, connection: socket.socket) -> None:
        self._stream = stream
        self.deadline = Deadline(connection, connection.gettimeout(), response_deadline.moment)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self.deadline.limit_next_wait()
        read: int | None = self._stream.raw.readinto(buffer)
        return read

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            super().close()


_library: Any = http.client.HTTPResponse  # its type stubs lack _read_status


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.reader = _DeadlineReader(self.fp, sock)
        self.fp = io.BufferedReader(self.reader)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status of the final answer. http.client skips 100, but treats every other 1xx as final."""
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


def _new_pool_manager(proxy: Proxy | None, settings: dict[str, Any]) -> urllib3.PoolManager:
    try:
        if proxy is not None and proxy.is_socks:
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(proxy.url, proxy.username, proxy.password, **settings)
        pool_manager = (
            urllib3.PoolManager(**settings)
            if proxy is None
            else urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **settings)
        )
    except (ImportError, urllib3_errors.DependencyWarning):
        raise ApiArgumentError("A socks proxy needs the package PySocks. Install it, or use an http proxy.") from None
    except (ValueError, urllib3_errors.HTTPError) as error:
        raise ApiArgumentError(
            f"The proxy is not a valid URL ({type(error).__name__}). Use a URL such as http://127.0.0.1:3128."
        ) from None
    pools: dict[str, Any] = {"http": _HTTPPool, "https": _HTTPSPool}
    pool_manager.pool_classes_by_scheme = pools
    return pool_manager
