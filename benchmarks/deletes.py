"""How long a DELETE takes among nodes: all well, one stopped, one that gets no notifications."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import targets
from cases import basic
from load import CORES, Request

HEALTHY = (1, 3, 8)
STOPPED = "of three nodes, another was stopped a moment ago (SIGSTOP)"
DEAF_OTHER = "of three nodes, another gets no notifications"
DEAF_ANSWERING = "of three nodes, the answering one gets no notifications"
_SLOW_SAMPLES = 5


class Nodes:
    """Nodes of one store. The first creates and deletes keys; all verify them."""

    def __init__(self, nodes: list[targets.Target], create: Request) -> None:
        self.nodes = nodes
        self._create = create
        self._connection = http.client.HTTPConnection("127.0.0.1", nodes[0].port, timeout=30)

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def new_key(self) -> str:
        """Create a key that every node remembers, and return its path."""
        key = self._ask("POST", self._create.path, self._create.body)["key"]
        for node in self.nodes:
            self.use(node, key["id"], key["secret"])
        return f"{self._create.path}/{key['id']}"

    def use(self, node: targets.Target, key_id: str, secret: str) -> None:
        path = self._create.path.removesuffix("keys") + "webhooks"
        assert node.ask("GET", path, basic(key_id, secret))[0] == 200

    def delete(self, path: str) -> float:
        """Return the duration, in milliseconds."""
        began = time.perf_counter()
        self._ask("DELETE", path)
        return (time.perf_counter() - began) * 1e3

    def _ask(self, method: str, path: str, body: str = "") -> Any:
        headers = {"Authorization": self._create.authorization} | ({"Content-Type": "application/json"} if body else {})
        self._connection.request(method, path, body or None, headers)
        answer = self._connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status < 300, content
        return content


def deletes(data: Path, database: str, create: Request, proxy_class: Any, samples: int) -> dict[str, list[float]]:
    """Return milliseconds by case. `database` is a URL on loopback."""
    samples_by_case: dict[str, list[float]] = {}
    for count in HEALTHY:
        with _cluster(data, [database] * count, create) as nodes:
            samples_by_case[f"all well, nodes: {count}"] = [nodes.delete(nodes.new_key()) for _ in range(samples)]
    with _cluster(data, [database] * 3, create) as nodes:
        samples_by_case[STOPPED] = [_delete_with_one_stopped(nodes) for _ in range(_SLOW_SAMPLES)]
    port = int(database.partition("127.0.0.1:")[2].partition("/")[0])
    for name, deaf in ((DEAF_OTHER, 2), (DEAF_ANSWERING, 0)):
        with proxy_class(port).running() as proxy:
            urls = [database] * 3
            urls[deaf] = database.replace(f":{port}/", f":{proxy.port}/")
            with _cluster(data, urls, create) as nodes:
                nodes.delete(nodes.new_key())
                proxy.is_silent = True
                samples_by_case[name] = [nodes.delete(nodes.new_key()) for _ in range(_SLOW_SAMPLES)]
    return samples_by_case


def _delete_with_one_stopped(nodes: Nodes) -> float:
    path, process = nodes.new_key(), nodes.nodes[2].processes()[0]
    os.kill(process, signal.SIGSTOP)
    try:
        return nodes.delete(path)
    finally:
        os.kill(process, signal.SIGCONT)


@contextlib.contextmanager
def _cluster(data: Path, urls: list[str], create: Request) -> Generator[Nodes]:
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(targets.service(data, name=f"node {number}", cores=CORES, database=url))
            for number, url in enumerate(urls)
        ]
        yield stack.enter_context(Nodes(started, create))
