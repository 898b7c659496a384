"""A server that sends scripted answers, and the parts of these answers."""

from __future__ import annotations

import contextlib
import socket
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

    A reply is either the bytes to send before the connection closes, or a function that takes the connection.
    """

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self.requests.append(self._read(connection))
                reply = self.replies.pop(0)
                if callable(reply):
                    reply(connection)
                else:
                    connection.sendall(reply)

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
