"""`sunshine_keys.verify`: keys in a Python service of one's own, by a function and by middleware."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from support.servers import Server
from support.wire import Key, Place, Service, Tenant, Wire, first_run

from sunshine_keys.verify import CALLER, AsgiVerification, Caller, Refused, Verifier, WsgiVerification


def refusal(verifier: Verifier, authorization: str | None) -> Refused:
    with pytest.raises(Refused) as caught:
        verifier.verify(authorization)
    return caught.value


def test_caller_is_named(service: Service, tenant: Tenant) -> None:
    verify = Verifier(service.url).verify
    assert verify(tenant.key.basic()) == Caller(tenant.key.id, "integration", tenant.app_id, tenant.integration_id)
    assert verify(tenant.app_key.bearer()) == Caller(tenant.app_key.id, "app", tenant.app_id, None)
    assert verify(service.account.basic()) == Caller(service.account.id, "account", None, None)


def test_constraints_are_asked_for(service: Service, tenant: Tenant, other: Tenant) -> None:
    own = Verifier(
        service.url, scope=["integration", "app"], app_id=tenant.app_id, integration_id=tenant.integration_id
    )
    assert own.verify(tenant.key.basic()).key_id == tenant.key.id
    for key in (other.key, other.app_key, service.account):
        assert refusal(own, key.basic()).status == 403


def test_deleted_key_is_refused_at_once(service: Service, wire: Wire, tenant: Tenant) -> None:
    verifier = Verifier(service.url)
    assert verifier.verify(tenant.key.basic()).key_id == tenant.key.id
    assert wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key).status in (200, 204)
    refused = refusal(verifier, tenant.key.basic())
    assert refused.status == 401
    assert "Bearer" in refused.headers["www-authenticate"]
    assert b'"unauthorized"' in refused.body
    for header in (None, "", "Basic", "Basic x, Basic y", "\u20ac", "Basic x\r\nX: y"):
        assert refusal(verifier, header).status == 401


def test_service_that_is_away_lets_nobody_in(tenant: Tenant, unused_port: int) -> None:
    refused = refusal(Verifier(f"http://127.0.0.1:{unused_port}"), tenant.key.basic())
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")


def test_limit_of_failures_is_passed_on(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    wrong = Key(account.id, account.secret[::-1]).basic()
    with Server(place, "--rate-limit-failures", "2/minute") as server:
        verifier = Verifier(server.wire.url)
        refused = [refusal(verifier, wrong) for _ in range(3)]
    assert [answer.status for answer in refused] == [401, 401, 429]
    assert int(refused[-1].headers["retry-after"]) > 0
    assert b'"too_many_requests"' in refused[-1].body


@pytest.mark.parametrize("fields", [{"scope": "all"}, {"app_id": "x"}, {"integration_id": "0" * 24}])
def test_wrong_constraints_are_an_error_of_the_program(
    service: Service, tenant: Tenant, fields: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="answered 400"):
        Verifier(service.url, **fields).verify(tenant.key.basic())


def test_threads_share_a_verifier(service: Service, tenant: Tenant) -> None:
    verifier, callers = Verifier(service.url), list[Caller]()
    keys = [tenant.key, tenant.app_key] * 8
    threads = [threading.Thread(target=lambda key=key: callers.append(verifier.verify(key.basic()))) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(caller.key_id for caller in callers) == sorted(key.id for key in keys)


def wsgi(verifier: Verifier, **environ: str) -> tuple[str, dict[str, str], bytes]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return [environ[CALLER].key_id.encode()]

    values: dict[str, Any] = dict(environ)
    setup_testing_defaults(values)
    started: list[Any] = []
    body = b"".join(WsgiVerification(application, verifier)(values, lambda *answer: started.extend(answer)))
    return started[0], dict(started[1]), body


def test_wsgi_application_hears_of_live_keys_only(service: Service, tenant: Tenant) -> None:
    verifier = Verifier(service.url)
    assert wsgi(verifier, HTTP_AUTHORIZATION=tenant.key.basic())[::2] == ("200 OK", tenant.key.id.encode())
    status, headers, body = wsgi(verifier)
    assert (status, headers["content-length"]) == ("401 Unauthorized", str(len(body)))
    assert "www-authenticate" in headers
    assert wsgi(verifier, REQUEST_METHOD="HEAD")[2] == b""


def asgi(verifier: Verifier, *headers: str, type: str = "http") -> tuple[list[dict[str, Any]], list[str]]:
    """Return the messages of the answer, and the types of the scopes that reached the application."""
    sent: list[Any] = []
    reached: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])
        if type == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope[CALLER].key_id.encode()})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    scope: dict[str, Any] = {"type": type, "method": "GET", "client": ("192.0.2.1", 1)}
    scope["headers"] = [(b"authorization", header.encode()) for header in headers]
    asyncio.run(AsgiVerification(application, verifier)(scope, receive, send))
    return sent, reached


def test_asgi_application_hears_of_live_keys_only(service: Service, tenant: Tenant) -> None:
    verifier, basic = Verifier(service.url), tenant.key.basic()
    assert asgi(verifier, basic)[0][1]["body"] == tenant.key.id.encode()
    for headers in ((), ("Basic x",), (basic, basic)):
        (start, body), reached = asgi(verifier, *headers)
        assert (start["status"], reached) == (401, [])
        assert (b"content-length", str(len(body["body"])).encode()) in start["headers"]


def test_websocket_without_a_live_key_is_closed(service: Service, tenant: Tenant) -> None:
    verifier = Verifier(service.url)
    assert asgi(verifier, type="websocket") == ([{"type": "websocket.close", "code": 1008}], [])
    assert asgi(verifier, tenant.key.basic(), type="websocket")[1] == ["websocket"]
    assert asgi(verifier, type="lifespan")[1] == ["lifespan"]


def test_secret_is_in_no_error(tenant: Tenant, unused_port: int) -> None:
    key = Key(tenant.key.id, tenant.key.secret)
    refused = refusal(Verifier(f"http://127.0.0.1:{unused_port}"), key.basic())
    assert key.secret not in f"{refused!r} {refused} {refused.__cause__} {refused.body!r}"
