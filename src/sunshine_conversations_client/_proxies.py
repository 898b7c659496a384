"""Proxies and certificate bundles from the environment variables that curl, requests and Go read as well."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from sunshine_conversations_client._operations import is_loopback
from sunshine_conversations_client.exceptions import ApiArgumentError

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sunshine_conversations_client.configuration import Configuration


def proxy_for(url: str, configuration: Configuration) -> str | None:
    """The configured proxy, else that of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY unless NO_PROXY names the host.

    Raises ApiArgumentError for one that is no URL of a proxy.
    Loopback is never asked for by way of a proxy that the environment names: it would be the proxy's own.
    """
    if configuration.proxy:
        return _checked(configuration.proxy)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or _exempt(host, _variable("no_proxy") or ""):
        return None
    named = _variable(f"{parts.scheme}_proxy") or _variable("all_proxy")
    return _checked(named) if named else None


def _checked(proxy: str) -> str:
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ApiArgumentError("proxy should be a URL such as http://127.0.0.1:3128")
    return proxy


def ca_bundle() -> str | None:
    """A bundle of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE; OpenSSL reads SSL_CERT_FILE and SSL_CERT_DIR itself."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None


def _variable(name: str) -> str | None:
    return os.environ.get(name) or os.environ.get(name.upper())


def _exempt(host: str, listed: str) -> bool:
    """Whether NO_PROXY names a host: as it is, by a domain it is in, or by an asterisk for all."""
    for each in listed.replace(" ", "").lower().split(","):
        domain = each.lstrip(".")
        if each == "*" or (domain and (host == domain or host.endswith(f".{domain}"))):
            return True
    return False
