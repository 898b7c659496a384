"""What the protocol refuses itself, without a request for the application: the answers, and their causes for log and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Rejection(msgspec.Struct, frozen=True):
    """A reason to refuse. `cause` is its name in log and metrics; `status` is 0 if the connection ends without an answer."""

    cause: str
    status: int = 0
    phrase: bytes = b""
    code: str = ""
    title: str = ""
    headers: bytes = b""

    def answer(self, request_id: str) -> bytes:
        """Return the bytes of the answer, which closes the connection."""
        body = msgspec.json.encode({"errors": [{"code": self.code, "title": self.title}]})
        return _ANSWER % (self.status, self.phrase, self.headers, len(body), request_id.encode(), body)


class Rejected(msgspec.Struct, frozen=True):
    """A refused request or connection. `request_id` is that of the answer, or "" if there was none.

    `time` is in seconds since 1970.
    """

    rejection: Rejection
    source: str
    request_id: str
    time: float


RejectionObserver: TypeAlias = Callable[[Rejected], None]


class Refused(ValueError):
    """Raised in a callback of the parser to refuse the request."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.cause)
        self.rejection = rejection


_ANSWER = (
    b"HTTP/1.1 %d %s\r\ncontent-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
    b"x-content-type-options: nosniff\r\n%scontent-length: %d\r\nconnection: close\r\nx-request-id: %s\r\n\r\n%s"
)


def _bad_request(cause: str, title: str) -> Rejection:
    return Rejection(cause, 400, b"Bad Request", "bad_request", title)


MALFORMED = _bad_request("malformed", "The request is not valid HTTP/1.1")
HEAD_TOO_LARGE = _bad_request("head_too_large", "The target and the headers of a request are limited to 64 kB")
INVALID_HOST = _bad_request("host", "A request needs exactly one valid Host header")
INVALID_TARGET = _bad_request("target", "The target of the request should be a path or an http URL")
TRANSFER_CODING = _bad_request("transfer_coding", "Transfer-Encoding should be chunked")
HTTP_VERSION = _bad_request("version", "The service speaks HTTP/1.1 and HTTP/1.0")
CONNECT = _bad_request("connect", "The service is no proxy: CONNECT is not supported")
TOO_MANY = Rejection(
    "too_many_connections",
    503,
    b"Service Unavailable",
    "service_unavailable",
    "There are too many connections at the moment",
    b"retry-after: 1\r\n",
)
TOO_SLOW = Rejection(
    "slow_request", 408, b"Request Timeout", "request_timeout", "The request did not arrive within 30 seconds"
)
DROPPED = Rejection("connection_dropped")
UNREAD_ANSWER = Rejection("unread_answer")
TLS_HANDSHAKE = Rejection("tls_handshake")
