"""Proxies from a configuration, or from the environment variables that curl, requests and Go read, too."""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from sunshine_conversations_client._messages import Headers
from sunshine_conversations_client._operations import is_loopback
from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Address, IPv6Address

    from sunshine_conversations_client.configuration import Configuration

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_AND_PORT = re.compile(r"(?:\[(?P<literal>[^]]*)\]|(?P<name>[^:/]*))(?::(?P<port>[0-9]{1,5}))?")


class Proxy:
    """A proxy. Two proxies are equal if connections through them may be shared.

    `url` has the scheme, the host and the port. `username` and `password` are percent-decoded, or None. `headers` are
    for the proxy alone: with CONNECT, or with the request itself if the target is plain http. `repr` shows only `url`.
    """

    __slots__ = ("headers", "password", "url", "username")

    def __init__(
        self, url: str, username: str | None, password: str | None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.url = url
        self.username = username
        self.password = password
        self.headers = Headers((headers or {}).items())
        if username is not None and not self.is_socks and "proxy-authorization" not in self.headers:
            self.headers["Proxy-Authorization"] = _basic(username, password or "")

    @property
    def is_socks(self) -> bool:
        """True for a SOCKS proxy, which takes user and password itself and no headers."""
        return self.url.startswith("socks")

    def _identity(self) -> tuple[object, ...]:
        return self.url, self.username, self.password, tuple(self.headers.pairs())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


def proxy_for(url: str, configuration: Configuration) -> Proxy | None:
    """Return the configured proxy, else the one in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY unless NO_PROXY lists the host.

    A proxy from the environment is not used for loopback: the proxy would connect to its own machine. Raises
    ApiArgumentError if the proxy is not a URL of a supported scheme.
    """
    if configuration.proxy:
        return configured_proxy(configuration)
    target = _target("/".join(url.split("/", 3)[:3]))
    if target is None:
        return None
    scheme, host, port = target
    name = next((name for name in (f"{scheme}_proxy", "all_proxy") if _variable(name)), None)
    if name is None or _exempt(host, port, _variable("no_proxy") or ""):
        return None
    return _required(_parsed(_variable(name), configuration, default_scheme="http"))


@functools.lru_cache(maxsize=64)
def _target(origin: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port of an origin, or None for loopback."""
    parts = urlsplit(origin)
    host = (parts.hostname or "").rstrip(".")
    return None if is_loopback(host) else (parts.scheme, host, parts.port or _DEFAULT_PORTS.get(parts.scheme))


def configured_proxy(configuration: Configuration) -> Proxy | None:
    """Return the proxy that the configuration itself names, for every host. Raises ApiArgumentError as `proxy_for` does."""
    return _required(_parsed(configuration.proxy, configuration)) if configuration.proxy else None


def _required(proxy: Proxy | None) -> Proxy:
    """Return the proxy. Raises ApiArgumentError for None, from a frame without the URL, which may hold a password."""
    if proxy is None:
        raise ApiArgumentError(
            "The proxy is not a valid URL. Use a URL such as http://127.0.0.1:3128. Percent-encode special characters in"
            " its user and password."
        )
    return proxy


def _parsed(text: str | None, configuration: Configuration, default_scheme: str = "") -> Proxy | None:
    """Return the proxy that a URL describes, or None if it is not a URL of a supported scheme."""
    try:
        url = (text or "").strip()
        parts = urlsplit(url if "://" in url or not default_scheme else f"{default_scheme}://{url}")
        host, port = parts.hostname, parts.port
    except (ValueError, AttributeError):
        return None
    if parts.scheme not in _SCHEMES or not host or port == 0:
        return None
    shown = f"[{host}]" if ":" in host else host
    username, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    return Proxy(
        f"{parts.scheme}://{shown}" if port is None else f"{parts.scheme}://{shown}:{port}",
        username,
        password,
        configuration.proxy_headers,
    )


def _basic(username: str, password: str) -> str:
    from base64 import b64encode

    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def _variable(name: str) -> str | None:
    """Return a variable in lower case, else in upper case, without white space around it; None if both are empty.

    A web server that runs a CGI program sets HTTP_PROXY to the header `Proxy` of the request, so it does not count there.
    """
    value = os.environ.get(name, "").strip()
    if not value and not (name == "http_proxy" and "REQUEST_METHOD" in os.environ):
        value = os.environ.get(name.upper(), "").strip()
    return value or None


def _exempt(host: str, port: int | None, listed: str) -> bool:
    """Return True if an entry of NO_PROXY names the host.

    Commas or white space separate the entries. An entry is a domain, which includes its subdomains, also with a leading
    dot; `*.domain` for the subdomains alone; an address; a block of addresses such as 10.0.0.0/8; or * for all hosts. A
    domain or an address may have a port. Entries that are none of these name nothing.
    """
    host = host.lower()
    address = _address(host)
    return any(_names(entry, host, address, port) for entry in _entries(listed))


def _entries(listed: str) -> Iterable[str]:
    return (entry for entry in re.split(r"[,\s]+", listed.lower()) if entry)


def _names(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _in_block(address, entry)
    bare = _address(entry)
    if bare is not None:  # for example ::1, which has colons but no port
        return bare == address
    matched = _HOST_AND_PORT.fullmatch(entry)
    if matched is None or (matched["port"] is not None and int(matched["port"]) != port):
        return False
    name = (matched["literal"] or matched["name"] or "").rstrip(".")
    if address is not None:
        return _address(name) == address
    if name.startswith("*."):
        return host.endswith(name[1:])
    name = name.lstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a text is, without its zone; None if it is a name."""
    if ":" not in text and not text[-1:].isdigit():
        return None
    from ipaddress import ip_address

    try:
        return ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None


def _in_block(address: IPv4Address | IPv6Address, block: str) -> bool:
    from ipaddress import ip_network

    start, _, prefix = block.partition("/")
    try:
        return address in ip_network(f"{start.strip('[]')}/{prefix}", strict=False)
    except ValueError:
        return False
