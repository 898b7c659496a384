"""What the synchronous transport adds to urllib3: one deadline, exact knowledge of what was sent, and bounded answers."""

from __future__ import annotations

import gzip
import os
import pickle
import socket
import ssl
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
from support.certificates import make_certificate
from support.drivers import SyncDriver
from support.proxies import Tunnel
from support.scripts import KEY, NewApi, NewScript, answer

import sunshine_conversations_client as sunshine

pytestmark = pytest.mark.parametrize("driver", [SyncDriver], indirect=True, ids=["sync"])

SECRET = b"s3cr3t-of-the-answer"


def create(api: Any, **options: Any) -> Any:
    return api.create_custom_integration_key("a", "i", {"displayName": "x"}, **options)


def whole_chain(error: BaseException) -> str:
    """Return all that a log or a debugger could show of an exception and of what led to it."""
    shown, seen = "", [error]
    while seen:
        part = seen.pop()
        shown += "".join(traceback.format_exception(part)) + repr(part) + repr(vars(part))
        seen += [cause for cause in (part.__cause__, part.__context__) if cause is not None]
    return shown


class KeptOpen:
    """A reply that answers the requests of one connection with `answers`, in order."""

    def __init__(self, *answers: bytes, late: bytes = b"") -> None:
        self.answers = answers
        self.late = late
        """Bytes that follow the first answer when the second request has arrived."""

    def __call__(self, connection: socket.socket) -> None:
        for position, reply in enumerate(self.answers):
            connection.sendall(reply)
            if position < len(self.answers) - 1 and b"\r\n\r\n" in connection.recv(65536) and position == 0:
                connection.sendall(self.late)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(KEY), KEY)


class TestDeadline:
    def test_addresses_share_the_time_of_the_call(self, api_at: NewApi, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            waiting = [socket.socket() for _ in range(3)]
            for queued in waiting:  # until the queue is full, so that a connection waits for ever
                queued.setblocking(False)
                queued.connect_ex(address)
            addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 8
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
            started = time.monotonic()
            with pytest.raises(sunshine.ApiTimeoutError) as raised:
                create(api_at(f"http://127.0.0.1:{address[1]}"), _request_timeout=1)
            for queued in waiting:
                queued.close()
        assert time.monotonic() - started < 4
        assert not raised.value.maybe_sent

    def test_a_proxy_that_drips_does_not_extend_the_time(self, script: NewScript, api_at: NewApi) -> None:
        def drip(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:  # until the client closes the connection
                connection.sendall(b"x")
                time.sleep(0.05)

        with pytest.raises(sunshine.ApiTimeoutError) as raised:
            create(api_at("https://127.0.0.1:1", proxy=script(drip).url), _request_timeout=0.5)
        assert not raised.value.maybe_sent

    def test_a_handshake_without_an_answer_ends_in_time(self, script: NewScript, api_at: NewApi) -> None:
        url = script(lambda connection: time.sleep(1.5)).url.replace("http:", "https:")
        with pytest.raises(sunshine.ApiTimeoutError) as raised:
            create(api_at(url), _request_timeout=0.5)
        assert not raised.value.maybe_sent


class TestMaybeSent:
    @pytest.mark.parametrize(
        "refusal", [b"HTTP/1.1 407 x\r\n\r\n", b"HTTP/1.1 502 x\r\n\r\n", b"nonsense\r\n\r\n", b""]
    )
    def test_nothing_was_sent_through_a_proxy_that_opens_no_tunnel(self, api_at: NewApi, refusal: bytes) -> None:
        with Tunnel(refusal) as proxy, pytest.raises(sunshine.ApiConnectionError) as raised:
            create(api_at("https://127.0.0.1:1", proxy=proxy.url))
        assert not raised.value.maybe_sent

    def test_a_refused_tunnel_does_not_make_a_404_the_success_of_a_delete(
        self, tmp_path: Path, script: NewScript, api_at: NewApi
    ) -> None:
        certificate = make_certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        with socket.create_server(("127.0.0.1", 0)) as listener, Tunnel(b"HTTP/1.1 503 x\r\n\r\n") as proxy:

            def serve() -> None:
                with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(answer("404 Not Found", b'{"errors": []}'))

            thread = threading.Thread(target=serve)
            thread.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            api = api_at(url, proxy=proxy.url, retries=1, ssl_ca_cert=str(certificate[0]))
            with pytest.raises(sunshine.NotFoundException):
                api.delete_custom_integration_key("a", "i", "k")
            thread.join()
        assert len(proxy.heads) == 2

    def test_a_host_that_does_not_resolve_was_sent_nothing(
        self, api_at: NewApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        with pytest.raises(sunshine.ApiConnectionError) as raised:
            create(api_at("https://nowhere.invalid"))
        assert not raised.value.maybe_sent

    def test_a_connection_without_an_answer_may_have_carried_the_request(
        self, script: NewScript, api_at: NewApi
    ) -> None:
        with pytest.raises(sunshine.ApiConnectionError) as raised:
            create(api_at(script(b"").url))
        assert raised.value.maybe_sent

    def test_a_request_that_cannot_be_written_was_not_sent(self, script: NewScript, driver: SyncDriver) -> None:
        server = script(answer())
        with driver.ApiClient(sunshine.Configuration(server.url)) as client:
            for headers in ({"X": "a\r\nY: b"}, {"X": "\u20ac"}, {"Content-Length": "5"}):
                with pytest.raises(sunshine.ApiArgumentError):
                    client.call_api("GET", server.url, headers)
        assert server.requests == []


class TestAnswers:
    @pytest.mark.parametrize("status", ["401 x", "403 x", "404 x", "503 x"])
    def test_an_answer_without_body_and_length_through_a_proxy_is_an_answer(
        self, script: NewScript, api_at: NewApi, status: str
    ) -> None:
        proxy = script(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
        with pytest.raises(sunshine.ApiException) as raised:
            create(api_at("http://127.0.0.1:1", proxy=proxy.url))
        assert raised.value.status == int(status[:3])

    def test_a_forbidden_body_does_not_become_the_next_answer(self, script: NewScript, api_at: NewApi) -> None:
        forbidden = b"HTTP/1.1 204 No Content\r\nContent-Length: 60\r\n\r\n"
        server = script(KeptOpen(forbidden, OK, late=SECRET * 3), OK)
        api = api_at(server.url)
        assert api.delete_custom_integration_key("a", "i", "k") == {}
        assert api.get_custom_integration_key("a", "i", "k").key.id == "int_1"

    def test_bytes_after_an_answer_do_not_become_the_next_answer(self, script: NewScript, api_at: NewApi) -> None:
        server = script(KeptOpen(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", OK), OK)
        api = api_at(server.url)
        for _ in range(2):
            assert api.get_custom_integration_key("a", "i", "k").key.id == "int_1"
        assert len(server.requests) == 2  # the second call on a connection of its own

    @pytest.mark.parametrize("framing", ["length", "chunked", "close", "gzip"])
    def test_a_long_answer_is_not_read(self, script: NewScript, api_at: NewApi, framing: str) -> None:
        body = b"x" * 200_000
        if framing == "gzip":
            body = gzip.compress(bytes(50_000_000))
        head = {
            "length": b"Content-Length: %d" % len(body),
            "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x" % len(body),
            "close": b"Connection: close",
            "gzip": b"Content-Encoding: gzip\r\nContent-Length: %d" % len(body),
        }[framing]
        blank = b"\r\n" if framing == "chunked" else b"\r\n\r\n"
        api = api_at(script(b"HTTP/1.1 201 Created\r\n" + head + blank + body).url, max_answer_bytes=100_000)
        with pytest.raises(sunshine.ApiDecodeError, match="max_answer_bytes") as raised:
            create(api)
        assert raised.value.status == 201

    @pytest.mark.parametrize(
        "reply",
        [
            SECRET + b"\r\n\r\n",
            b"HTTP/1.1 " + SECRET + b"\r\n\r\n",
            b"HTTP/9 200 " + SECRET + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + SECRET + b"\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\n " + SECRET + b"\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + SECRET + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + SECRET,
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + SECRET,
            b"HTTP/1.1 200 OK\r\nX: " + SECRET,
        ],
    )
    def test_an_invalid_answer_is_never_shown(
        self, script: NewScript, api_at: NewApi, reply: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        with pytest.raises(sunshine.ApiException) as raised:
            create(api_at(script(reply).url))
        assert SECRET.decode() not in whole_chain(raised.value)
        assert SECRET.decode() not in caplog.text

    def test_an_early_413_over_tls_is_reported(self, tmp_path: Path, api_at: NewApi) -> None:
        certificate = make_certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                plain, _ = listener.accept()
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # sends the answer before it closes
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(answer("413 Payload Too Large", b'{"errors": [{"code": "c", "title": "t"}]}'))

            thread = threading.Thread(target=serve)
            thread.start()
            api = api_at(f"https://127.0.0.1:{listener.getsockname()[1]}", ssl_ca_cert=str(certificate[0]))
            with pytest.raises(sunshine.ApiException) as raised:
                api.create_custom_integration_key("a", "i", {"displayName": "x" * 20_000_000})
            thread.join()
        assert raised.value.status == 413


def test_a_forked_child_opens_its_own_connections(script: NewScript, api_at: NewApi) -> None:
    server = script(KeptOpen(OK, OK), OK)
    api = api_at(server.url)
    api.get_custom_integration_key("a", "i", "k")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, api.get_custom_integration_key("a", "i", "k").key.id.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 99) == b"int_1"
    os.close(reading)
    assert len(server.requests) == 2


def test_headers_of_an_error_can_be_pickled(script: NewScript, api_at: NewApi) -> None:
    with pytest.raises(sunshine.NotFoundException) as raised:
        create(api_at(script(answer("404 x", b"{}", Vary="a\r\nVary: b")).url))
    duplicate = pickle.loads(pickle.dumps(raised.value))
    assert duplicate.headers == raised.value.headers
    assert duplicate.headers.getlist("vary") == ["a", "b"]
