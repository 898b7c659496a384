"""Sending one request with aiohttp, and its errors as exceptions of this package. No other module imports aiohttp."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING

import aiohttp
import yarl

from sunshine_conversations_client._messages import Headers, Response
from sunshine_conversations_client._network import Tls
from sunshine_conversations_client._proxies import proxy_for
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiConnectionError, ApiException, ApiTimeoutError

if TYPE_CHECKING:
    from sunshine_conversations_client._messages import Request, Timeout
    from sunshine_conversations_client._proxies import Proxy
    from sunshine_conversations_client.configuration import Configuration


# Errors after which the service has certainly not received the request.
_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


class AiohttpTransport:
    """Sends requests through an aiohttp session with the settings of a configuration.

    A session belongs to one event loop, so a call on another loop opens a new session. Raises ApiArgumentError for
    settings that aiohttp cannot use.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._tls = Tls(configuration)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _current(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._configuration.connection_pool_maxsize or 0, ssl=self._tls.context()
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            )
            # aiohttp would repeat an idempotent request itself, and hide that the first attempt may have succeeded.
            self._session._retry_connection = False
        return self._session

    async def send(self, request: Request, timeout: Timeout) -> Response:
        """Send a request once. Raises ApiConnectionError, and ApiArgumentError for an invalid proxy or certificate."""
        try:
            return await self._send(request, timeout)
        except ApiException:
            raise
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            raise ApiTimeoutError(_reason(error), maybe_sent=not isinstance(error, _NEVER_SENT)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ApiConnectionError(_reason(error), maybe_sent=not isinstance(error, _NEVER_SENT)) from error
        except ValueError as error:
            raise ApiConnectionError(f"The answer is not valid HTTP ({type(error).__name__})") from None

    async def _send(self, request: Request, timeout: Timeout) -> Response:
        configuration = self._configuration
        proxy = _http_proxy(proxy_for(request.url, configuration))
        sent_headers = dict(request.headers)
        if proxy and request.url.startswith("http:"):  # aiohttp sends proxy_headers only when it opens a tunnel
            sent_headers |= dict(proxy.headers)
        raw = await self._current().request(
            request.method,
            yarl.URL(request.url, encoded=True),
            data=request.body,
            headers=sent_headers,
            allow_redirects=False,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=None if proxy is None else proxy.headers,
            server_hostname=self._tls.server_name,
            timeout=aiohttp.ClientTimeout(
                total=None if request.stream else timeout.total, sock_connect=timeout.connect, sock_read=timeout.read
            ),
        )
        headers = Headers(raw.headers.items())
        if request.stream:
            return Response(raw.status, raw.reason, headers, raw=raw)
        async with raw:
            return Response(raw.status, raw.reason, headers, await raw.read())

    async def close(self) -> None:
        """Close all open connections. A later request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _http_proxy(proxy: Proxy | None) -> Proxy | None:
    if proxy is not None and proxy.is_socks:
        raise ApiArgumentError(
            "The asynchronous client does not support this proxy. Use an http or https proxy, or the synchronous client."
        )
    return proxy


def _reason(error: BaseException) -> str:
    """Return what went wrong. aiohttp's own messages quote bytes of the answer, which may be secret, so most are dropped."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):  # before aiohttp 3.14 it has no os_error
        return f"{name}: {error.host}:{error.port}: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        number = 0 if isinstance(cause, ssl.SSLError) else cause.errno or 0
        return f"{name}: {error.host}:{error.port}: {os.strerror(number) if number > 0 else cause}"
    return f"{name}: {error}" if isinstance(error, aiohttp.ServerDisconnectedError | TimeoutError) else name
