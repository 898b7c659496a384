"""The answers that the protocol itself sends, before it closes a connection without a request to answer."""

from __future__ import annotations

from sunshine_keys.wire.request import new_request_id

_ANSWER = (
    b"HTTP/1.1 %s\r\ncontent-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
    b"x-content-type-options: nosniff\r\n%scontent-length: %d\r\nconnection: close\r\nx-request-id: %s\r\n\r\n%s"
)
NOT_HTTP = (
    b"400 Bad Request",
    (
        b'{"errors":[{"code":"bad_request","title":"The request is not valid HTTP/1.1, has a head over 64 kB, or asks'
        b' for an upgrade"}]}'
    ),
)
TOO_MANY = (
    b"503 Service Unavailable",
    b'{"errors":[{"code":"service_unavailable","title":"There are too many connections at the moment"}]}',
    b"retry-after: 1\r\n",
)
TOO_SLOW = (
    b"408 Request Timeout",
    b'{"errors":[{"code":"request_timeout","title":"The request did not arrive within 30 seconds"}]}',
)


def answer(status: bytes, body: bytes, headers: bytes = b"") -> bytes:
    """Return the bytes of an answer. `headers` are whole lines."""
    return _ANSWER % (status, headers, len(body), new_request_id().encode(), body)
