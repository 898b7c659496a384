"""An answer starts without a task, and continues in a task if it has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from sunshine_keys.wire.exchange import Exchange, step


def finish(waiting: Coroutine[Any, Any, None]) -> list[str]:
    """Finish an exchange, and return which steps ran without a task and in a task."""
    steps = ["step"]

    async def run() -> None:
        rest = step(waiting)
        if rest is not None:
            steps.append("task")
            await asyncio.create_task(rest)

    asyncio.run(run())
    return steps


def test_what_does_not_wait_is_done_at_once() -> None:
    done: list[bool] = []

    async def answer() -> None:
        done.append(asyncio.current_task() is None)

    async def run() -> None:
        asyncio.get_running_loop().call_soon(lambda: step(answer()))
        await asyncio.sleep(0)

    asyncio.run(run())
    assert done == [True]


def test_what_waits_goes_on_in_a_task_and_gets_what_it_waited_for() -> None:
    got: list[Any] = []

    async def answer() -> None:
        loop = asyncio.get_running_loop()
        soon = loop.create_future()
        loop.call_soon(soon.set_result, 1)
        got.append(await soon)
        await asyncio.sleep(0)
        failing = loop.create_future()
        loop.call_soon(failing.set_exception, KeyError("x"))
        try:
            await failing
        except KeyError as error:
            got.append(error.args)
        got.append(await asyncio.to_thread(lambda: 2))
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        got.append(3)

    assert finish(answer()) == ["step", "task"]
    assert got == [1, ("x",), 2, 3]


def test_its_task_can_be_cancelled() -> None:
    ended: list[str] = []

    async def answer() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("cancelled")
            raise

    async def run() -> None:
        rest = step(answer())
        assert rest is not None
        task = asyncio.create_task(rest)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert ended == ["cancelled"]


def test_an_error_is_whoever_waits_for_it() -> None:
    async def at_once() -> None:
        raise KeyError("at once")

    async def later() -> None:
        await asyncio.sleep(0)
        raise KeyError("later")

    with pytest.raises(KeyError, match="at once"):
        step(at_once())
    with pytest.raises(KeyError, match="later"):
        finish(later())


class Recorder:
    """A connection that records what an exchange writes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.ended: list[Exchange] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def date(self) -> bytes:
        return b""

    def read_on(self) -> None:
        pass

    async def drain(self) -> None:
        pass

    def end(self, exchange: Exchange) -> None:
        self.ended.append(exchange)


def test_answer_in_parts_without_a_length_ends_with_its_connection() -> None:
    connection = Recorder()
    exchange = Exchange(connection, {"method": "GET", "http_version": "1.1", "headers": []}, keep_alive=True)

    async def answer() -> None:
        await exchange.send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one", b"two"):
            await exchange.send({"type": "http.response.body", "body": part, "more_body": True})
        await exchange.send({"type": "http.response.body", "body": b""})

    asyncio.run(answer())
    assert b"".join(connection.written) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonetwo"
    assert connection.ended == [exchange]
    assert exchange.is_answered and not exchange.keep_alive
