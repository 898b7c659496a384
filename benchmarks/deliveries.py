"""The section on deliveries: events on their way to webhooks, beside bare aiohttp, and beside a target that never answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import targets
from cases import credentials
from fill import fill
from goals import Goal
from load import LOAD_CORE, SERVER_CORE, Request, pinned_to, write_requests, wrk
from report import figures_table

from sunshine_keys.messaging import messaging_file
from sunshine_keys.settings import STORE_FILE

RATE, SECONDS = 200, 5
CONVERSATIONS = 64
DRAINED = 4000
PENDING = 10**5
TRIGGERS = ["conversation:message"]
BODY = '{"author":{"type":"business"},"content":{"type":"text","text":"%s"}}'

FLOOR = """
import asyncio, sys, time, aiohttp
async def main(url, count, body):
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()) as session:
        async def post():
            for _ in left:
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                    await answer.read()
        await asyncio.gather(*(post() for _ in range(32)))
before = time.process_time()
asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()))
print(time.process_time() - before)
"""
"""The floor of a delivery: the POST alone, with 32 at once as the service has."""


class Kind(NamedTuple):
    title: str
    bound: float
    at_least: bool
    measure: str


KINDS = (
    Kind(f"post to webhook received, {RATE} messages a second: p50, ms", 5, False, "p50"),
    Kind(f"post to webhook received, {RATE} messages a second: p99, ms", 50, False, "p99"),
    Kind("deliveries for each second of CPU, target answers at once", 1500, True, "drained"),
    Kind("p50 beside a target that never answers, of p50 without it", 1.1, False, "beside silent"),
    Kind("posts a second with 10⁵ pending deliveries, of posts without", 0.9, True, "beside pending"),
)


class Hook:
    """A target of webhooks. `on_text` is called with the text of each message. It answers if it `is_open`."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open
        self.on_text: Callable[[bytes], Any] = lambda text: None
        self.waiting: list[_Connection] = []
        """The connections that have sent a request and got no answer."""

    def answer_waiting(self) -> None:
        self.is_open = True
        for connection in self.waiting:
            connection.answer()
        self.waiting.clear()


class _Connection(asyncio.Protocol):
    """Reads requests of HTTP/1.1 at little cost, and answers 200."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?i)content-length: *(\d+)", self._data[:end])
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < size:
                return
            request, self._data = self._data[:size], self._data[size:]
            for text in re.findall(rb'"text": ?"([^"]*)"', request):
                self._hook.on_text(text)
            if self._hook.is_open or request.startswith(b"HEAD"):
                self.answer()
            else:
                self._hook.waiting.append(self)

    def answer(self) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Bench:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.samples: dict[str, list[float]] = {}
        self._numbers = itertools.count()
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> None:
        keys = await asyncio.to_thread(fill, self._folder / "keys", 10, 300)
        self._hook = Hook()
        url, silent_url = await self._listen(self._hook), await self._listen(Hook(is_open=False))
        self._url = url
        owner = keys.owner(0)
        other = next(other for other in keys.empty_owners() if other.app_id != owner.app_id)
        auth = await asyncio.to_thread(credentials, keys, [owner, other])
        self._service = await asyncio.to_thread(targets.service, keys.data)
        self._stack.callback(self._stop)
        self._session = await self._stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
        )
        self._app, self._auth = owner.app_id, auth[owner.app_id]
        self._other, self._other_auth = other.app_id, auth[other.app_id]
        self._paths = await self._prepare(self._app, self._auth, url)
        self._other_paths = await self._prepare(self._other, self._other_auth, silent_url)
        self._data = keys.data

    async def _listen(self, hook: Hook) -> str:
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(hook), "127.0.0.1", 0)
        self._stack.callback(server.close)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhook"

    async def _prepare(self, app: str, auth: str, url: str) -> list[str]:
        webhook = {"target": url, "triggers": TRIGGERS}
        await self._call(f"/v2/apps/{app}/integrations", auth, {"type": "custom", "webhooks": [webhook]})
        paths = []
        for number in range(CONVERSATIONS):
            user = (await self._call(f"/v2/apps/{app}/users", auth, {"externalId": f"{number}"}))["user"]["id"]
            body = {"type": "personal", "participants": [{"userId": user}]}
            conversation = await self._call(f"/v2/apps/{app}/conversations", auth, body)
            paths.append(f"/v2/apps/{app}/conversations/{conversation['conversation']['id']}/messages")
        return paths

    async def _call(self, path: str, auth: str, body: Any) -> Any:
        async with self._session.post(self._service.url + path, headers={"Authorization": auth}, json=body) as answer:
            assert answer.status == 201, await answer.text()
            return await answer.json()

    async def _post(self, path: str, auth: str, text: str) -> None:
        body = BODY % text
        headers = {"Authorization": auth, "Content-Type": "application/json"}
        async with self._session.post(self._service.url + path, headers=headers, data=body) as answer:
            assert answer.status == 201, await answer.text()
            await answer.read()

    async def round(self, *, keep: bool) -> None:
        samples: dict[str, float] = {}
        before = self._service.cpu_seconds()
        latencies = await self._latencies(self._post_message)
        samples["cpu"] = (self._service.cpu_seconds() - before) / len(latencies) * 1e6
        samples["p50"], samples["p99"] = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
        floor = await self._latencies(self._post_to_hook)
        samples["p50 floor"], samples["p99 floor"] = floor[len(floor) // 2], floor[len(floor) * 99 // 100]
        samples["drained"] = await self._drained()
        samples["drained floor"] = await asyncio.to_thread(self._bare_posts)
        for number in range(500):
            await self._post(self._other_paths[number % CONVERSATIONS], self._other_auth, "x")
        beside = await self._latencies(self._post_message)
        samples["beside silent"] = beside[len(beside) // 2] / samples["p50"]
        if keep:
            for name, value in samples.items():
                self.samples.setdefault(name, []).append(value)

    async def _post_message(self, text: str, number: int) -> None:
        await self._post(self._paths[number % CONVERSATIONS], self._auth, text)

    async def _post_to_hook(self, text: str, _: int) -> None:
        async with self._session.post(self._url, data=BODY % text) as answer:
            await answer.read()

    async def _latencies(self, post: Callable[[str, int], Any]) -> list[float]:
        """Send RATE messages a second, and return the milliseconds until the webhook had each, in their order."""
        count, sent, received = RATE * SECONDS, dict[bytes, float](), dict[bytes, float]()
        self._hook.on_text = lambda text: received.setdefault(text, time.perf_counter())
        begun, tasks = time.perf_counter(), []
        for number in range(count):
            wait = begun + number / RATE - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            text = f"m{next(self._numbers)}"
            sent[text.encode()] = time.perf_counter()
            tasks.append(asyncio.create_task(post(text, number)))
        await asyncio.gather(*tasks)
        await _until(lambda: len(received) >= count)
        return sorted((received[text] - moment) * 1000 for text, moment in sent.items())

    async def _drained(self) -> float:
        """Have DRAINED deliveries wait for a target, let it answer, and return how many a second of CPU then delivers."""
        received: set[bytes] = set()
        self._hook.on_text = received.add
        self._hook.is_open = False
        numbers = iter(range(DRAINED))

        async def post() -> None:
            for number in numbers:
                await self._post_message(f"d{next(self._numbers)}", number)

        await asyncio.gather(*(post() for _ in range(32)))
        before, begun = self._service.cpu_seconds(), len(received)
        self._hook.answer_waiting()
        await _until(lambda: len(received) >= DRAINED)
        return (DRAINED - begun) / (self._service.cpu_seconds() - before)

    def _bare_posts(self) -> float:
        event = json.dumps({"events": [{"payload": BODY % "x" * 8}]})
        command = [sys.executable, "-c", FLOOR, self._url, str(DRAINED), event]
        pin = lambda: os.sched_setaffinity(0, {SERVER_CORE})  # noqa: E731
        result = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=pin)
        return DRAINED / float(result.stdout)

    def posts_beside_pending(self, rounds: int) -> None:
        """Measure posts to an app whose webhook hears nothing, with and without PENDING deliveries of another app."""
        file = write_requests(
            self._folder / "posts", [Request(path, self._auth, "POST", BODY % "x") for path in self._paths]
        )
        for _ in range(rounds):
            rates = []
            for pending in (0, PENDING):
                self._service.stop()
                self._set_pending(pending)
                self._service = targets.service(self._data)
                time.sleep(3)
                rates.append(wrk(self._service.url, file, connections=32, seconds=3, status=201).per_second)
            self.samples.setdefault("posts", []).append(rates[0])
            self.samples.setdefault("beside pending", []).append(rates[1] / rates[0])

    def _set_pending(self, count: int) -> None:
        """Have the store hold `count` deliveries to the silent target, copies of one that it has."""
        with contextlib.closing(
            sqlite3.connect(messaging_file(self._data / STORE_FILE), isolation_level=None)
        ) as store:
            store.execute("UPDATE deliveries SET state = 'failed', owner = NULL, queue = NULL, due = NULL")
            names = [row[1] for row in store.execute("PRAGMA table_info(deliveries)")]
            changed = {
                "number": "last + n", "state": "'pending'", "owner": "'0'", "due": "NULL", "attempts": "'[]'",
                "queue": "webhook_id || ':' || (n % 1000)",
            }  # fmt: skip
            values = ", ".join(changed.get(name, name) for name in names)
            store.execute(
                "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ?1)"
                f" INSERT INTO deliveries SELECT {values} FROM numbers,"
                " (SELECT * FROM deliveries WHERE app_id = ?2 LIMIT 1), (SELECT MAX(number) AS last FROM deliveries)"
                " WHERE ?1 > 0",
                (count, self._other),
            )

    def _stop(self) -> None:
        self._service.stop()

    async def close(self) -> None:
        await self._stack.aclose()


async def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("webhooks did not receive all events within two minutes")
        await asyncio.sleep(0.005)


async def _samples(folder: Path, rounds: int) -> dict[str, list[float]]:
    bench = Bench(folder)
    await bench.open()
    try:
        for number in range(-1, rounds):  # the first round warms up
            await bench.round(keep=number >= 0)
        await asyncio.to_thread(bench.posts_beside_pending, min(rounds, 3))
    finally:
        await bench.close()
    return bench.samples


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    with pinned_to(LOAD_CORE):
        return {"rounds": rounds, "samples": asyncio.run(_samples(folder, rounds))}


def section(results: dict[str, Any]) -> tuple[list[Goal], str]:
    samples = results["samples"]
    goals = [
        (Goal.at_least if kind.at_least else Goal.at_most)(kind.title, kind.bound, samples[kind.measure])
        for kind in KINDS
    ]
    return goals, (
        f"## Deliveries\n\n{results['rounds']} rounds. The server is pinned to one core; the targets and the program that posts "
        "are on the other one. Times go from the start of a post\nto the arrival of its event at the webhook, and contain the "
        "durable write of the message. The floor of a time is one bare POST by aiohttp\nto the same target; the floor of a "
        "delivery is the CPU of that POST, 32 at a time.\n\nTimes in milliseconds, `cpu` in microseconds for each post with its "
        "delivery, `drained` in deliveries for each second of CPU.\n\n" + figures_table(samples)
    )
