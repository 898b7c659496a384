"""Uvicorn's HTTP protocol, answering what is not HTTP in the documented envelope and bounding a request's head."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sunshine_keys.http.request import new_request_id

HEAD_BYTES = 64 * 1024
"""The most bytes a request's target and headers may take together."""

_HEADER_OVERHEAD = 32
"""What a header counts beyond its bytes, so that many small ones are bounded too."""

_BODY = b'{"errors":[{"code":"bad_request","title":"The request is not valid HTTP, or its head is over 64 kB"}]}'
_RESPONSE = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
    b"content-length: %d\r\nconnection: close\r\nx-request-id: %s\r\n\r\n%s"
)


class Protocol(HttpToolsProtocol):
    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _HEADER_OVERHEAD)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("head too large")  # the parser turns it into its own error: a 400

    def send_400_response(self, msg: str) -> None:
        self.transport.write(_RESPONSE % (len(_BODY), new_request_id().encode(), _BODY))
        self.transport.close()
