"""The host of a request: the Host header, a target in absolute form, and the public URL of a service behind a proxy."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

Headers = list[tuple[bytes, bytes]]

_HOST = re.compile(
    rb"(?:\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:-]+)\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?",
    re.ASCII,
)
_PUBLIC_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]{1,5})?", re.ASCII)
_PREFIX = re.compile(r"(?:/[\w.~-]+)*", re.ASCII)
_OWN_PATHS = frozenset({"v2", "sc", "console", "docs", "healthz", "readyz", "metrics", "openapi.json", ".", ".."})


def is_host(host: bytes) -> bool:
    """Return True if a Host header is valid (RFC 9112, 3.2). An empty one is not: http URLs have a host (RFC 9110, 4.2.1)."""
    return _HOST.fullmatch(host) is not None


def authority(url: Any) -> bytes:
    """Return the host and port of a target in absolute form, as `httptools.parse_url` returns it. Raises ValueError."""
    host: bytes = b"[%b]" % url.host if b":" in url.host else url.host
    if url.port is not None:
        host += b":%d" % url.port
    if url.schema.lower() not in (b"http", b"https") or url.userinfo is not None or not is_host(host):
        raise ValueError("absolute form")
    return host


def with_host(headers: Headers, host: bytes) -> Headers:
    """Return the headers with another Host. In absolute form the target's host replaces the header (RFC 9112, 3.2.2)."""
    return [*(header for header in headers if header[0] != b"host"), (b"host", host)]


class PublicUrl(msgspec.Struct, frozen=True):
    """The URL at which clients reach the service.

    `host` has the port unless it is the scheme's own. `prefix` is "" or a path such as `/keys`.
    """

    scheme: str
    host: bytes
    prefix: str

    @classmethod
    def parse(cls, text: str) -> PublicUrl:
        """Read a URL such as `https://keys.example:8443/sunshine`. Raises ValueError with a message of one line."""
        parts = urlsplit(text)
        prefix = parts.path.rstrip("/")
        if parts.scheme not in ("http", "https") or not _PUBLIC_HOST.fullmatch(parts.netloc) or set("?#") & set(text):
            raise ValueError("the public URL should be like https://keys.example or https://example.org/keys")
        if not _PREFIX.fullmatch(prefix):
            raise ValueError("the path of the public URL should consist of letters, digits, and the characters - . _ ~")
        if _OWN_PATHS.intersection(prefix.split("/")):
            raise ValueError(f"the path of the public URL should not contain a path of the service: {prefix}")
        host = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}[parts.scheme])
        return cls(parts.scheme, host.encode(), prefix)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host.decode()}{self.prefix}"

    def without_prefix(self, path: bytes) -> bytes:
        """Return the path of a request below the prefix. Some proxies remove the prefix, others leave it."""
        prefix = self.prefix.encode()
        if prefix and path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/"):
            return path[len(prefix) :] or b"/"
        return path
