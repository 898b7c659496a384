"""The only place that imports the HTTP library: one request, one answer, and the library's errors as ours."""

from __future__ import annotations

import urllib3
from urllib3 import exceptions as urllib3_errors

from sunshine_conversations_client._messages import Headers, Response
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiConnectionError, ApiTimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
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

    def __init__(self, reason: str = "", *, maybe_sent: bool = True) -> None:
        ApiConnectionError.__init__(self, reason, maybe_sent=maybe_sent)
        self.pool = self.url = None  # type: ignore[assignment]  # urllib3's names for what a pool tried


class TimedOut(ApiTimeoutError, urllib3_errors.MaxRetryError, urllib3_errors.TimeoutError):  # type: ignore[misc]
    """Also what callers of the official client catch where an answer took too long."""

    def __init__(self, reason: str = "", *, maybe_sent: bool = True) -> None:
        ApiTimeoutError.__init__(self, reason, maybe_sent=maybe_sent)
        self.pool = self.url = None  # type: ignore[assignment]  # urllib3's names for what a pool tried


_NEVER_SENT = (
    urllib3_errors.NewConnectionError,
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NameResolutionError,
    urllib3_errors.SSLError,
    urllib3_errors.ProxyError,
)


class UrllibTransport:
    """urllib3's connection pool, set up as a configuration says."""

    def __init__(self, configuration: Configuration) -> None:
        settings: dict[str, Any] = {
            "maxsize": configuration.connection_pool_maxsize,
            "block": False,
            "cert_reqs": "CERT_REQUIRED" if configuration.verify_ssl else "CERT_NONE",
            "ca_certs": configuration.ssl_ca_cert,
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
        self.pool_manager = self._manager(configuration, settings)

    @staticmethod
    def _manager(configuration: Configuration, settings: dict[str, Any]) -> urllib3.PoolManager:
        proxy = configuration.proxy
        if not proxy:
            return urllib3.PoolManager(**settings)
        if proxy.startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(proxy, **settings)
        return urllib3.ProxyManager(proxy, proxy_headers=configuration.proxy_headers, **settings)

    def send(self, request: Request, timeout: Timeout) -> Response:
        try:
            raw = self.pool_manager.request(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=timeout.connect, read=timeout.read, total=timeout.total),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            headers = Headers(raw.headers.items())
            if request.stream:
                return Response(raw.status, raw.reason, headers, raw=raw)
            body = raw.read(decode_content=True)
            raw.release_conn()
            return Response(raw.status, raw.reason, headers, body)
        except urllib3_errors.LocationValueError as error:
            raise ApiArgumentError(f"host should be a URL such as https://api.smooch.io: {error}") from error
        except urllib3_errors.TimeoutError as error:
            raise TimedOut(_reason(error), maybe_sent=not isinstance(error, _NEVER_SENT)) from error
        except urllib3_errors.HTTPError as error:
            raise ConnectionFailed(_reason(error), maybe_sent=not isinstance(error, _NEVER_SENT)) from error
        except OSError as error:
            raise ConnectionFailed(_reason(error)) from error
        except ValueError as error:
            # http.client's word for a header or a target it will not send
            raise ApiArgumentError(f"the request cannot be sent: {error}") from error

    def close(self) -> None:
        """Close the connections that are kept; a later request opens new ones."""
        self.pool_manager.clear()


def _reason(error: Exception) -> str:
    """What went wrong, without the address of the pool object that urllib3 puts in front."""
    text = str(error)
    _, marker, rest = text.partition(": ")
    return f"{type(error).__name__}: {rest if marker and text.startswith('<') else text}"
