"""`webhooks deliveries`, `show-delivery`, `redeliver`, `test` and `tail`, and the operations behind them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.commands import run
from support.messaging import TEXT, chat, create_user, post
from support.targets import Target
from support.waiting import wait_until
from support.wire import Service, Tenant, Wire, make_tenant

from sunshine_messaging.delivery import operations

Command = Callable[..., subprocess.CompletedProcess[str]]


def environment(service: Service, tenant: Tenant) -> dict[str, str]:
    return {
        "SUNSHINE_CONVERSATIONS_HOST": service.url,
        "SUNSHINE_CONVERSATIONS_KEY_ID": tenant.app_key.id,
        "SUNSHINE_CONVERSATIONS_SECRET": tenant.app_key.secret,
    }


@pytest.fixture
def command(service: Service, tenant: Tenant) -> Command:
    return lambda *words: run("webhooks", *words, **environment(service, tenant))


def test_deliveries_are_listed_shown_and_repeated(
    wire: Wire, tenant: Tenant, target: Target, webhook: str, command: Command
) -> None:
    target.answer = lambda call: 403 if len(target.calls) == 1 else 200
    target.content = b"not now"
    conversation = chat(wire, tenant, create_user(wire, tenant))
    message = post(wire, tenant, conversation, TEXT)
    target.wait_for(1)
    number = _wait_for_end(wire, tenant)
    (listed,) = json.loads(command("deliveries", "--json").stdout)
    assert (listed["state"], listed["webhookId"], listed["event"]["type"]) == (
        "failed",
        webhook,
        "conversation:message",
    )
    (attempt,) = listed["attempts"]
    assert attempt["status"] == 403 and attempt["milliseconds"] > 0
    table = command("deliveries", "--state", "failed").stdout
    assert str(number) in table and "403 after" in table
    assert json.loads(command("deliveries", "--state", "delivered", "--json").stdout) == []

    shown = json.loads(command("show-delivery", str(number)).stdout)
    assert shown["attempts"][0]["answer"] == "not now"
    assert shown["event"] == target.events()[0]
    assert shown["event"]["payload"]["message"]["id"] == message["id"]

    repeated = command("redeliver", str(number), "--json")
    assert repeated.returncode == 0
    assert json.loads(repeated.stdout)["state"] == "delivered"
    first, second = target.wait_for(2)
    assert first.body == second.body


def _wait_for_end(wire: Wire, tenant: Tenant) -> int:
    path = f"/sunshine/v1/apps/{tenant.app_id}/deliveries"
    newest: dict[str, Any] = {}

    def ended() -> bool:
        nonlocal newest
        newest = wire.get(path, tenant.app_key).json["deliveries"][0]
        return newest["state"] != "pending"

    wait_until(ended)
    number: int = newest["number"]
    return number


def test_test_event_is_the_published_example(
    wire: Wire, tenant: Tenant, target: Target, webhook: str, command: Command
) -> None:
    done = command("test", webhook, "--integration", tenant.integration_id)
    assert done.returncode == 0, done.stderr
    assert "200 after" in done.stdout
    (call,) = target.wait_for(1)
    assert call.event["payload"]["message"]["content"] == {"type": "text", "text": "hello"}

    target.answer = lambda call: 404
    refused = command("test", webhook, "--integration", tenant.integration_id)
    assert (refused.returncode, "404 after" in refused.stdout) == (1, True)
    assert "did not accept" in refused.stderr
    unknown = command("test", "0" * 24, "--integration", tenant.integration_id)
    assert unknown.returncode != 0 and "Resource not found" in unknown.stderr


@contextmanager
def tailing(service: Service, tenant: Tenant, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `webhooks tail`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    tail = subprocess.Popen(
        [sys.executable, "-m", "sunshine_keys", "webhooks", "tail", "--json", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean | environment(service, tenant),
    )  # fmt: skip
    try:
        yield tail
        assert tail.poll() is None
    finally:
        tail.terminate()
        tail.communicate(timeout=30)


def test_tail_prints_each_delivery(wire: Wire, service: Service, tenant: Tenant, target: Target, webhook: str) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    with tailing(service, tenant) as tail:
        assert tail.stdout is not None
        lines: list[str] = []
        while not lines:
            post(wire, tenant, conversation, TEXT)
            if select.select([tail.stdout], [], [], 1)[0]:
                lines.append(tail.stdout.readline())
    assert '"conversation:message"' in lines[0] or lines[0].strip() == "{"


def test_tail_of_a_webhook_passes_any_number_of_other_deliveries(
    wire: Wire, service: Service, tenant: Tenant, target: Target, webhook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "SPAN", 2)
    body = {"target": target.url, "triggers": ["conversation:read"]}
    quiet = wire.post(tenant.webhooks, tenant.app_key, body).json["webhook"]["id"]
    user = create_user(wire, tenant)
    conversation = chat(wire, tenant, user)
    post(wire, tenant, conversation, TEXT)
    with tailing(service, tenant, "--webhook", quiet) as tail:
        for _ in range(8):
            post(wire, tenant, conversation, TEXT)
        read = {"author": {"type": "user", "userId": user["id"]}, "type": "conversation:read"}
        lines: list[str] = []
        while not lines:
            wire.post(f"{tenant.conversations}/{conversation}/activity", tenant.key, read)
            assert tail.stdout is not None
            if select.select([tail.stdout], [], [], 1)[0]:
                lines.append(tail.stdout.readline())
    assert '"conversation:read"' in lines[0] or lines[0].strip() == "{"


@pytest.mark.parametrize(
    "query",
    [
        "before=0",
        "after=-1",
        "limit=0",
        "limit=101",
        "limit=x",
        "state=lost",
        "before=5&after=3",
        "limit=1&limit=2",
        "type=conversation",
    ],
)
def test_invalid_query_is_rejected(wire: Wire, tenant: Tenant, query: str) -> None:
    answer = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/deliveries?{query}", tenant.app_key)
    assert answer.errors == [("bad_request", "Invalid query parameters")]


def test_list_goes_back_and_forth(wire: Wire, tenant: Tenant, target: Target, webhook: str) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    for _ in range(5):
        post(wire, tenant, conversation, TEXT)
    path = f"/sunshine/v1/apps/{tenant.app_id}/deliveries"

    def numbers(query: str) -> tuple[list[int], bool]:
        answer = wire.get(f"{path}?{query}", tenant.app_key).json
        return [delivery["number"] for delivery in answer["deliveries"]], answer["hasMore"]

    whole, more = numbers("limit=100")
    assert (whole, more) == (sorted(whole, reverse=True), False)
    assert len(whole) == 5
    assert numbers("limit=2") == (whole[:2], True)
    assert numbers(f"before={whole[1]}&limit=3") == (whole[2:], False)
    assert numbers(f"after={whole[4]}&limit=3") == (whole[1:4][::-1], True)
    assert numbers(f"webhookId={'0' * 24}") == ([], False)


def test_integration_key_and_other_apps_see_no_deliveries(
    wire: Wire, service: Service, tenant: Tenant, target: Target, webhook: str
) -> None:
    post(wire, tenant, chat(wire, tenant, create_user(wire, tenant)), TEXT)
    path = f"/sunshine/v1/apps/{tenant.app_id}/deliveries"
    other = make_tenant(wire, service.account)
    assert wire.get(path, tenant.key).status == 403
    assert wire.get(path, other.app_key).status == 403
    (number,) = [delivery["number"] for delivery in wire.get(path, service.account).json["deliveries"]]
    theirs = f"/sunshine/v1/apps/{other.app_id}/deliveries"
    assert wire.get(theirs, other.app_key).json["deliveries"] == []
    assert wire.get(f"{theirs}/{number}", other.app_key).status == 404
    assert wire.post(f"{theirs}/{number}/redeliver", other.app_key).status == 404
    for unknown in ("0", "x", "9" * 30, "1.5", "-1"):
        assert wire.get(f"{path}/{unknown}", tenant.app_key).status == 404
