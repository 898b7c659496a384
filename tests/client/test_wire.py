"""HTTP/1.1 as the synchronous client reads and writes it: over real sockets, whatever way the bytes come in."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from urllib3.exceptions import ProtocolError

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._messages import Headers, Request, Response
from sunshine_conversations_client._wire import Deadline, Stream, read_answer, request_bytes

KEYS = b'{"keys": []}'
FIRST = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + KEYS


def read(answer: bytes, method: str = "GET", *, size: int = 65536) -> tuple[Response, bool]:
    """What is made of an answer that comes in pieces of `size` bytes, after which the peer closes."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, contextlib.suppress(OSError):
            for start in range(0, len(answer), size):
                theirs.sendall(answer[start : start + size])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours:
            return read_answer(Stream(ours, Deadline(ours, 10, time.monotonic() + 20)), method)
    finally:
        thread.join()


CHUNKED = (
    b"HTTP/1.1 201 Created\r\nX-One: 1\r\nTransfer-Encoding: chunked\r\nx-one:  2 \r\n\r\n"
    b"5;ext=1\r\nhello\r\n6 \r\n world\r\n0\r\nTrailer: x\r\n\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 65536])
def test_an_answer_may_come_in_any_pieces(size: int) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    response, reusable = read(interim + CHUNKED, size=size)
    assert (response.status, response.reason, response.body, reusable) == (201, "Created", b"hello world", True)
    assert (response.headers["X-ONE"], response.headers.getlist("x-one")) == ("1, 2", ["1", "2"])


@pytest.mark.parametrize(
    ("answer", "method", "body", "reusable"),
    [
        (FIRST, "GET", KEYS, True),
        (FIRST, "HEAD", b"", False),  # a body all the same: what follows it cannot be told from an answer
        (b"HTTP/1.1 204\r\n\r\n", "GET", b"", True),
        (b"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", "GET", b"", True),
        (b"HTTP/1.1 101 x\r\n\r\n", "GET", b"", False),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", "GET", b"to the end", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Keep, CLOSE\r\n\r\nok", "GET", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nok", "GET", b"ok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200", "GET", b"ok", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", "GET", b"ok", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "GET", b"ok", True),
        (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length : 2\r\n\r\nok", "GET", b"ok", True),
    ],
)
def test_where_a_body_ends(answer: bytes, method: str, body: bytes, reusable: bool) -> None:
    response, may_carry_another = read(answer, method)
    assert (response.body, may_carry_another) == (body, reusable)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\n", b"HTTP/2 200 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"y" * 200_000,
        *(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks for chunks in (
            b"", b"2\r\no", b"2\r\nok", b"2\r\nokk\r\n0\r\n\r\n", b"0x2\r\nok\r\n0\r\n\r\n", b"-2\r\nok\r\n0\r\n\r\n",
            b"\r\n", b"2\r\nok\r\n0\r\n", b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n")),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(answer)


class TestRequestBytes:
    def test_a_request_as_it_is_sent(self) -> None:
        request = Request("POST", "http://h/x", Headers([("X-A", "é")]), b"{}")
        assert request_bytes(request, "h:80", "/x") == (
            b"POST /x HTTP/1.1\r\nHost: h:80\r\nAccept-Encoding: identity\r\nContent-Length: 2\r\nX-A: \xe9\r\n\r\n{}"
        )

    def test_what_the_caller_says_of_host_and_coding_holds(self) -> None:
        request = Request("GET", "http://h/x", Headers([("HOST", "other"), ("accept-encoding", "gzip")]))
        assert request_bytes(request, "h", "/x") == b"GET /x HTTP/1.1\r\nHOST: other\r\naccept-encoding: gzip\r\n\r\n"

    @pytest.mark.parametrize(("target", "sent"), [("/a b", "/a%20b"), ("/ü%2F", "/%C3%BC%2F"), ("/a\r\nX: y", "/a%0D%0AX:%20y")])  # fmt: skip
    def test_a_target_is_one_word(self, target: str, sent: str) -> None:
        line = request_bytes(Request("GET", "", Headers()), "h", target).split(b"\r\n")[0]
        assert line.decode() == f"GET {sent} HTTP/1.1"

    @pytest.mark.parametrize(
        "request_",
        [
            Request("GET\r\nX: y", "", Headers()),
            Request("GET", "", Headers([("X", "a\nb")])),
            Request("GET", "", Headers([("X\r", "a")])),
            Request("GET", "", Headers([("X", "\u20ac")])),
            Request("POST", "", Headers([("Content-Length", "0")]), b"GET / HTTP/1.1\r\n\r\n"),
            Request("POST", "", Headers([("transfer-encoding", "chunked")]), b"0\r\n\r\n"),
        ],
    )
    def test_what_would_be_another_request_is_refused(self, request_: Request) -> None:
        with pytest.raises(sunshine.ApiArgumentError):
            request_bytes(request_, "h", "/")


class KeepAlive:
    """A server that answers each request on a connection with the next reply; None closes the connection instead."""

    def __init__(self, *replies: bytes | None) -> None:
        self.connections = 0
        self.closed = threading.Event()
        """Set once a connection was closed instead of answered."""
        self._replies = list(replies)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                while self._replies and self._replies[0] is not None and connection.recv(65536):
                    connection.sendall(self._replies.pop(0) or b"")
            if self._replies and self._replies[0] is None:
                self._replies.pop(0)
                self.closed.set()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def serve() -> Iterator[Callable[..., KeepAlive]]:
    servers: list[KeepAlive] = []

    def make(*replies: bytes | None) -> KeepAlive:
        servers.append(KeepAlive(*replies))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def test_calls_share_a_connection(serve: Callable[..., KeepAlive]) -> None:
    server = serve(FIRST, FIRST, FIRST)
    with sunshine.ApiClient(sunshine.Configuration(server.url, retries=False)) as client:
        for _ in range(3):
            assert sunshine.AppKeysApi(client).list_app_keys("a").keys == []
    assert server.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_not_used(serve: Callable[..., KeepAlive]) -> None:
    server = serve(FIRST, None, FIRST)
    with sunshine.ApiClient(sunshine.Configuration(server.url, retries=False)) as client:
        api = sunshine.AppKeysApi(client)
        api.list_app_keys("a")
        assert server.closed.wait(10)
        assert api.create_app_key("a", {"displayName": "x"})
    assert server.connections == 2


def test_what_follows_an_answer_is_not_the_next_ones(serve: Callable[..., KeepAlive]) -> None:
    server = serve(FIRST + b"HTTP/1.1 500 x\r\n\r\n", FIRST)
    with sunshine.ApiClient(sunshine.Configuration(server.url, retries=False)) as client:
        for _ in range(2):
            assert sunshine.AppKeysApi(client).list_app_keys("a").keys == []
    assert server.connections == 2
