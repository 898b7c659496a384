"""A server that sends scripted answers, and the parts of these answers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

Reply = bytes | Callable[[socket.socket], None]
NewClient = Callable[..., Any]
NewApi = Callable[..., Any]
NewScript = Callable[..., "Script"]

KEY = b'{"key": {"id": "int_1", "displayName": "x", "secret": "s"}}'
"""The body of an answer with a key."""


class Script:
    """A server on a real socket that answers every request with the next reply and records the requests.

    A reply is either the bytes to send before the connection closes, or a function that takes the connection. With a
    `context`, it speaks TLS, and records the names of SNI and the certificates of the clients.
    """

    def __init__(self, *replies: Reply, context: ssl.SSLContext | None = None) -> None:
        self.replies = list(replies)
        self.requests: list[bytes] = []
        self.server_names: list[str | None] = []
        self.client_certificates: list[bytes | None] = []
        self._context = context
        if context is not None:
            context.sni_callback = lambda _connection, name, _context: self.server_names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with plain, contextlib.suppress(OSError), self._secured(plain) as connection:
                request = self._read(connection)
                if not request:  # the client has refused the certificate
                    continue
                self.requests.append(request)
                reply = self.replies.pop(0)
                if callable(reply):
                    reply(connection)
                else:
                    connection.sendall(reply)

    def _secured(self, plain: socket.socket) -> socket.socket:
        plain.settimeout(5)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else an early answer waits, and a reset drops it
        if self._context is None:
            return plain
        connection = self._context.wrap_socket(plain, server_side=True)
        self.client_certificates.append(connection.getpeercert(binary_form=True))
        return connection

    def _read(self, connection: socket.socket) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                return received
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            part = connection.recv(65536)
            if not part:
                break
            body += part
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    @property
    def lines(self) -> list[str]:
        """The request lines of all requests."""
        return [request.split(b"\r\n")[0].decode() for request in self.requests]


def drop(connection: socket.socket) -> None:
    """Close a connection without an answer. This is a reply for a `Script`."""
    connection.close()


def answer(status: str = "200 OK", body: bytes = b"{}", kind: str | None = "application/json", **headers: str) -> bytes:
    """Return the bytes of an answer. An underscore in the name of a header stands for a hyphen."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
