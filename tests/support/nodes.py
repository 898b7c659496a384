"""A cluster of nodes on one PostgreSQL, each behind a proxy of its own, and callers that keep connections to all of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sunshine_keys.compose import create_first_objects
from sunshine_keys.settings import Settings
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.servers import Server
from support.wire import WEBHOOK, Key

APP = "/v2/apps/5d8cff3cd55b040010928b5b"


class Node:
    """A server behind its own proxy."""

    def __init__(self, server: Server, proxy: Proxy) -> None:
        self.server = server
        self.proxy = proxy
        self.address = server.wire.url.removeprefix("http://")


class Caller:
    """Open connections to all nodes, as a busy client has them."""

    def __init__(self, nodes: list[Node]) -> None:
        self._connections = {node: http.client.HTTPConnection(node.address, timeout=30) for node in nodes}

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()

    def send(self, node: Node, method: str, path: str, auth: str, body: Any = None) -> None:
        headers = {"Authorization": auth}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body)
        self._connections[node].request(method, path, content, headers)

    def answer(self, node: Node) -> tuple[int, Any]:
        response = self._connections[node].getresponse()
        return response.status, json.loads(response.read())

    def call(self, node: Node, method: str, path: str, auth: str, body: Any = None) -> tuple[int, Any]:
        self.send(node, method, path, auth, body)
        return self.answer(node)


class Cluster:
    """Nodes on one store, with an app and its key."""

    def __init__(self, nodes: list[Node], app_key: Key) -> None:
        self.nodes = nodes
        self.app_key = app_key

    def new_integration(self) -> str:
        with Caller(self.nodes) as caller:
            body = {"type": "custom", "webhooks": [WEBHOOK]}
            status, answer = caller.call(self.nodes[0], "POST", f"{APP}/integrations", self.app_key.basic(), body)
            assert status == 201, answer
            return f"{APP}/integrations/{answer['integration']['id']}"

    def create(self, caller: Caller, node: Node, integration: str) -> Key:
        status, answer = caller.call(node, "POST", f"{integration}/keys", self.app_key.basic(), {"displayName": "x"})
        assert status == 201, answer
        return Key.of(answer["key"])

    def delete(self, caller: Caller, node: Node, integration: str, key: Key) -> None:
        status, answer = caller.call(node, "DELETE", f"{integration}/keys/{key.id}", self.app_key.basic())
        assert (status, answer) == (200, {})

    def remembered(self, caller: Caller, integration: str) -> Key:
        """Create a key and use it on every node."""
        key = self.create(caller, self.nodes[0], integration)
        for node in self.nodes:
            assert use(caller, node, integration, key) == 200
        return key


def use(caller: Caller, node: Node, integration: str, key: Key, *, token: bool = False) -> int:
    auth = key.bearer() if token else key.basic()
    return caller.call(node, "GET", f"{integration}/webhooks", auth)[0]


def wait_until_nodes_remember(postgres: Postgres, store_url: str, count: int) -> None:
    """Return once `count` nodes have renewed their leases five times. In its first second, a node remembers nothing."""
    nodes = f"SELECT count(*) FROM {store_url.rpartition('=')[2]}.nodes WHERE renewals >= 5"
    deadline = time.monotonic() + 60
    while postgres.execute(nodes)[0][0] < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextlib.contextmanager
def cluster_of(
    postgres: Postgres, folder: Path, *, patch: str = "", count: int = 3, patches: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Yield `count` nodes, each changed by its own one of `patches` or, without these, by `patch`."""
    url = postgres.new_store()
    sample = create_first_objects(Settings.of(str(folder), url), sample=True)
    assert sample is not None
    with contextlib.ExitStack() as stack:
        nodes = []
        for change in patches or [patch] * count:
            proxy = stack.enter_context(Proxy(postgres.port).running())
            through = url.replace(f":{postgres.port}/", f":{proxy.port}/")
            server = stack.enter_context(Server(folder, "--database", through, patch=change))
            nodes.append(Node(server, proxy))
        wait_until_nodes_remember(postgres, url, count)
        try:
            yield Cluster(nodes, Key.of(sample["app_key"]))
        finally:
            for node in nodes:
                node.proxy.heal()
