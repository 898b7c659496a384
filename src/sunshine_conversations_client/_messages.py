"""Requests, answers and timeouts as values; nothing here does I/O."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Headers(dict[str, str]):
    """Headers by name in any case. Values of a repeated name are joined with a comma."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._names: dict[str, str] = {}
        for name, value in pairs:
            if name in self:
                self[name] = f"{self[name]}, {value}"
            else:
                self[name] = value

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(self._names.setdefault(name.lower(), name), value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(self._names[name.lower()])

    def __delitem__(self, name: str) -> None:
        super().__delitem__(self._names.pop(name.lower()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._names

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(self._names.get(name.lower(), name), default)

    def copy(self) -> Headers:
        return Headers(self.items())

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (list(self.items()),)


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
    """One HTTP request. `stream` asks for an answer whose body has not been read."""

    __slots__ = ("body", "headers", "method", "stream", "url")

    def __init__(
        self, method: str, url: str, headers: Headers, body: bytes | None = None, *, stream: bool = False
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.stream = stream


class Response:
    """One HTTP answer. `raw` is the HTTP library's own, for a request with `stream`; its body is then unread."""

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
        except (LookupError, UnicodeDecodeError):
            return None
