"""A webhook's target: a real HTTP server that records what it receives, and answers as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.waiting import wait_until


class Received:
    """One call: its headers, the bytes of its body, and these as JSON."""

    def __init__(self, path: str, headers: dict[str, str], content: bytes) -> None:
        self.path = path
        self.headers = headers
        self.content = content
        self.body: Any = json.loads(content)

    @property
    def event(self) -> dict[str, Any]:
        """The only event of the call."""
        (event,) = self.body["events"]
        assert isinstance(event, dict)
        return event


class Target:
    """`answer` returns the status of a call, or None to close the connection without an answer; it may wait."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: list[Received] = []
        self.heads = 0
        self.answer: Callable[[Received], int | None] = lambda call: 200
        self.headers: dict[str, str] = {}
        self.content = b"ok"

    def wait_for(self, count: int) -> list[Received]:
        """Return all calls once there are `count` of them."""
        wait_until(lambda: len(self.calls) >= count)
        return list(self.calls)

    def events(self, type: str | None = None) -> list[dict[str, Any]]:
        """Return the events of all calls in order, or those of one type."""
        events = [event for call in list(self.calls) for event in call.body["events"]]
        return [event for event in events if type in (None, event["type"])]


@contextmanager
def listening(port: int = 0) -> Iterator[Target]:
    """Run a target on loopback, by default on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: with it, each answer takes 40 ms

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            call = Received(self.path, dict(self.headers.items()), body)
            target.calls.append(call)
            status = target.answer(call)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in target.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(target.content)))
            self.end_headers()
            self.wfile.write(target.content)

        def do_HEAD(self) -> None:
            target.heads += 1
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *values: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that hangs up is no fault of the target

    with Server(("127.0.0.1", port), Handler) as server:
        target = Target(f"http://127.0.0.1:{server.server_address[1]}/webhook")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield target
        finally:
            server.shutdown()
            thread.join()
