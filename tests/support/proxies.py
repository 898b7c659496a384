"""A proxy on a real socket that opens tunnels."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Tunnel:
    """A proxy that relays bytes both ways and records its CONNECT requests in `heads`.

    `answers` are its answers to CONNECT, in order; after them it answers 200. It closes the connection after an answer
    other than 200, and after an empty one. With a `context`, clients speak TLS with the proxy itself.
    """

    def __init__(self, *answers: bytes, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.heads: list[bytes] = []
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{'http' if context is None else 'https'}://{self.address}"
        self._threads = [threading.Thread(target=self._serve)]
        self._connections: list[socket.socket] = []

    def __enter__(self) -> Tunnel:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        for connection in self._connections:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                self._open(near if self._context is None else self._context.wrap_socket(near, server_side=True))

    def _open(self, near: socket.socket) -> None:
        self.heads.append(near.recv(65536))
        answer = self._answers.pop(0) if self._answers else ESTABLISHED
        near.sendall(answer)
        if answer != ESTABLISHED:
            near.close()
            return
        host, _, port = self.heads[-1].split(b" ")[1].decode().partition(":")
        far = socket.create_connection((host, int(port)))
        self._connections += [near, far]
        pair = [threading.Thread(target=self._carry, args=ends) for ends in ((near, far), (far, near))]
        self._threads += pair
        for thread in pair:
            thread.start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := source.recv(65536):
                target.sendall(received)
            target.shutdown(socket.SHUT_WR)
