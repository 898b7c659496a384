"""Which targets a service calls: the policy, and calls that it forbids."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from support.messaging import TEXT, chat, create_user, post
from support.servers import Server
from support.targets import Target
from support.waiting import wait_until
from support.wire import Key, Place, Tenant, Wire, first_run, make_tenant

from sunshine_keys.webhooks.courier import HttpCourier, NoReply
from sunshine_keys.webhooks.targets import RefusedTarget, Targets, check_url, is_public

PRIVATE = [
    "127.0.0.1", "127.255.0.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("url", ["http://user@example.com/", "https://:secret@example.com/"])
def test_credentials_in_a_url_are_refused(url: str) -> None:
    with pytest.raises(RefusedTarget, match="credentials"):
        check_url(url, Targets.PUBLIC)
    check_url(url, Targets.ANY)


async def refusal(url: str) -> str:
    courier = HttpCourier(Targets.PUBLIC)
    try:
        with pytest.raises(NoReply) as refused:
            await courier.post(url, "secret", b"{}")
        return str(refused.value)
    finally:
        await courier.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0x7f000001", "2130706433", "127.1"]
)
async def test_no_spelling_of_a_private_host_is_called(target: Target, host: str) -> None:
    said = await refusal(target.url.replace("127.0.0.1", host))
    assert target.calls == []
    assert any(reason in said for reason in ("not public", "Cannot connect", "not a canonical IPv4 address"))


async def test_address_is_checked_when_it_is_connected_to(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is looked up first, and private later, is refused later."""
    answers = ["8.8.8.8", "127.0.0.1"]
    real = socket.getaddrinfo

    def changing(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != "changing.test":
            return real(host, port, *arguments, **options)
        return real(answers[-1] if len(answers) == 1 else answers.pop(0), port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    assert is_public(changing("changing.test", 80, socket.AF_INET)[0][4][0])
    said = await refusal(target.url.replace("127.0.0.1", "changing.test"))
    assert "127.0.0.1 is not public" in said
    assert target.calls == []


async def test_proxy_in_the_environment_is_not_used(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect to private addresses for a tenant."""
    monkeypatch.setenv("http_proxy", target.url)
    await refusal("http://203.0.113.1.invalid/")
    assert target.calls == []


def test_log_says_why_a_target_is_not_called(tmp_path: Any, target: Target) -> None:
    place = Place(tmp_path, None)
    account = Key.of(first_run(place)["account_key"])
    with Server(place, "--webhook-gap-factor", "0", "--webhook-targets", "public") as server:
        tenant = make_tenant(server.wire, account)
        _listen(server.wire, tenant, target.url)
        post(server.wire, tenant, chat(server.wire, tenant, create_user(server.wire, tenant)), TEXT)
        path = f"/sunshine/v1/apps/{tenant.app_id}/deliveries"

        def attempts() -> list[dict[str, Any]]:
            (delivery,) = server.wire.get(path, tenant.app_key).json["deliveries"]
            listed: list[dict[str, Any]] = delivery["attempts"]
            return listed

        wait_until(lambda: len(attempts()) == 5)
        assert "127.0.0.1 is not public: start the service with --webhook-targets any" in attempts()[0]["error"]
    assert target.calls == []


def _listen(wire: Wire, tenant: Tenant, url: str) -> None:
    (webhook,) = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"]
    assert wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key, {"target": url}).status == 200


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"x" * 10_000_000, 200), (b"\xff\xfe" * 100, 200), (b"", 204)],
    ids=["huge", "bytes", "empty"],
)
async def test_answers_are_read_up_to_a_bound(target: Target, content: bytes, status: int) -> None:
    target.content = content
    target.answer = lambda call: status
    courier = HttpCourier()
    try:
        reply = await courier.post(target.url, "secret", b'{"events": []}')
        second = await courier.post(target.url, "secret", b'{"events": []}')
    finally:
        await courier.close()
    assert (reply.status, second.status) == (status, status)
    assert len(reply.body) <= 2048
