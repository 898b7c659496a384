"""Transports: what any is asked, and that those of this package leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.drivers import Driver
from support.scripts import Script, answer
from support.wire import Service

import sunshine_conversations_client as sunshine
from sunshine_conversations_client.transport import Headers, Request, Response, Timeout


class Own:
    """A transport of a user's own."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Timeout]] = []
        self.closed = False

    def send(self, request: Request, timeout: Timeout) -> Response:
        self.asked.append((f"{request.method} {request.url}", timeout))
        if len(self.asked) == 1:
            raise sunshine.ApiConnectionError("not yet", maybe_sent=False)
        return Response(200, None, Headers(), b'{"app": {"displayName": "Mine"}}')

    def close(self) -> None:
        self.closed = True


class OwnAwaited:
    """The same for the asynchronous client."""

    def __init__(self) -> None:
        self.own = Own()

    async def send(self, request: Request, timeout: Timeout) -> Response:
        return self.own.send(request, timeout)

    async def close(self) -> None:
        self.own.close()


def test_a_transport_of_ones_own_is_asked_again_and_closed(driver: Driver) -> None:
    awaited = OwnAwaited()
    own = awaited.own
    client = driver.ApiClient(
        sunshine.Configuration("http://127.0.0.1"), transport=own if driver.name == "sync" else awaited
    )
    assert driver.AppsApi(client).get_app("a").app.display_name == "Mine"
    assert [asked for asked, _ in own.asked] == ["GET http://127.0.0.1/v2/apps/a"] * 2
    client.close()
    assert own.closed


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({}, (5, 30, 90)),
        ({"_request_timeout": None}, (None, None, None)),
        ({"_request_timeout": 7}, (7, 7, 7)),
        ({"_request_timeout": (1, 2)}, (1, 2, None)),
    ],
)
def test_a_call_has_limits_unless_it_is_told_otherwise(driver: Driver, options: Any, limits: Any) -> None:
    awaited = OwnAwaited()
    client = driver.ApiClient(
        sunshine.Configuration("http://127.0.0.1"), transport=awaited.own if driver.name == "sync" else awaited
    )
    driver.AppsApi(client).get_app("a", **options)
    timeout = awaited.own.asked[0][1]
    for given, limit in zip((timeout.connect, timeout.read, timeout.total), limits, strict=True):
        assert given is limit or 0.5 * limit < given <= limit  # what the call itself took is off the total


LEAKS = """
import asyncio, os, sys
import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio

kind, url, keeping_alive = sys.argv[1:]

def sockets():
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            pass
    return found

def settled(call):
    try:
        return call()
    except sunshine.ApiException as error:
        return error

def sync():
    with sunshine.ApiClient(sunshine.Configuration(url, retries=1)) as client:
        api = sunshine.AppsApi(client)
        for _ in range(5):
            settled(lambda: api.get_app("a"))
        api.get_app_without_preload_content("a").close()
    with sunshine.ApiClient(sunshine.Configuration(keeping_alive)) as other:
        settled(lambda: sunshine.AppsApi(other).get_app("a"))
    return sockets()

async def awaited():
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
after = sync() if kind == "sync" else asyncio.run(awaited()) or sockets()
print(after - before)
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_no_socket_and_no_task_is_left_however_the_calls_ended(
    script: Callable[..., Script], service: Service, kind: str
) -> None:
    app = answer(body=b'{"app": {}}')
    broken = (
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        answer("503 x"),
        b"nonsense\r\n\r\n",
        answer("404 x"),
    )
    server = script(app, *(reply for each in broken for reply in (each, app)), answer(body=b"x" * 100_000))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEAKS, kind, server.url, service.url],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("0\n", "")
