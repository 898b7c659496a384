"""Notifications of whole services: kills, several processes and nodes, targets that are down, commands that hang."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import Server
from support.targets import Received, Target, listening
from support.waiting import wait_until
from support.wire import Key, Place, first_run, make_tenant

from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import opened_engine
from sunshine_keys.keys import operations as keys
from sunshine_keys.store import OPERATOR

METRICS = {"SUNSHINE_KEYS_METRICS_TOKEN": "a-metrics-token-of-this-test"}


@pytest.fixture
def target() -> Iterator[Target]:
    with listening() as target:
        yield target


@pytest.fixture
def account(place: Place) -> Key:
    return Key.of(first_run(place)["account_key"])


def create(place: Place, count: int) -> list[str]:
    """Create account keys in a process beside the service. Return their ids in the order of the trail."""

    async def run() -> list[str]:
        async with opened_engine(place.settings) as engine:
            await asyncio.gather(
                *(
                    engine.create(OPERATOR, lambda sealer: keys.creation(sealer, Scope.ACCOUNT, None, None, "key"))
                    for _ in range(count)
                )
            )
            entries = await engine.store.audit_entries(await engine.store.trail_end() - count, count)
            return [entry.resource.removeprefix("keys/") for entry in entries]

    return asyncio.run(run())


def begin(target: Target, place: Place) -> None:
    """Wait until notifications have begun: a key that is created from now on raises an event."""
    wait_until(lambda: bool(create(place, 1)) and bool(target.calls))
    last = create(place, 1)
    wait_until(lambda: received(target, last) == last)


def received(target: Target, ids: list[str]) -> list[str]:
    """Return the ids of keys of all calls, of those in `ids`, in order and with repetitions."""
    wanted = set(ids)
    keys_of_calls = [(call.body["key"] or {}).get("id") for call in list(target.calls)]
    return [key_id for key_id in keys_of_calls if key_id in wanted]


def test_the_life_of_a_key_reaches_the_target(place: Place, account: Key, target: Target) -> None:
    with Server(place, "--notify", target.url, **METRICS) as server:
        begin(target, place)
        tenant = make_tenant(server.wire, account)
        target.calls.clear()
        key = Key.of(server.wire.post(tenant.keys, tenant.app_key, {"displayName": "Billing"}).json["key"])
        assert server.wire.delete(f"{tenant.keys}/{key.id}", tenant.app_key).status in (200, 204)
        for _ in range(3):
            assert server.wire.get(tenant.webhooks, key).status == 401
        wait_until(lambda: len(of_key(target, key.id)) >= 3)
        assert of_key(target, key.id) == ["key.created", "key.deleted", "key.refused"]
        wait_until(lambda: 'events_total{type="key.refused"} 1\n' in page_of(server))
        page = page_of(server)
    assert 'sunshine_keys_key_events_total{type="key.deleted"} 1\n' in page
    assert 'sunshine_keys_notification_attempts_total{outcome="sent"}' in page
    assert "sunshine_keys_notification_unsent 0\n" in page
    assert all(key.secret not in call.content.decode() for call in target.calls)


def page_of(server: Server) -> str:
    return server.wire.get("/metrics", f"Bearer {METRICS['SUNSHINE_KEYS_METRICS_TOKEN']}").content.decode()


def of_key(target: Target, key_id: str) -> list[str]:
    return [call.body["type"] for call in list(target.calls) if (call.body["key"] or {}).get("id") == key_id]


def test_a_kill_between_sending_and_recording_repeats_only_that_event(
    place: Place, account: Key, target: Target
) -> None:
    with Server(place, "--notify", target.url) as server:
        begin(target, place)
        target.calls.clear()

        def kill(call: Received) -> int | None:
            if len(target.calls) == 5:
                server.kill()
                return None
            return 200

        target.answer = kill
        ids = create(place, 10)
        wait_until(lambda: server.process.poll() is not None)
    assert received(target, ids) == ids[:5]
    target.answer = lambda call: 200
    with Server(place, "--notify", target.url):
        wait_until(lambda: ids[-1] in received(target, ids))
    assert received(target, ids) == [*ids[:5], *ids[4:]]
    repeated = [call.body["id"] for call in target.calls if call.body["key"]["id"] == ids[4]]
    assert len(repeated) == 2
    assert len(set(repeated)) == 1


def test_a_storm_of_creates_arrives_once_and_in_order_from_two_workers(
    place: Place, account: Key, target: Target
) -> None:
    with Server(place, "--notify", target.url, "--workers", "2"):
        begin(target, place)
        ids = create(place, 1000)
        wait_until(lambda: ids[-1] in received(target, ids), 120)
        assert received(target, ids) == ids


def test_another_node_goes_on_when_the_one_that_sends_is_killed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = Place(tmp_path, request.getfixturevalue("postgres").new_store())
    first_run(place)
    with listening() as target, contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(Server(place, "--notify", target.url)) for _ in range(2)]
        begin(target, place)
        ids: list[str] = []

        def slow(call: Received) -> int:
            time.sleep(0.02)  # so that the kill comes while events are sent
            return 200

        target.answer = slow
        ids = create(place, 200)
        wait_until(lambda: len(received(target, ids)) >= 20)
        nodes[0].kill()
        between = len(received(target, ids))
        create(place, 1)
        wait_until(lambda: ids[-1] in received(target, ids))
        nodes.append(stack.enter_context(Server(place, "--notify", target.url)))
        nodes[1].kill()
        last = create(place, 5)
        wait_until(lambda: last[-1] in received(target, last))
        assert between < 200
        arrived = received(target, ids)
        assert list(dict.fromkeys(arrived)) == ids
        assert len(arrived) - len(ids) <= 1


def test_a_target_that_was_down_gets_everything_when_it_is_back(place: Place, account: Key) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = place.data / "log"
    with Server(place, "--notify", f"http://127.0.0.1:{port}/hook", log=log) as server:
        wait_until(lambda: "notifications begin" in log.read_text())
        ids = create(place, 3)
        wait_until(lambda: "was not accepted" in log.read_text())
        with listening(port) as target:
            wait_until(lambda: len(target.calls) >= 3)
            assert received(target, ids) == ids
        assert server.process.poll() is None
    assert "/hook" not in log.read_text()


def test_a_service_with_a_command_that_hangs_serves_and_stops(place: Place, account: Key) -> None:
    pids = place.data / "pids"
    program = f"import os, time; open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    log = place.data / "log"
    with Server(place, "--notify-command", shlex.join([sys.executable, "-c", program]), log=log) as server:
        wait_until(lambda: "notifications begin" in log.read_text())
        create(place, 1)
        wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"))
        assert server.wire.get("/healthz").status == 200
        assert server.wire.get("/v2/apps", account).status == 200
        assert server.kill(signal.SIGTERM) == 0
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}/exe").exists())


def test_events_are_counted_without_a_target(place: Place, account: Key) -> None:
    with Server(place, **METRICS) as server:
        tenant = make_tenant(server.wire, account)
        page = page_of(server)
        assert tenant.app_id
    assert 'sunshine_keys_key_events_total{type="key.created"}' in page
    assert "sunshine_keys_notification" not in page
