"""HTTP requests, responses, headers and timeouts as plain values, without I/O."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


_MAY_BE_SECRET = re.compile("auth|cookie|token|key|secret|passw|credential|signature", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]+)", re.IGNORECASE)
_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})
"""Codecs of Python that turn bytes into text and are no charsets of HTTP."""

_PHRASE = re.compile("[A-Za-z' -]{0,60}")


class Headers(MutableMapping[str, str]):
    """Hold headers whose names match in any case. The first spelling of a name stays; repeated values join with ", "."""

    _entries: dict[str, tuple[str, list[str]]]

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._entries = {}
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def later(cls, pairs: Iterable[tuple[str, str]]) -> Headers:
        """Return headers that go through `pairs` at their first use. Most calls need no header of their answer."""
        headers = cls.__new__(cls)
        headers.__dict__["_pairs"] = pairs
        return headers

    def __getattr__(self, name: str) -> Any:
        if name != "_entries":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._entries = {}
        for header, value in self.__dict__.pop("_pairs", ()):
            self.add(header, value)
        return self._entries

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, ([(name, value) for name, values in self._entries.values() for value in values],)

    def add(self, name: str, value: str) -> None:
        """Add a value and keep the existing values of the name."""
        self._entries.setdefault(name.lower(), (name, []))[1].append(value)

    def getlist(self, name: str) -> list[str]:
        """Return the values of a name, one per occurrence; an empty list if it is missing."""
        return list(self._entries.get(name.lower(), ("", []))[1])

    def pairs(self) -> list[tuple[str, str]]:
        """Return (name, value) pairs. A name has its first spelling; its values are joined with ", "."""
        return [(name, values[0] if len(values) == 1 else ", ".join(values)) for name, values in self._entries.values()]

    def has_any(self, names: frozenset[str]) -> bool:
        """Return True if one of the names, all in lower case, has a value."""
        return not names.isdisjoint(self._entries)

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._entries[name.lower()][1])

    def __setitem__(self, name: str, value: str) -> None:
        key, entries = name.lower(), self._entries
        entries[key] = (entries[key][0] if key in entries else name, [value])

    def __delitem__(self, name: str) -> None:
        del self._entries[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._entries.values()])

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        shown = {name: "…" if _MAY_BE_SECRET.search(name) else value for name, value in self.items()}
        return f"Headers({shown!r})"


class Timeout:
    """Hold limits in seconds. None means no limit.

    `connect` limits opening a connection, `read` each wait for data, and `total` the whole call with its retries.
    """

    __slots__ = ("connect", "read", "total")

    def __init__(self, connect: float | None, read: float | None, total: float | None) -> None:
        self.connect = connect
        self.read = read
        self.total = total

    def within(self, remaining: float | None) -> Timeout:
        """Return these limits, none of them longer than `remaining` seconds. None leaves them unchanged."""
        if remaining is None:
            return self
        connect, read = self.connect, self.read
        return Timeout(
            remaining if connect is None or connect > remaining else connect,
            remaining if read is None or read > remaining else read,
            remaining,
        )


class StreamedBody:
    """The body of a request that is read while it is sent. Each iteration yields its bytes from the start.

    `length` is the number of bytes, or None if it is unknown. `error` is the exception that ended the latest iteration: an
    HTTP library may hide it in one of its own. `bytes()` returns the whole body.
    """

    length: int | None = None
    error: BaseException | None = None

    @property
    def can_repeat(self) -> bool:
        """True if an iteration can yield the whole body, though an earlier one may have read of it."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[bytes]:
        raise NotImplementedError

    def __bytes__(self) -> bytes:
        return b"".join(self)


class Request:
    """Hold one HTTP request: its method, its absolute URL, its headers, and its body: bytes, a StreamedBody or None.

    `stream` is True if the transport leaves the body of the response unread. `done_once` is True if the service carries
    the request out only once, however often the client sends it with the same Idempotency-Key.
    """

    __slots__ = ("body", "done_once", "headers", "method", "stream", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | StreamedBody | None = None,
        *,
        stream: bool = False,
        done_once: bool = False,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.stream = stream
        self.done_once = done_once

    def __repr__(self) -> str:
        return f"Request({self.method} {public_url(self.url)})"


class Response:
    """Hold one HTTP response: its status, its reason phrase or None, its headers, and its body after content decoding.

    The phrase is part of logs and errors. One with other characters than letters may be a piece of a body after a garbled
    status line, so the standard phrase of the status takes its place.

    If the request has `stream`, `raw` is the HTTP library's own response with its body unread, and `body` is empty.
    """

    __slots__ = ("body", "headers", "raw", "reason", "status")

    def __init__(self, status: int, reason: str | None, headers: Headers, body: bytes = b"", raw: Any = None) -> None:
        self.status = status
        self.reason = reason if reason is None or _PHRASE.fullmatch(reason) else _standard_phrase(status)
        self.headers = headers
        self.body = body
        self.raw = raw

    def text(self) -> str | None:
        """Return the body as text in its charset (default UTF-8); None if the bytes are invalid in it."""
        return next(self.texts(), None)

    def texts(self) -> Iterator[str]:
        """Yield the body as text in every charset that may be meant, the likeliest first.

        A byte-order mark comes first, then what the Content-Type headers name, then UTF-8, or UTF-16 or UTF-32 if the
        zeros in the body look like it. Unknown charsets, and those in which the bytes are invalid, are left out.
        """
        from json import detect_encoding

        detected = detect_encoding(self.body)
        declared = _CHARSET.findall(", ".join(self.headers.getlist("content-type")))
        marked = detected == "utf-8-sig" or self.body.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff"))
        for charset in [detected, *declared] if marked else [*declared, detected]:
            if charset.lower().replace("-", "_") not in _NO_CHARSETS:
                try:
                    text = self.body.decode(charset)
                except (LookupError, ValueError):
                    continue
                yield text


def _standard_phrase(status: int) -> str:
    import http

    return http.HTTPStatus(status).phrase if status in http.HTTPStatus._value2member_map_ else ""


def ascii_host(host: str) -> str:
    """Return a host name in ASCII: "bücher.example" is "xn--bcher-kva.example". The zone of an IPv6 address stays.

    Raises ValueError for a name that is invalid, or whose ASCII form depends on the version of the standard.
    """
    if not host.isascii():
        if _AMBIGUOUS_IN_IDNA.search(host):
            raise ValueError("ambiguous host name")
        host = host.encode("idna").decode()
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("invalid host name")
    return host


_AMBIGUOUS_IN_IDNA = re.compile("[\u00df\u03c2\u200c\u200d]")
"""Characters that the standard library's IDNA 2003 replaces, and that IDNA 2008 keeps as another name."""

_HOST_NAME = re.compile(r"[a-z0-9._~-]+|[0-9a-f:.]+(%[a-z0-9._~-]+)?", re.IGNORECASE)


def quoted(text: str) -> str:
    """Return a path or a query with everything percent-encoded that needs it. What is encoded already stays."""
    return quote(_STRAY_PERCENT.sub("%25", text), safe="%!$&'()*+,/:;=?@[]~")


_STRAY_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


def public_url(url: str) -> str:
    """Return a URL without the parts that may be secret: user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
