"""Requests, answers and timeouts as values; nothing here does I/O."""

from __future__ import annotations

from collections.abc import MutableMapping
from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")


class Headers(MutableMapping[str, str]):
    """Headers by name in any case, as they were first spelled. A repeated name's values are joined with a comma."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._entries: dict[str, tuple[str, list[str]]] = {}
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a value, beside those the name has."""
        self._entries.setdefault(name.lower(), (name, []))[1].append(value)

    def getlist(self, name: str) -> list[str]:
        """The values of a name, one for each time it was given."""
        return list(self._entries.get(name.lower(), ("", []))[1])

    def pairs(self) -> list[tuple[str, str]]:
        """Each name as it was first spelled, with its value."""
        return [(name, values[0] if len(values) == 1 else ", ".join(values)) for name, values in self._entries.values()]

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._entries[name.lower()][1])

    def __setitem__(self, name: str, value: str) -> None:
        spelled = self._entries.get(name.lower(), (name, []))[0]
        self._entries[name.lower()] = (spelled, [value])

    def __delitem__(self, name: str) -> None:
        del self._entries[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._entries.values()])

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        shown = {name: "…" if name.lower() in _SECRET_HEADERS else value for name, value in self.items()}
        return f"Headers({shown!r})"


class Timeout:
    """Seconds: `connect` for a connection, `read` for each wait on it, `total` for the whole call with its retries.

    None waits for ever.
    """

    __slots__ = ("connect", "read", "total")

    def __init__(self, connect: float | None, read: float | None, total: float | None) -> None:
        self.connect = connect
        self.read = read
        self.total = total

    def within(self, remaining: float | None) -> Timeout:
        """These limits, none longer than what remains of the call."""
        if remaining is None:
            return self
        shorter = [remaining if limit is None else min(limit, remaining) for limit in (self.connect, self.read)]
        return Timeout(shorter[0], shorter[1], remaining)


class Request:
    """One HTTP request: its method, its whole URL, its headers, and the bytes of its body or None.

    `stream` asks for an answer whose body has not been read. `done_once` tells that the service does it once however often
    it is sent with its Idempotency-Key.
    """

    __slots__ = ("body", "done_once", "headers", "method", "stream", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None = None,
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
    """One HTTP answer: its status, its reason phrase if it has one, its headers, its body with no coding left on it.

    `raw` is the HTTP library's own, for a request with `stream`; the body is then unread, and `body` empty.
    """

    __slots__ = ("body", "headers", "raw", "reason", "status")

    def __init__(self, status: int, reason: str | None, headers: Headers, body: bytes = b"", raw: Any = None) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.raw = raw

    def text(self) -> str | None:
        """The body as text by its charset, or None where it is not in it."""
        _, _, charset = self.headers.get("content-type", "").lower().partition("charset=")
        try:
            return self.body.decode(charset.partition(";")[0].strip(" \"'") or "utf-8")
        except (LookupError, ValueError):
            return None


def public_url(url: str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
