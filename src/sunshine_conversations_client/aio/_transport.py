"""The only place that imports aiohttp: one request, one answer, and the library's errors as ours."""

from __future__ import annotations

import asyncio
import os
import ssl

import aiohttp
import yarl

from sunshine_conversations_client._messages import Headers, Response
from sunshine_conversations_client._proxies import ca_bundle, proxy_for
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiConnectionError, ApiException, ApiTimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._messages import Request, Timeout
    from sunshine_conversations_client.configuration import Configuration


_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


class AiohttpTransport:
    """aiohttp's session, set up as a configuration says, and made anew where the event loop is another."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _current(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._configuration.connection_pool_maxsize or 0, ssl=_tls(self._configuration)
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            )
            # Else it sends an idempotent request again by itself, and nobody learns that the first may have worked.
            self._session._retry_connection = False
        return self._session

    async def send(self, request: Request, timeout: Timeout) -> Response:
        try:
            return await self._send(request, timeout)
        except ApiException:
            raise
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            raise ApiTimeoutError(_reason(error), maybe_sent=not isinstance(error, _NEVER_SENT)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ApiConnectionError(_reason(error), maybe_sent=not isinstance(error, _NEVER_SENT)) from error
        except ValueError as error:
            raise ApiConnectionError(f"the answer cannot be read ({type(error).__name__})") from None

    async def _send(self, request: Request, timeout: Timeout) -> Response:
        configuration = self._configuration
        proxy = _http_proxy(proxy_for(request.url, configuration))
        headers_sent = dict(request.headers)
        if proxy and request.url.startswith("http:"):  # aiohttp has proxy_headers for tunnels only
            headers_sent |= configuration.proxy_headers or {}
        raw = await self._current().request(
            request.method,
            yarl.URL(request.url, encoded=True),
            data=request.body,
            headers=headers_sent,
            allow_redirects=False,
            proxy=proxy,
            proxy_headers=configuration.proxy_headers,
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
        """Close the connections that are kept; a later request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _http_proxy(proxy: str | None) -> str | None:
    if proxy and not proxy.startswith("http"):
        raise ApiArgumentError("the asynchronous client takes an http or https proxy, no socks")
    return proxy


def _tls(configuration: Configuration) -> Any:
    if not configuration.verify_ssl:
        return False
    data = configuration.ca_cert_data
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or ca_bundle(), cadata=data)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except (OSError, ValueError) as error:
        raise ApiArgumentError(f"the certificates cannot be used ({type(error).__name__})") from error
    if configuration.assert_hostname is False:
        context.check_hostname = False
    return context


def _reason(error: BaseException) -> str:
    """What went wrong; of what came over the wire, which aiohttp's messages quote, nothing."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):  # before aiohttp 3.14 it has no os_error
        return f"{name}: {error.host}:{error.port}: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        number = 0 if isinstance(cause, ssl.SSLError) else cause.errno or 0
        return f"{name}: {error.host}:{error.port}: {os.strerror(number) if number > 0 else cause}"
    return f"{name}: {error}" if isinstance(error, aiohttp.ServerDisconnectedError | TimeoutError) else name
