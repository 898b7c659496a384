"""Which targets a service may call."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from urllib.parse import urlsplit

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a gateway translates to IPv4: the last 32 bits are the address (RFC 6052)."""


class Targets(StrEnum):
    """The targets of webhooks that this service calls: `any`, or those on `public` addresses."""

    ANY = "any"
    PUBLIC = "public"


class RefusedTarget(OSError):
    """The policy forbids the target. The text says why."""


def check_url(url: str, targets: Targets) -> None:
    """Raise RefusedTarget if the URL itself is forbidden."""
    parts = urlsplit(url)
    if targets is Targets.PUBLIC and (parts.username is not None or parts.password is not None):
        raise RefusedTarget("the target's URL contains credentials")


def check_address(address: str, targets: Targets) -> None:
    """Raise RefusedTarget if the policy forbids this IP address."""
    if targets is Targets.PUBLIC and not is_public(address):
        raise RefusedTarget(
            f"the target's address {address} is not public: start the service with --webhook-targets any to allow it"
        )


def is_public(address: str) -> bool:
    """Return True if an IP address is one of the public internet, also inside of an address that contains another one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner is None and ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        if int(ip) >> 32 == 0:  # the deprecated form of an IPv4 address in IPv6
            return False
    return ip.is_global and not ip.is_multicast
