"""Limits of a call: its time, the size of an answer, and what a failure shows."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import socket
import threading
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.certificates import make_certificate
from support.drivers import Driver
from support.proxies import Tunnel
from support.scripts import KEY, NewApi, NewScript, Script, answer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio

from .test_network import server_context

SHORT = 0.5
"""Seconds after which a call of these tests ends, far less than the limits that must not matter."""

LIMITS = [SHORT, (SHORT, 60)]


def create(api: Any, **options: Any) -> Any:
    return api.create_custom_integration_key("a", "i", {"displayName": "x"}, **options)


def get(api: Any, **options: Any) -> Any:
    return api.get_custom_integration_key("a", "i", "k", **options)


def get_unread(api: Any, **options: Any) -> Any:
    return api.get_custom_integration_key_without_preload_content("a", "i", "k", **options)


def drip(connection: socket.socket) -> None:
    """Send a head that never ends, until the client closes the connection."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    stopped = threading.Event()
    while not stopped.wait(0.02):
        connection.sendall(b"x")


def silent(connection: socket.socket) -> None:
    """Send nothing until the client closes the connection."""
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


@pytest.fixture
def deaf() -> Iterator[str]:
    """Return the address of a listener that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def full() -> Iterator[str]:
    """Return the address of a listener that accepts no more connections, so that a connect waits."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


class TestTime:
    @pytest.mark.parametrize("call", [get, get_unread])
    @pytest.mark.parametrize("proxied", [False, True])
    def test_head_that_drips_ends_with_the_call(
        self, script: NewScript, api_at: NewApi, call: Callable[..., Any], proxied: bool
    ) -> None:
        url = script(drip).url
        api = api_at("http://127.0.0.1:1", proxy=url) if proxied else api_at(url)
        with pytest.raises(sunshine.ApiTimeoutError) as raised:
            call(api, _request_timeout=3)  # seconds; a busy machine needs some of them to send the request
        assert raised.value.maybe_sent

    @pytest.mark.parametrize("call", [get, get_unread])
    @pytest.mark.parametrize("limit", LIMITS)
    def test_connect_is_limited_and_sends_nothing(
        self, full: str, api_at: NewApi, call: Callable[..., Any], limit: Any
    ) -> None:
        with pytest.raises(sunshine.ApiTimeoutError) as raised:
            call(api_at(f"http://{full}"), _request_timeout=limit)
        assert not raised.value.maybe_sent

    @pytest.mark.parametrize("limit", LIMITS)
    def test_handshake_is_limited_and_sends_nothing(self, deaf: str, api_at: NewApi, limit: Any) -> None:
        with pytest.raises(sunshine.ApiTimeoutError) as raised:
            create(api_at(f"https://{deaf}"), _request_timeout=limit)
        assert not raised.value.maybe_sent

    @pytest.mark.parametrize("limit", LIMITS)
    def test_silent_proxy_is_limited_and_sends_nothing(self, deaf: str, api_at: NewApi, limit: Any) -> None:
        with pytest.raises(sunshine.ApiTimeoutError) as raised:
            create(api_at("https://api.example", proxy=f"http://{deaf}"), _request_timeout=limit)
        assert not raised.value.maybe_sent

    def test_body_that_drips_ends_with_the_call(self, script: NewScript, api_at: NewApi) -> None:
        def drip_chunks(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            stopped = threading.Event()
            while not stopped.wait(0.02):
                connection.sendall(b"1\r\nx\r\n")

        with pytest.raises(sunshine.ApiTimeoutError):
            get(api_at(script(drip_chunks).url), _request_timeout=SHORT)


class TestAsynchronousWaits:
    """The asynchronous client alone waits for a connection and for a resolver."""

    def test_wait_for_a_free_connection_is_limited_and_sends_nothing(self, script: NewScript) -> None:
        held, release = threading.Event(), threading.Event()

        def hold(connection: socket.socket) -> None:
            held.set()
            release.wait(30)
            connection.sendall(answer(body=KEY))

        server = script(hold, answer(body=KEY))

        async def run() -> None:
            configuration = sunshine.Configuration(server.url, retries=False)
            configuration.connection_pool_maxsize = 1
            async with aio.ApiClient(configuration) as client:
                api = aio.CustomIntegrationApiKeysApi(client)
                first = asyncio.ensure_future(get(api))
                await asyncio.to_thread(held.wait, 30)
                for limit in LIMITS:
                    with pytest.raises(sunshine.ApiTimeoutError) as raised:
                        await create(api, _request_timeout=limit)
                    assert not raised.value.maybe_sent
                release.set()
                assert (await first).key
                assert (await get(api)).key

        asyncio.run(run())
        assert len(server.requests) == 2

    def test_slow_resolver_is_limited_and_sends_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        release = threading.Event()

        def resolve(*_: Any, **__: Any) -> Any:
            release.wait(30)
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

        async def run() -> None:
            async with aio.ApiClient(sunshine.Configuration("https://api.example", retries=False)) as client:
                for limit in LIMITS:
                    with pytest.raises(sunshine.ApiTimeoutError) as raised:
                        await create(aio.CustomIntegrationApiKeysApi(client), _request_timeout=limit)
                    assert not raised.value.maybe_sent
                release.set()

        asyncio.run(run())


class TestCancellation:
    @pytest.mark.parametrize(
        "start", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 200 OK\r\nContent-Length: 59\r\n\r\n{"]
    )
    def test_cancelled_call_leaves_no_answer_to_the_next(self, script: NewScript, start: bytes) -> None:
        sent = threading.Event()

        def interrupted(connection: socket.socket) -> None:
            connection.sendall(start)
            sent.set()
            silent(connection)

        server = script(interrupted, answer(body=KEY))

        async def run() -> None:
            async with aio.ApiClient(sunshine.Configuration(server.url, retries=3)) as client:
                api = aio.CustomIntegrationApiKeysApi(client)
                task = asyncio.ensure_future(get(api))
                await asyncio.to_thread(sent.wait, 30)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert (await get(api)).key.id == "int_1"

        asyncio.run(run())
        assert len(server.requests) == 2

    def test_time_limit_of_the_caller_ends_the_call(self, script: NewScript) -> None:
        server = script(silent, answer(body=KEY))

        async def run() -> None:
            async with aio.ApiClient(sunshine.Configuration(server.url, retries=3)) as client:
                api = aio.CustomIntegrationApiKeysApi(client)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(SHORT):
                        await get(api)
                assert (await get(api)).key.id == "int_1"

        asyncio.run(run())


class TestAttempts:
    def test_lost_answer_on_a_used_connection_is_not_requested_again(self, script: NewScript, api_at: NewApi) -> None:
        received: list[bytes] = []

        def answer_once(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(KEY) + KEY)
            received.append(connection.recv(65536))

        server = script(answer_once, answer(body=KEY))
        api = api_at(server.url)
        assert get(api).key
        with pytest.raises(sunshine.ApiConnectionError) as raised:
            get(api)
        assert raised.value.maybe_sent
        assert (len(received), len(server.requests)) == (1, 1)


class TestHeads:
    def test_header_of_60_kilobytes_is_read(self, script: NewScript, api_at: NewApi) -> None:
        value = "v" * 60_000
        info = api_at(script(answer(body=KEY, X_Long=value)).url).get_custom_integration_key_with_http_info(
            "a", "i", "k"
        )
        assert info.headers["x-long"] == value

    @pytest.mark.parametrize("status", [401, 403, 404, 503])
    @pytest.mark.parametrize("proxied", [False, True])
    def test_answer_without_body_and_length_is_an_answer(
        self, script: NewScript, api_at: NewApi, status: int, proxied: bool
    ) -> None:
        url = script(f"HTTP/1.1 {status} x\r\nConnection: close\r\n\r\n".encode()).url
        api = api_at("http://127.0.0.1:1", proxy=url) if proxied else api_at(url)
        with pytest.raises(sunshine.ApiException) as raised:
            get(api)
        assert raised.value.status == status

    @pytest.mark.parametrize("status", [401, 404])
    def test_answer_without_body_and_length_comes_through_a_tunnel(
        self, script: NewScript, api_at: NewApi, tmp_path: Path, status: int
    ) -> None:
        certificate = make_certificate(tmp_path)
        reply = f"HTTP/1.1 {status} x\r\nConnection: close\r\n\r\n".encode()
        server = script(reply, context=server_context(certificate))
        with Tunnel() as proxy:
            api = api_at(server.url, proxy=proxy.url, ssl_ca_cert=str(certificate[0]))
            with api.api_client, pytest.raises(sunshine.ApiException) as raised:
                get(api)
        assert raised.value.status == status

    @pytest.mark.parametrize("status", ["403 Denied", "407 Denied", "502 Bad", "204 x"])
    def test_refused_tunnel_sent_nothing(self, api_at: NewApi, status: str) -> None:
        refusal = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
        with Tunnel(refusal) as proxy, pytest.raises(sunshine.ApiConnectionError, match=status[:3]) as raised:
            create(api_at("https://api.example", proxy=proxy.url))
        assert not raised.value.maybe_sent
        assert raised.value.status is None

    def test_create_is_repeated_after_a_refused_tunnel(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        certificate = make_certificate(tmp_path)
        server = script(answer("201 Created", KEY), context=server_context(certificate))
        with Tunnel(b"HTTP/1.1 502 Bad\r\n\r\n", b"") as proxy:
            api = api_at(server.url, proxy=proxy.url, ssl_ca_cert=str(certificate[0]), retries=3)
            with api.api_client:
                assert create(api).key
        assert (len(proxy.heads), len(server.requests)) == (3, 1)

    def test_404_of_a_delete_after_a_refused_tunnel_raises(
        self, script: NewScript, api_at: NewApi, tmp_path: Path
    ) -> None:
        certificate = make_certificate(tmp_path)
        server = script(answer("404 Not Found", b"{}"), context=server_context(certificate))
        with Tunnel(b"HTTP/1.1 502 Bad\r\n\r\n") as proxy:
            api = api_at(server.url, proxy=proxy.url, ssl_ca_cert=str(certificate[0]), retries=3)
            with api.api_client, pytest.raises(sunshine.NotFoundException):
                api.delete_custom_integration_key("a", "i", "k")
        assert len(proxy.heads) == 2

    @pytest.mark.parametrize(
        "announced", [b"Content-Length: 17\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"], ids=["length", "chunks"]
    )
    def test_body_of_a_204_does_not_spoil_the_next_call(
        self, script: NewScript, api_at: NewApi, announced: bytes
    ) -> None:
        def no_content(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 204 No Content\r\n" + announced)
            with contextlib.suppress(OSError):
                connection.recv(1)  # the client closes, or sends the next request
                connection.sendall(b"HTTP/1.1 404 x\r\n\r\n")

        api = api_at(script(no_content, answer(body=KEY)).url)
        assert api.delete_custom_integration_key("a", "i", "k") == {}
        assert get(api).key.id == "int_1"

    def test_body_of_a_204_that_comes_with_its_head_does_not_spoil_the_next_call(
        self, script: NewScript, api_at: NewApi
    ) -> None:
        def no_content(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}")
            silent(connection)

        def reply(connection: socket.socket) -> None:
            deleted = server.requests[-1].startswith(b"DELETE")
            connection.sendall(answer("404 Not Found", b"{}") if deleted else answer(body=KEY))

        server = script(no_content, reply, reply)
        api = api_at(server.url, retries=1)
        assert api.delete_custom_integration_key("a", "i", "k") == {}
        assert get(api).key.id == "int_1"


class TestSize:
    BODY = b'{"key": {"id": "int_1", "displayName": "' + b"x" * 5000 + b'"}}'

    def encoded(self, how: str) -> bytes:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if how == "length":
            return head + b"Content-Length: %d\r\n\r\n" % len(self.BODY) + self.BODY
        if how == "close":
            return head + b"\r\n" + self.BODY
        if how == "chunks":
            return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(self.BODY) + self.BODY + b"\r\n0\r\n\r\n"
        packed = gzip.compress(self.BODY) if how == "gzip" else zlib.compress(self.BODY)
        return head + f"Content-Encoding: {how}\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed

    @pytest.mark.parametrize("how", ["length", "close", "chunks", "gzip", "deflate"])
    def test_answer_beyond_the_limit_raises(self, script: NewScript, api_at: NewApi, how: str) -> None:
        server = script(self.encoded(how), self.encoded(how), answer("200 OK", KEY))
        assert get(api_at(server.url, max_answer_bytes=len(self.BODY))).key.id == "int_1"
        api = api_at(server.url, max_answer_bytes=len(self.BODY) - 1, retries=3)
        with pytest.raises(sunshine.ApiDecodeError, match="max_answer_bytes") as raised:
            get(api)
        assert raised.value.status == 200
        assert get(api).key.id == "int_1"

    def test_endless_answer_ends_at_the_limit(self, script: NewScript, api_at: NewApi) -> None:
        def endless(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b" " * 65536)

        with pytest.raises(sunshine.ApiDecodeError, match="max_answer_bytes"):
            get(api_at(script(endless).url, max_answer_bytes=2_000_000))

    @pytest.mark.parametrize("most", [None, "1", 0, -1, 1.5, True])
    def test_invalid_limit_is_rejected(self, api_at: NewApi, most: Any) -> None:
        with pytest.raises(sunshine.ApiArgumentError, match="max_answer_bytes"):
            get(api_at("http://127.0.0.1:1", max_answer_bytes=most))

    def test_limit_is_64_megabytes(self) -> None:
        assert sunshine.Configuration().max_answer_bytes == 64 * 1024 * 1024

    def test_compressed_answer_that_expands_without_end_is_stopped(self, script: NewScript, api_at: NewApi) -> None:
        reply = answer(body=gzip.compress(b" " * 100_000_000), Content_Encoding="gzip")
        api = api_at(script(reply).url, max_answer_bytes=1_000_000)
        tracemalloc.start()
        try:
            with pytest.raises(sunshine.ApiDecodeError, match="max_answer_bytes"):
                get(api)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 30_000_000


class EarlyScript(Script):
    """A server that answers before it has read the body of a request."""

    def _read(self, connection: socket.socket) -> bytes:
        return connection.recv(65536)


class TestEarlyAnswers:
    @pytest.mark.parametrize("secure", [False, True])
    def test_413_before_the_end_of_an_upload_is_an_answer(self, api_at: NewApi, tmp_path: Path, secure: bool) -> None:
        certificate = make_certificate(tmp_path)
        refusal = answer("413 Content Too Large", b'{"errors": [{"code": "payload_too_large", "title": "t"}]}')
        server = EarlyScript(refusal, context=server_context(certificate) if secure else None)
        try:
            api = api_at(server.url, ssl_ca_cert=str(certificate[0]))
            with pytest.raises(sunshine.ApiException) as raised:
                api.create_custom_integration_key("a", "i", {"displayName": "x" * 8_000_000})
        finally:
            server.close()
        assert (raised.value.status, raised.value.code) == (413, "payload_too_large")


GARBLED = [
    b"s3cr3t\r\n\r\n",
    b"HTTP/1.1 2s3cr3t OK\r\n\r\n",
    b"s3cr3t HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ns3cr3t\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX\x00: s3cr3t\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cr3t\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ns3cr3t\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: s3cr3t=s3cr3t\r\nContent-Length: 50\r\n\r\n{s3cr3t",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: s3cr3t=s3cr3t\r\nX-",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: s3 cr3t;=;s3cr3t\r\nContent-Length: 6\r\n\r\ns3cr3t",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\ns3cr3t",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n\x1f\x8b\x08\x00s3cr3tss",
    b"HTTP/1.1 500 x\r\nX-Api-Key: s3cr3t\r\nSet-Cookie: s3cr3t\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"s3cr3t" * 20_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("reply", GARBLED)
@pytest.mark.parametrize("call", [get, get_unread])
@pytest.mark.parametrize("proxied", [False, True])
def test_no_error_shows_bytes_of_an_answer(
    script: NewScript,
    api_at: NewApi,
    driver: Driver,
    caplog: pytest.LogCaptureFixture,
    reply: bytes,
    call: Callable[..., Any],
    proxied: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    url = script(reply).url
    api = api_at("http://127.0.0.1:1", proxy=url) if proxied else api_at(url)
    shown = ""
    try:
        raw = call(api)
    except sunshine.ApiException as error:
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(error)
        seen: BaseException | None = error
        while seen is not None:
            shown += f"{seen!r} {seen} {seen.args!r}"
            seen = seen.__cause__ or seen.__context__
    else:
        raw.close()
    assert "s3cr3t" not in shown + caplog.text
