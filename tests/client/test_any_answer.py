"""Fuzzing: whatever bytes a server sends, a call returns data or raises an ApiException, within its timeout."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drivers import AsyncDriver, SyncDriver

import sunshine_conversations_client as sunshine

SECONDS = 1.0


class Echo:
    """A server that sends the bytes in `answer` to every connection, and closes it."""

    def __init__(self) -> None:
        self.answer = b""
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
            with connection:
                try:
                    connection.settimeout(2)
                    connection.recv(65536)
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture(scope="module", params=["sync", "async", "sync by a proxy"])
def keys(request: pytest.FixtureRequest, echo: Echo) -> Iterator[object]:
    driver = AsyncDriver() if request.param == "async" else SyncDriver()
    configuration = sunshine.Configuration(echo.url, retries=False)
    if "proxy" in request.param:
        configuration.proxy = echo.url
    client = driver.ApiClient(configuration)
    yield driver.CustomIntegrationApiKeysApi(client)
    client.close()
    driver.close()


header_lines = st.lists(
    st.sampled_from([b"Content-Type: application/json", b"Content-Length: 5", b"Content-Length: x", b"Transfer-Encoding: chunked",
                     b"Content-Encoding: gzip", b"Content-Encoding: br", b"Location: /x", b"Location: http://[", b"Retry-After: 9",
                     b"Connection: close", b"Set-Cookie: a", b"Upgrade: x", b": x", b"X"])
    | st.binary(max_size=20),
    max_size=5,
)  # fmt: skip
bodies = st.binary(max_size=60) | st.sampled_from(
    [
        b"{}",
        b'{"key": {}}',
        b'{"keys": [null, 1, {"id": 1}]}',
        b'{"key": {"secret": []}}',
        b"5\r\n{}   \r\n0\r\n\r\n",
        b"[" * 2000,
    ]
)
answers = st.binary(max_size=200) | st.builds(
    lambda status, headers, body: b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body,
    st.sampled_from([b"200 OK", b"201", b"204 x", b"100 Continue", b"103 x", b"301 x", b"303 x", b"307 x", b"400 x", b"404 x", b"429 x", b"500 x", b"999 x", b"0 x", b"-1", b"x"]),
    header_lines,
    bodies,
)  # fmt: skip


@settings(max_examples=150)
@given(answer=answers)
def test_any_bytes_end_in_data_or_an_api_exception(
    echo: Echo, keys: sunshine.CustomIntegrationApiKeysApi, answer: bytes
) -> None:
    echo.answer = answer
    started = time.monotonic()
    for call in (
        lambda: keys.list_custom_integration_keys("a", "i", _request_timeout=SECONDS),
        lambda: keys.create_custom_integration_key("a", "i", {"displayName": "x"}, _request_timeout=SECONDS),
        lambda: keys.delete_custom_integration_key("a", "i", "k", _request_timeout=SECONDS),
        lambda: keys.list_custom_integration_keys_without_preload_content("a", "i", _request_timeout=SECONDS).close(),
    ):
        try:
            result = call()
            repr(result)
        except sunshine.ApiException as error:
            repr(error)
            str(error)
    assert time.monotonic() - started < 4 * SECONDS + 20  # seconds that a busy machine may add
