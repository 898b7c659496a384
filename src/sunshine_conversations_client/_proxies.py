"""Proxies and certificate bundles from the environment variables that curl, requests and Go read, too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sunshine_conversations_client._operations import is_loopback
from sunshine_conversations_client.exceptions import ApiArgumentError

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

if TYPE_CHECKING:
    from sunshine_conversations_client.configuration import Configuration


def proxy_for(url: str, configuration: Configuration) -> str | None:
    """Return the configured proxy, else the one in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY unless NO_PROXY names the host.

    A proxy from the environment is not used for loopback: the proxy would connect to its own machine. Raises
    ApiArgumentError if the proxy is not a URL of a supported scheme.
    """
    if configuration.proxy:
        return _checked(configuration.proxy)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or _exempt(host, _variable("no_proxy") or ""):
        return None
    proxy = _variable(f"{parts.scheme}_proxy") or _variable("all_proxy")
    return _checked(proxy) if proxy else None


def _checked(proxy: str) -> str:
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ApiArgumentError("The proxy is not a valid URL. Use a URL such as http://127.0.0.1:3128.")
    return proxy


def ca_bundle() -> str | None:
    """Return the path in REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE. OpenSSL itself reads SSL_CERT_FILE and SSL_CERT_DIR."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None


def _variable(name: str) -> str | None:
    return os.environ.get(name) or os.environ.get(name.upper())


def _exempt(host: str, listed: str) -> bool:
    """Return True if NO_PROXY lists the host, a domain that contains it, or an asterisk for all hosts."""
    for entry in listed.replace(" ", "").lower().split(","):
        domain = entry.lstrip(".")
        if entry == "*" or (domain and (host == domain or host.endswith(f".{domain}"))):
            return True
    return False
