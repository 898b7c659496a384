"""From its end on, no node accepts a key. Three nodes on one PostgreSQL, two of them with wrong clocks, and faults between them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from support.nodes import Caller, Cluster, Node, cluster_of, use
from support.postgres import Postgres
from support.wire import Key

from sunshine_keys.keys.model import moment_text

WRONG_CLOCK = """
import time

right = time.time
time.time = lambda: right() + {seconds}
"""


@pytest.fixture(scope="module")
def cluster(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    patches = ["", WRONG_CLOCK.format(seconds=86400), WRONG_CLOCK.format(seconds=-86400)]
    with cluster_of(postgres, tmp_path_factory.mktemp("ends"), patches=patches) as cluster:
        yield cluster


def ending(cluster: Cluster, caller: Caller, integration: str, seconds: float, maker: int = 0) -> tuple[Key, float]:
    """Create a key that ends in some seconds, on the node with the number `maker`, and use it on every node."""
    end = int((time.time() + seconds) * 1000) / 1000
    body = {"displayName": "x", "expiresAt": moment_text(end)}
    node = cluster.nodes[maker]
    status, answer = caller.call(node, "POST", f"{integration}/keys", cluster.app_key.basic(), body)
    assert status == 201, answer
    key = Key.of(answer["key"])
    for node in cluster.nodes:
        assert use(caller, node, integration, key) == 200
    return key, end


@dataclass
class Uses:
    """The uses of a key on one node, by a thread of its own. Times are those of the database's machine, which is this one."""

    node: Node
    integration: str
    key: Key
    end: float
    late: list[float] = field(default_factory=list)
    last: float = 0.0
    refused: int = 0

    def run(self) -> None:
        with Caller([self.node]) as caller:
            token = False
            while self.refused < 20:
                began, token = time.time(), not token
                status = use(caller, self.node, self.integration, self.key, token=token)
                if status == 200:
                    self.last = began
                    if began >= self.end:
                        self.late.append(began - self.end)
                elif began >= self.end:
                    self.refused += 1
                time.sleep(0.002)


@pytest.mark.parametrize("maker", [0, 1, 2], ids=["a right clock", "a clock ahead", "a clock behind"])
def test_no_node_accepts_a_key_after_its_end(cluster: Cluster, maker: int) -> None:
    integration = cluster.new_integration()
    with Caller(cluster.nodes) as caller:
        key, end = ending(cluster, caller, integration, 5.0, maker)
    uses = [Uses(node, integration, key, end) for node in cluster.nodes]
    threads = [threading.Thread(target=of_node.run) for of_node in uses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [of_node.late for of_node in uses] == [[], [], []]
    assert min(of_node.last for of_node in uses) > end - 2.5  # nor is it refused long before


def test_a_node_that_was_suspended_over_the_end_refuses_the_key(cluster: Cluster) -> None:
    integration = cluster.new_integration()
    stopped = cluster.nodes[2]
    with Caller(cluster.nodes) as caller:
        key, end = ending(cluster, caller, integration, 4.0)
        stopped.server.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(max(0.0, end - time.time()))
            caller.send(stopped, "GET", f"{integration}/webhooks", key.basic())
        finally:
            stopped.server.process.send_signal(signal.SIGCONT)
        assert caller.answer(stopped)[0] == 401


def test_a_node_that_is_cut_off_over_the_end_never_accepts_the_key(cluster: Cluster) -> None:
    integration = cluster.new_integration()
    cut = cluster.nodes[1]
    with Caller(cluster.nodes) as caller:
        key, end = ending(cluster, caller, integration, 4.0)
        cut.proxy.cut()
        try:
            time.sleep(max(0.0, end - time.time()))
            assert use(caller, cut, integration, key) in (401, 503)
        finally:
            cut.proxy.heal()
        deadline = time.monotonic() + 30
        while (status := use(caller, cut, integration, key)) == 503:
            assert time.monotonic() < deadline
        assert status == 401


@pytest.mark.parametrize("silent", [False, True], ids=["with notifications", "without notifications"])
def test_an_end_that_is_moved_counts_on_every_node(cluster: Cluster, silent: bool) -> None:
    integration = cluster.new_integration()
    answering, other, third = cluster.nodes
    with Caller(cluster.nodes) as caller:
        key, _ = ending(cluster, caller, integration, 3600.0)
        path = f"{integration}/keys/{key.id}/rotation".replace("/v2/", "/sunshine/v1/")
        third.proxy.is_silent = silent
        try:
            status, rotated = caller.call(other, "PUT", path, cluster.app_key.basic(), {"graceSeconds": 0})
            assert status == 200
            for node in cluster.nodes:
                assert use(caller, node, integration, key) == 401
                assert use(caller, node, integration, key, token=True) == 401
                assert use(caller, node, integration, Key.of(rotated["key"])) == 200
        finally:
            third.proxy.is_silent = False
        listed = caller.call(answering, "GET", f"{integration}/keys", cluster.app_key.basic())[1]["keys"]
        assert [item["id"] for item in listed] == [key.id, rotated["key"]["id"]]


def test_a_deleted_successor_gives_every_node_the_former_end(cluster: Cluster) -> None:
    integration = cluster.new_integration()
    answering, other, _ = cluster.nodes
    with Caller(cluster.nodes) as caller:
        key = cluster.remembered(caller, integration)
        path = f"{integration}/keys/{key.id}/rotation".replace("/v2/", "/sunshine/v1/")
        auth = cluster.app_key.basic()
        rotated = caller.call(answering, "PUT", path, auth, {"graceSeconds": 3})[1]
        successor = Key.of(rotated["key"])
        assert all(use(caller, node, integration, successor) == 200 for node in cluster.nodes)
        assert caller.call(other, "DELETE", f"{integration}/keys/{successor.id}", auth) == (200, {})
        assert all(use(caller, node, integration, successor) == 401 for node in cluster.nodes)
        time.sleep(3.5)
        assert all(use(caller, node, integration, key) == 200 for node in cluster.nodes)
