"""Transports: the calls that a custom one receives, and that the built-in ones close everything."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from support.drivers import Driver
from support.scripts import NewScript, answer
from support.wire import Service

import sunshine_conversations_client as sunshine
from sunshine_conversations_client.transport import Headers, Request, Response, Timeout


class CustomTransport:
    """A transport that fails once and then answers from memory."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Timeout]] = []
        self.closed = False

    def send(self, request: Request, timeout: Timeout) -> Response:
        self.sent.append((f"{request.method} {request.url}", timeout))
        if len(self.sent) == 1:
            raise sunshine.ApiConnectionError("The first attempt fails", maybe_sent=False)
        return Response(200, None, Headers(), b'{"app": {"displayName": "Mine"}}')

    def close(self) -> None:
        self.closed = True


class AsyncCustomTransport:
    """The same transport for the asynchronous client."""

    def __init__(self) -> None:
        self.wrapped = CustomTransport()

    async def send(self, request: Request, timeout: Timeout) -> Response:
        return self.wrapped.send(request, timeout)

    async def close(self) -> None:
        self.wrapped.close()


def test_a_custom_transport_is_retried_and_closed(driver: Driver) -> None:
    asynchronous = AsyncCustomTransport()
    custom = asynchronous.wrapped
    client = driver.ApiClient(
        sunshine.Configuration("http://127.0.0.1"), transport=custom if driver.name == "sync" else asynchronous
    )
    assert driver.AppsApi(client).get_app("a").app.display_name == "Mine"
    assert [line for line, _ in custom.sent] == ["GET http://127.0.0.1/v2/apps/a"] * 2
    client.close()
    assert custom.closed


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({}, (5, 30, 90)),
        ({"_request_timeout": None}, (None, None, None)),
        ({"_request_timeout": 7}, (7, 7, 7)),
        ({"_request_timeout": (1, 2)}, (1, 2, None)),
    ],
)
def test_a_call_has_default_limits_and_takes_others(driver: Driver, options: Any, limits: Any) -> None:
    asynchronous = AsyncCustomTransport()
    client = driver.ApiClient(
        sunshine.Configuration("http://127.0.0.1"),
        transport=asynchronous.wrapped if driver.name == "sync" else asynchronous,
    )
    driver.AppsApi(client).get_app("a", **options)
    timeout = asynchronous.wrapped.sent[0][1]
    for actual, limit in zip((timeout.connect, timeout.read, timeout.total), limits, strict=True):
        assert actual is limit or 0.5 * limit < actual <= limit  # the total is less the time that passed


LEAKS = """
import asyncio, os, sys
import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio

kind, url, keeping_alive = sys.argv[1:]

def sockets():
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            pass
    return count

def outcome_of(call):
    try:
        return call()
    except sunshine.ApiException as error:
        return error

def run_sync():
    with sunshine.ApiClient(sunshine.Configuration(url, retries=1)) as client:
        api = sunshine.AppsApi(client)
        for _ in range(5):
            outcome_of(lambda: api.get_app("a"))
        api.get_app_without_preload_content("a").close()
    with sunshine.ApiClient(sunshine.Configuration(keeping_alive)) as other:
        outcome_of(lambda: sunshine.AppsApi(other).get_app("a"))
    return sockets()

async def run_async():
    before = asyncio.all_tasks()
    async with aio.ApiClient(sunshine.Configuration(url, retries=1)) as client:
        api = aio.AppsApi(client)
        for _ in range(5):
            try:
                await api.get_app("a")
            except sunshine.ApiException:
                pass
        (await api.get_app_without_preload_content("a")).close()
    async with aio.ApiClient(sunshine.Configuration(keeping_alive)) as other:
        try:
            await aio.AppsApi(other).get_app("a")
        except sunshine.ApiException:
            pass
    assert asyncio.all_tasks() == before

before = sockets()
after = run_sync() if kind == "sync" else asyncio.run(run_async()) or sockets()
print(after - before)
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_no_call_leaves_a_socket_or_a_task_open(script: NewScript, service: Service, kind: str) -> None:
    app = answer(body=b'{"app": {}}')
    broken = (
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        answer("503 x"),
        b"nonsense\r\n\r\n",
        answer("404 x"),
    )
    server = script(app, *(reply for failure in broken for reply in (failure, app)), answer(body=b"x" * 100_000))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEAKS, kind, server.url, service.url],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("0\n", "")
