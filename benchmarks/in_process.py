"""Measures a request from its bytes to the bytes of its answer, in one process and without sockets, beside the floor.

    python benchmarks/in_process.py [CASE …] [--rounds N] [--log]

Sockets and other work on the machine hardly influence the least CPU time of many rounds. So this shows what a change of the code
saves or costs. The ratios are worse than those over sockets, where the floor sends two pieces and the service one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from cases import Case, cases
from conversations import CASE_TITLES, conversation_cases
from fill import fill
from floor import application
from goals import TITLES, figure
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sunshine_keys.asgi import Service
from sunshine_keys.observing.logs import Log, LogFormat, LogLevel
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import RateLimits
from sunshine_keys.wire.protocol import Protocol

CONNECTIONS = 32
REQUESTS = 3200
NAMES = {name: title for name, title in TITLES.items() if not name.startswith("create")} | CASE_TITLES


class Transport(asyncio.Transport):
    """Keeps what was written last, instead of sending it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8080)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written = data

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


Connections = list[tuple[Any, Transport]]


def connected(new_protocol: Callable[[], asyncio.BaseProtocol]) -> Connections:
    connections: Connections = []
    for _ in range(CONNECTIONS):
        protocol, transport = new_protocol(), Transport()
        protocol.connection_made(transport)
        connections.append((protocol, transport))
    return connections


def requests_of(case: Case) -> Iterator[bytes]:
    """Yield the requests of a case as bytes, again and again."""
    with case.requests.open() as lines:
        for line in itertools.cycle([*itertools.islice(lines, 100_000)]):
            method, path, authorization, body = line.rstrip("\n").split("\t")
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: {authorization}\r\n"
            if body:
                head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            yield f"{head}\r\n{body}".encode()


async def cpu_us(connections: Connections, requests: Iterable[bytes], pause: float = 0) -> float:
    """Return the CPU time of a request in microseconds. The requests arrive on all connections at once.

    `pause` are the seconds between two looks for answers: those of changes wait for the disk.
    """
    begun, count, coming = time.process_time(), 0, iter(requests)
    while batch := [*itertools.islice(coming, CONNECTIONS)]:
        for (protocol, transport), request in zip(connections, batch, strict=True):
            transport.written = b""
            protocol.data_received(request)
        while not all(transport.written for _, transport in connections):  # noqa: ASYNC110 - an event would cost more
            await asyncio.sleep(pause)
        count += len(batch)
    return (time.process_time() - begun) / count * 1e6


@contextlib.asynccontextmanager
async def served(settings: Settings) -> Any:
    """Run the service's lifespan, and yield the state that its connections need."""
    state: dict[str, Any] = {}
    started, stopping = asyncio.Event(), asyncio.Event()
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, str]:
        message = next(messages)
        if message == "lifespan.shutdown":
            await stopping.wait()
        return {"type": message}

    async def send(message: Any) -> None:
        started.set()

    lifespan = asyncio.create_task(Service(settings)({"type": "lifespan", "state": state}, receive, send))
    await started.wait()
    yield state
    stopping.set()
    await lifespan


async def measure(settings: Settings, measured: list[Case], rounds: int) -> dict[str, list[float]]:
    """Return the least CPU times of the service and of the floor, by case."""
    config = {"log_config": None, "access_log": False, "server_header": False, "proxy_headers": False}
    least: dict[str, list[float]] = {}
    async with served(settings) as state:
        service_config = uvicorn.Config("none", **config)
        service_config.loaded, server = True, ServerState()
        server.default_headers = [(b"date", b"Fri, 27 Nov 2026 20:00:00 GMT")]
        service = connected(lambda: Protocol(service_config, server, state))
        streams = {case.name: requests_of(case) for case in measured}
        answers: dict[str, Any] = {}
        for case in measured:
            await cpu_us(service, itertools.islice(streams[case.name], CONNECTIONS))
            head, _, body = service[0][1].written.partition(b"\r\n\r\n")
            assert head.split(b" ")[1] == str(case.status).encode(), head
            headers = [tuple(line.decode().split(": ", 1)) for line in head.split(b"\r\n")[2:]]  # without the date
            answers[case.first().split("\t")[1].partition("?")[0]] = (case.status, headers, body.decode())
            if case.writes:
                with case.requests.open() as lines:
                    answers |= {line.split("\t")[1]: answers[case.first().split("\t")[1]] for line in lines}
        floor_config = uvicorn.Config(application(answers), **config)
        floor_config.load()
        floor = connected(lambda: HttpToolsProtocol(floor_config, server, {}))
        gc.freeze()
        for _ in range(rounds):
            for case in measured:
                requests = [*itertools.islice(streams[case.name], REQUESTS)]
                pause = 0.001 if case.writes else 0
                times = [await cpu_us(connections, requests, pause) for connections in (service, floor)]
                least[case.name] = [*map(min, times, least.get(case.name, times))]
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--log", action="store_true", help="write a line per request to standard error")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        filled = fill(folder / "data", 1000, 1)
        names = options.cases or NAMES
        every = [*cases(folder, filled, 100_000), *conversation_cases(folder, filled)]
        measured = [case for case in every if case.name in names and case.name in NAMES]
        settings = Settings(
            filled.data,
            rate_limits=RateLimits.of(None, None, "99999999/second"),
            log=Log(LogFormat.TEXT, LogLevel.INFO) if options.log else None,
        )
        least = uvloop.run(measure(settings, measured, options.rounds))
    print("| | service, µs | floor, µs | ratio |\n|---|---|---|---|")
    for name, (ours, floors) in least.items():
        print(f"| {NAMES[name]} | {figure(ours)} | {figure(floors)} | {figure(ours / floors)} |")


if __name__ == "__main__":
    main()
