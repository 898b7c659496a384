"""Deliveries to webhooks: attempts, order, processes that end or stop, and targets that misbehave."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support import targets
from support.messaging import TEXT, chat, create_user, post
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.servers import Server
from support.targets import Received, Target
from support.waiting import wait_until
from support.wire import Key, Place, Service, Tenant, Wire, first_run, make_tenant

AT_ONCE = ("--webhook-gap-factor", "0")


def listen(wire: Wire, tenant: Tenant, url: str, *triggers: str) -> dict[str, Any]:
    """Let the tenant's webhook call `url`. Return the webhook."""
    (webhook,) = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"]
    change = {"target": url, "triggers": triggers or ["conversation:message"]}
    changed: dict[str, Any] = wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key, change).json["webhook"]
    return changed


def say(number: int) -> dict[str, Any]:
    return TEXT | {"content": {"type": "text", "text": str(number)}}


def said(call: Received) -> int:
    return int(call.event["payload"]["message"]["content"]["text"])


def numbers(target: Target) -> list[int]:
    return [said(call) for call in list(target.calls)]


@pytest.fixture
def account(place: Place) -> Key:
    return Key.of(first_run(place)["account_key"])


@pytest.fixture
def sqlite(tmp_path: Path) -> tuple[Place, Key]:
    """A store on SQLite, and its account key."""
    place = Place(tmp_path, None)
    return place, Key.of(first_run(place)["account_key"])


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Key]]:
    """A server that makes further attempts at once, and its account key."""
    place = Place(tmp_path_factory.mktemp("quick"), None)
    account = Key.of(first_run(place)["account_key"])
    with Server(place, *AT_ONCE) as server:
        yield server.wire, account


def test_failed_call_is_repeated_with_the_same_event(quick: tuple[Wire, Key], target: Target) -> None:
    wire, account = quick
    statuses: list[int | None] = [500, None, 302, 429, 204]
    target.answer = lambda call: statuses[len(target.calls) - 1]
    target.headers = {"Location": target.url + "/elsewhere"}
    tenant = make_tenant(wire, account)
    listen(wire, tenant, target.url)
    target.content = b""
    post(wire, tenant, chat(wire, tenant, create_user(wire, tenant)), TEXT)
    calls = target.wait_for(5)
    assert len({call.event["id"] for call in calls}) == 1
    assert {call.path for call in calls} == {"/webhook"}  # redirects are not followed


def test_attempts_end_with_the_fifth_or_a_refusal(quick: tuple[Wire, Key], target: Target) -> None:
    wire, account = quick
    statuses = [200, 503, 400, 401, 403, 404, 406]
    target.answer = lambda call: statuses[said(call)]
    tenant = make_tenant(wire, account)
    listen(wire, tenant, target.url)
    conversation = chat(wire, tenant, create_user(wire, tenant))
    for number in range(1, len(statuses)):
        post(wire, tenant, conversation, say(number))
    wait_until(lambda: numbers(target).count(1) == 5)
    time.sleep(2.5)  # two more rounds of the work in the background
    assert sorted(numbers(target)) == [1] * 5 + [2, 3, 4, 5, 6]


def test_failing_event_does_not_hold_back_the_next(wire: Wire, tenant: Tenant, target: Target) -> None:
    target.answer = lambda call: 500 if said(call) == 1 else 200
    listen(wire, tenant, target.url)
    conversation = chat(wire, tenant, create_user(wire, tenant))
    for number in range(1, 4):
        post(wire, tenant, conversation, say(number))
    target.wait_for(3)
    assert numbers(target) == [1, 2, 3]


def test_first_attempts_of_a_conversation_are_in_order(place: Place, account: Key, target: Target) -> None:
    running: set[str] = set()
    lock = threading.Lock()

    def answer(call: Received) -> int:
        conversation = call.event["payload"]["conversation"]["id"]
        with lock:
            assert conversation not in running, "two calls of one conversation at once"
            running.add(conversation)
        time.sleep(0.002)
        with lock:
            running.discard(conversation)
        return 200

    target.answer = answer
    with Server(place, "--workers", "2") as server:
        tenant = make_tenant(server.wire, account)
        listen(server.wire, tenant, target.url)
        conversations = [chat(server.wire, tenant, create_user(server.wire, tenant)) for _ in range(8)]

        def talk(conversation: str) -> None:
            for number in range(30):
                post(Wire(server.wire.url), tenant, conversation, say(number))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(talk, conversations))
        calls = target.wait_for(8 * 30)
        for conversation in conversations:
            heard = [said(call) for call in calls if call.event["payload"]["conversation"]["id"] == conversation]
            assert heard == list(range(30))


def test_target_that_hangs_delays_no_other(wire: Wire, service: Service, target: Target) -> None:
    free = threading.Event()
    with targets.listening() as hanging:
        hanging.answer = lambda call: 200 if free.wait(60) else 500
        slow, quick = make_tenant(wire, service.account), make_tenant(wire, service.account)
        listen(wire, slow, hanging.url)
        listen(wire, quick, target.url)
        for _ in range(60):
            post(wire, slow, chat(wire, slow, create_user(wire, slow)), TEXT)
        wait_until(lambda: len(hanging.calls) >= 8)
        conversation = chat(wire, quick, create_user(wire, quick))
        for number in range(20):
            post(wire, quick, conversation, say(number))
        target.wait_for(20)
        free.set()
        hanging.wait_for(60)


def test_deleted_webhook_is_called_no_more(quick: tuple[Wire, Key], target: Target) -> None:
    wire, account = quick
    tenant = make_tenant(wire, account)
    webhook = listen(wire, tenant, target.url)

    def answer(call: Received) -> int:
        assert wire.delete(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key).status == 200
        return 500

    target.answer = answer
    post(wire, tenant, chat(wire, tenant, create_user(wire, tenant)), TEXT)
    target.wait_for(1)
    time.sleep(2.5)
    assert len(target.calls) == 1


def test_target_is_read_at_each_attempt(quick: tuple[Wire, Key], target: Target) -> None:
    wire, account = quick
    with targets.listening() as former:
        tenant = make_tenant(wire, account)

        def answer(call: Received) -> int:
            listen(wire, tenant, target.url)
            return 500

        former.answer = answer
        listen(wire, tenant, former.url)
        post(wire, tenant, chat(wire, tenant, create_user(wire, tenant)), TEXT)
        target.wait_for(1)
        assert len(former.calls) == 1


def test_batches_hold_several_events(sqlite: tuple[Place, Key], target: Target) -> None:
    place, account = sqlite
    started, go_on = threading.Event(), threading.Event()

    def answer(call: Received) -> int:
        started.set()
        go_on.wait(60)
        return 200

    target.answer = answer
    with Server(place, "--webhook-batch", "10") as server:
        tenant = make_tenant(server.wire, account)
        listen(server.wire, tenant, target.url)
        conversation = chat(server.wire, tenant, create_user(server.wire, tenant))
        post(server.wire, tenant, conversation, say(0))
        assert started.wait(60)
        for number in range(1, 13):
            post(server.wire, tenant, conversation, say(number))
        go_on.set()
        wait_until(lambda: len(target.events()) >= 13)
        assert [int(event["payload"]["message"]["content"]["text"]) for event in target.events()] == list(range(13))
        assert max(len(call.body["events"]) for call in target.calls) == 10


def acknowledged(
    server: Server, tenant: Tenant, conversations: list[str], stop: threading.Event
) -> list[tuple[str, int]]:
    """Post messages until `stop`, or until the server has gone. Return those that were acknowledged."""

    def talk(conversation: str) -> list[tuple[str, int]]:
        wire, done, number = Wire(server.wire.url), [], 0
        while not stop.is_set():
            try:
                answer = wire.post(f"{tenant.conversations}/{conversation}/messages", tenant.key, say(number))
            except OSError:
                break
            if answer.status == 201:
                done.append((conversation, number))
            number += 1
        return done

    with ThreadPoolExecutor(len(conversations)) as pool:
        return [item for part in pool.map(talk, conversations) for item in part]


def heard_by(target: Target) -> dict[str, list[int]]:
    heard: dict[str, list[int]] = {}
    for call in list(target.calls):
        heard.setdefault(call.event["payload"]["conversation"]["id"], []).append(said(call))
    return heard


def assert_all_heard(target: Target, posted: list[tuple[str, int]]) -> None:
    """Wait until the target has heard all that was posted, and check that first attempts were in order."""
    wait_until(
        lambda: {(name, number) for name, part in heard_by(target).items() for number in part} >= set(posted), 90
    )
    for part in heard_by(target).values():
        first = list(dict.fromkeys(part))
        assert first == sorted(first)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_kill_9_loses_no_event(place: Place, account: Key, target: Target, workers: str) -> None:
    posted: list[tuple[str, int]] = []
    stop = threading.Event()
    with Server(place, "--workers", workers) as server:
        tenant = make_tenant(server.wire, account)
        listen(server.wire, tenant, target.url)
        conversations = [chat(server.wire, tenant, create_user(server.wire, tenant)) for _ in range(4)]
        timer = threading.Timer(1.0, server.kill_all)
        timer.start()
        posted += acknowledged(server, tenant, conversations, stop)
        timer.join()
    assert posted
    with Server(place, "--workers", workers):
        assert_all_heard(target, posted)


def test_kill_9_of_a_worker_loses_no_event(sqlite: tuple[Place, Key], target: Target) -> None:
    place, account = sqlite
    stop = threading.Event()
    with Server(place, "--workers", "2") as server:
        tenant = make_tenant(server.wire, account)
        listen(server.wire, tenant, target.url)
        conversations = [chat(server.wire, tenant, create_user(server.wire, tenant)) for _ in range(4)]
        worker = server.workers()[0]
        timers = [threading.Timer(1.0, os.kill, (worker, signal.SIGKILL)), threading.Timer(2.0, stop.set)]
        for timer in timers:
            timer.start()
        posted = acknowledged(server, tenant, conversations, stop)
        for timer in timers:
            timer.join()
        assert_all_heard(target, posted)


def test_worker_that_was_paused_loses_no_event(place: Place, account: Key, target: Target) -> None:
    stop = threading.Event()
    with Server(place, "--workers", "2") as server:
        tenant = make_tenant(server.wire, account)
        listen(server.wire, tenant, target.url)
        conversations = [chat(server.wire, tenant, create_user(server.wire, tenant)) for _ in range(4)]
        paused = server.workers()[0]
        threading.Timer(1.0, stop.set).start()
        target.answer = lambda call: time.sleep(0.05) or 200  # type: ignore[func-returns-value]
        posted = acknowledged(server, tenant, conversations, stop)
        os.kill(paused, signal.SIGSTOP)
        try:
            assert_all_heard(target, posted)
        finally:
            os.kill(paused, signal.SIGCONT)
        before = len(target.calls)
        wire = Wire(server.wire.url)
        for number in range(10_000, 10_020):
            post(wire, tenant, conversations[0], say(number))
        assert_all_heard(target, [(conversations[0], number) for number in range(10_000, 10_020)])
        assert len(target.calls) <= before + 24  # a call that the paused worker had begun may have happened twice


def test_node_with_a_cut_link_loses_no_event(postgres: Postgres, tmp_path: Path, target: Target) -> None:
    url = postgres.new_store()
    direct = Place(tmp_path / "direct", url)
    account = Key.of(first_run(direct)["account_key"])
    target.answer = lambda call: time.sleep(0.02) or 200  # type: ignore[func-returns-value]
    with Proxy(postgres.port).running() as link:
        cut_off = Place(direct.data, url.replace(f":{postgres.port}/", f":{link.port}/"))
        with Server(cut_off) as node, Server(direct) as other:
            tenant = make_tenant(node.wire, account)
            listen(node.wire, tenant, target.url)
            conversations = [chat(node.wire, tenant, create_user(node.wire, tenant)) for _ in range(4)]
            stop = threading.Event()
            timers = [threading.Timer(1.0, link.cut), threading.Timer(2.0, stop.set)]
            for timer in timers:
                timer.start()
            try:
                posted = acknowledged(node, tenant, conversations, stop)
                for timer in timers:
                    timer.join()
                assert posted
                assert_all_heard(target, posted)  # the other node has taken over what the first had stored
            finally:
                link.heal()
            calls = [(call.event["payload"]["conversation"]["id"], said(call)) for call in target.calls]
            # The claim of the calls that were under way has run out. There is one for a conversation.
            assert len(calls) - len(set(calls)) <= len(conversations)

            wait_until(lambda: node.wire.get(f"{tenant.users}/nobody", tenant.key).status == 404)
            for number in range(10_000, 10_020):
                post(Wire(node.wire.url), tenant, conversations[0], say(number))
                post(Wire(other.wire.url), tenant, conversations[1], say(number))
            later = [(conversation, number) for conversation in conversations[:2] for number in range(10_000, 10_020)]
            assert_all_heard(target, later)
            # A message whose answer was lost in the cut may be heard later, too.
            assert sum(said(call) >= 10_000 for call in target.calls) == len(later)


def test_target_that_hangs_closes_early_or_fails_loses_no_event(sqlite: tuple[Place, Key], target: Target) -> None:
    place, account = sqlite
    free = threading.Event()
    answers: dict[int, list[int | None]] = {1: [None], 3: [None], 5: [500, 500], 7: [503, None, 500]}

    def answer(call: Received) -> int | None:
        number = said(call)
        if not answers.get(number):
            return 200
        status = answers[number].pop(0)
        if number == 1:
            free.wait(60)
        return status

    target.answer = answer
    short = "import sunshine_keys.webhooks.courier as courier\ncourier.ANSWER_SECONDS = 1.0"
    with Server(place, *AT_ONCE, patch=short) as server:
        tenant = make_tenant(server.wire, account)
        listen(server.wire, tenant, target.url)
        conversation = chat(server.wire, tenant, create_user(server.wire, tenant))
        for number in range(9):
            post(server.wire, tenant, conversation, say(number))
        calls = target.wait_for(9 + 1 + 1 + 2 + 3)
        free.set()
    heard = [said(call) for call in calls]
    assert list(dict.fromkeys(heard)) == list(range(9))
    assert {number: heard.count(number) for number in range(9) if heard.count(number) > 1} == {1: 2, 3: 2, 5: 3, 7: 4}
    assert len({call.event["id"] for call in calls}) == 9
