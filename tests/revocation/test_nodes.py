"""Once DELETE has answered, no node accepts the key. Three nodes on one PostgreSQL, with faults between them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.nodes import Caller, Cluster, Node, cluster_of, use
from support.postgres import Postgres
from support.wire import Key

UNWAITING = """
from sunshine_keys.store.postgres.lease import LeaseConnection

async def followed(self, entry, nodes):
    return

LeaseConnection.followed = followed
"""


@pytest.fixture(scope="module")
def cluster(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_of(postgres, tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


class Users:
    """Threads that use one key on every node, and record each request that was sent after the DELETE and accepted."""

    def __init__(self, cluster: Cluster, integration: str) -> None:
        self._cluster = cluster
        self._integration = integration
        self._ended = threading.Event()
        self._key: Key | None = None
        self._deleted: dict[str, float] = {}
        self.accepted_too_late: list[str] = []
        self.uses = 0
        self._threads = [threading.Thread(target=self._use, args=(node,)) for node in cluster.nodes]

    def __enter__(self) -> Users:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def now_use(self, key: Key) -> None:
        self._key = key

    def was_deleted(self, key: Key) -> None:
        self._deleted[key.id] = time.monotonic()

    def _use(self, node: Node) -> None:
        with Caller([node]) as caller:
            while not self._ended.is_set():
                key, began = self._key, time.monotonic()
                if key is None:
                    time.sleep(0.001)
                    continue
                status = use(caller, node, self._integration, key, token=self.uses % 2 == 0)
                self.uses += 1
                time.sleep(0.002)  # leaves the processor to those that create and delete
                deleted = self._deleted.get(key.id)
                if status == 200 and deleted is not None and began > deleted:
                    self.accepted_too_late.append(key.id)


class PatientCaller(Caller):
    """Repeats a request for a minute while a node cannot serve it: on a busy machine a node may fail to renew its lease in time."""

    def call(self, node: Node, method: str, path: str, auth: str, body: Any = None) -> tuple[int, Any]:
        deadline = time.monotonic() + 60
        while True:
            status, answer = super().call(node, method, path, auth, body)
            if "nothing was changed" not in str(answer) or time.monotonic() > deadline:
                return status, answer
            time.sleep(0.01)


def create_use_delete(cluster: Cluster, rounds: int, failures: list[BaseException]) -> None:
    """Create a key on one node, use it on all, delete it on another, and check that no node accepts it."""
    try:
        integration = cluster.new_integration()
        with PatientCaller(cluster.nodes) as caller, Users(cluster, integration) as users:
            for number in range(rounds):
                maker, deleter = (cluster.nodes[(number + offset) % len(cluster.nodes)] for offset in (0, 1))
                key = cluster.create(caller, maker, integration)
                users.now_use(key)
                for node in cluster.nodes:
                    assert use(caller, node, integration, key, token=number % 2 == 0) == 200
                cluster.delete(caller, deleter, integration, key)
                users.was_deleted(key)
                for node in cluster.nodes:
                    assert use(caller, node, integration, key, token=number % 2 == 1) == 401
        assert not users.accepted_too_late
        assert users.uses > rounds
    except BaseException as error:  # the test's own thread raises it
        failures.append(error)


def in_parallel(cluster: Cluster, threads: int, rounds: int) -> None:
    failures: list[BaseException] = []
    running = [threading.Thread(target=create_use_delete, args=(cluster, rounds, failures)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise failures[0]


def test_no_node_accepts_a_deleted_key(cluster: Cluster) -> None:
    in_parallel(cluster, threads=3, rounds=25)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_node_accepts_a_deleted_key_in_thousands_of_rounds(cluster: Cluster) -> None:
    in_parallel(cluster, threads=4, rounds=750)


def test_all_keys_of_a_deleted_integration_are_refused(cluster: Cluster) -> None:
    integration = cluster.new_integration()
    with Caller(cluster.nodes) as caller:
        keys = [cluster.remembered(caller, integration) for _ in range(3)]
        assert caller.call(cluster.nodes[1], "DELETE", integration, cluster.app_key.basic()) == (200, {})
        for node in cluster.nodes:
            for key in keys:
                assert use(caller, node, integration, key) == 401


def test_a_suspended_node_refuses_the_key_when_it_resumes(cluster: Cluster) -> None:
    answering, _, stopped = cluster.nodes
    integration = cluster.new_integration()
    with Caller(cluster.nodes) as caller:
        key = cluster.remembered(caller, integration)
        stopped.server.process.send_signal(signal.SIGSTOP)
        try:
            cluster.delete(caller, answering, integration, key)
            caller.send(stopped, "GET", f"{integration}/webhooks", key.basic())
        finally:
            stopped.server.process.send_signal(signal.SIGCONT)
        assert caller.answer(stopped)[0] == 401


def test_a_node_without_contact_answers_503_and_recovers(cluster: Cluster) -> None:
    answering, _, cut = cluster.nodes
    integration = cluster.new_integration()
    with Caller(cluster.nodes) as caller:
        key, other = (cluster.remembered(caller, integration) for _ in range(2))
        cut.proxy.cut()
        try:
            cluster.delete(caller, answering, integration, key)
            assert use(caller, cut, integration, key) == 503
            assert use(caller, cut, integration, other) == 503
            assert caller.call(cut, "GET", "/healthz", "")[0] == 200
            status, answer = caller.call(cut, "GET", "/readyz", "")
            assert (status, answer["errors"][0]["code"]) == (503, "service_unavailable")
            assert caller.call(answering, "GET", "/readyz", "")[0] == 200
        finally:
            cut.proxy.heal()
        deadline = time.monotonic() + 30
        while caller.call(cut, "GET", "/readyz", "")[0] != 200 or use(caller, cut, integration, other) != 200:
            assert time.monotonic() < deadline
        assert use(caller, cut, integration, key) == 401


@pytest.mark.parametrize("silent", [0, 1, 2], ids=["the answering node's", "another's", "a third's"])
def test_lost_notifications_change_nothing(cluster: Cluster, silent: int) -> None:
    integration = cluster.new_integration()
    with Caller(cluster.nodes) as caller:
        keys = [cluster.remembered(caller, integration) for _ in range(2)]
        cluster.nodes[silent].proxy.is_silent = True
        try:
            for key in keys:
                cluster.delete(caller, cluster.nodes[0], integration, key)
                for node in cluster.nodes:
                    assert use(caller, node, integration, key) == 401
        finally:
            cluster.nodes[silent].proxy.is_silent = False


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nodes_that_are_stopped_and_cut_off_at_random(cluster: Cluster) -> None:
    """Under load, nodes are suspended, cut off or made deaf in turn: requests may fail, and no revoked key is accepted."""
    ended = threading.Event()

    def disturb() -> None:
        number = 0
        while not ended.is_set():
            node = cluster.nodes[number % 3]
            match number % 4:
                case 0:
                    node.server.process.send_signal(signal.SIGSTOP)
                    ended.wait(0.3 + number % 5)
                    node.server.process.send_signal(signal.SIGCONT)
                case 1:
                    node.proxy.cut()
                    ended.wait(0.5 + number % 3)
                    node.proxy.heal()
                case _:
                    node.proxy.is_silent = True
                    ended.wait(1)
                    node.proxy.is_silent = False
            number += 1
            ended.wait(0.2)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    refused = 0
    try:
        integration = cluster.new_integration()
        end = time.monotonic() + 120
        with Caller(cluster.nodes) as caller:
            number = 0
            while time.monotonic() < end:
                number += 1
                nodes = [cluster.nodes[(number + offset) % 3] for offset in range(3)]
                status, answer = caller.call(
                    nodes[0], "POST", f"{integration}/keys", cluster.app_key.basic(), {"displayName": "x"}
                )
                if status != 201:
                    assert status in (400, 503), answer
                    continue
                key = Key.of(answer["key"])
                for node in nodes:
                    assert use(caller, node, integration, key) in (200, 503)
                while True:
                    status, answer = caller.call(
                        nodes[1], "DELETE", f"{integration}/keys/{key.id}", cluster.app_key.basic()
                    )
                    if status in (200, 404):
                        break
                    assert status == 503, answer
                for node in nodes:
                    status = use(caller, node, integration, key)
                    assert status in (401, 503)
                    refused += status == 401
    finally:
        ended.set()
        disturber.join()
    assert refused > 50


def test_the_tests_detect_a_delete_that_does_not_wait(postgres: Postgres, tmp_path: Path) -> None:
    """Without the wait, a revoked key is accepted, and these tests see it."""
    with cluster_of(postgres, tmp_path, patch=UNWAITING, count=2) as broken:
        broken.nodes[1].proxy.is_silent = True
        integration = broken.new_integration()
        with Caller(broken.nodes) as caller:
            accepted = 0
            for _ in range(5):
                key = broken.remembered(caller, integration)
                broken.delete(caller, broken.nodes[0], integration, key)
                accepted += use(caller, broken.nodes[1], integration, key) == 200
            assert accepted > 0
