"""The headers of trusted proxies: X-Forwarded-For and X-Forwarded-Proto.

Both are lists (RFC 9110, 5.3): each proxy appends to them, in the same line or in a new one. The last address that no trusted
proxy has is the client's. Whatever stands before it, the client may have invented.
"""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

from sunshine_keys.wire.hosts import Headers

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = "::ffff:"
_MAPPED_BITS = 96
_KNOWN = 4096
_SCHEMES = ("http", "https")


class Proxies:
    """The proxies that an operator trusts."""

    def __init__(self, text: str = "") -> None:
        """`text` lists addresses and networks, separated by commas; `*` trusts every address. Raises ValueError."""
        self._all = text.strip() == "*"
        names = [] if self._all else [name.strip() for name in text.split(",") if name.strip()]
        self._networks = [_unmapped_network(ipaddress.ip_network(name)) for name in names]
        self._known: dict[str, bool] = {}

    def trusts(self, address: str) -> bool:
        """Return True if the address is one of a trusted proxy."""
        trusted = self._known.get(address)
        if trusted is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            trusted = self._known[address] = self._is_trusted(address)
        return trusted

    def _is_trusted(self, address: str) -> bool:
        if self._all or not self._networks:
            return self._all
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client(self, headers: Headers) -> str | None:
        """Return the client's address; None if the headers have none. It may be any text that the client sent."""
        addresses = _elements(headers, b"x-forwarded-for")
        for text in reversed(addresses):
            address = _address(text)
            if not self.trusts(address):
                return address
        return _address(addresses[0]) if addresses else None


def scheme(headers: Headers) -> str | None:
    """Return the scheme with which the client reached the first proxy, or None."""
    schemes = _elements(headers, b"x-forwarded-proto")
    first = schemes[0].lower() if schemes else ""
    return first if first in _SCHEMES else None


def unmapped(address: str) -> str:
    """Return an IPv4-mapped IPv6 address as IPv4, and any other address unchanged.

    A socket on `::` reports IPv4 peers in this form, and they must not differ from the same peers on an IPv4 socket.
    """
    if address[: len(_MAPPED)].lower() != _MAPPED or "." not in address:
        return address
    return address[len(_MAPPED) :]


def _unmapped_network(network: _Network) -> _Network:
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _elements(headers: Headers, wanted: bytes) -> list[str]:
    values = b",".join(value for name, value in headers if name == wanted).decode("latin-1").split(",")
    return [element for value in values if (element := value.strip())]


def _address(text: str) -> str:
    """Return an element of X-Forwarded-For without port and brackets, in one form for each address."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return text
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
