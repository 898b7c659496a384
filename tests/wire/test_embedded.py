"""The service inside another ASGI application, and `InProcessVerifier`, on both stores."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from support.servers import Server
from support.wire import Key, Place, Tenant, first_run, make_tenant

from sunshine_keys.embedded import EmbeddedService
from sunshine_keys.keys.usage import usage_of
from sunshine_keys.opening import opened_store
from sunshine_keys.store import StoreError
from sunshine_keys.verify import CALLER, AsgiVerification, Caller, InProcessVerifier, Refused
from sunshine_keys.wire.limits import RateLimits


@pytest.fixture
def account(place: Place) -> Key:
    """The account key of a new store."""
    return Key.of(first_run(place)["account_key"])


async def refusal(verifier: InProcessVerifier, authorization: str | None, address: str | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        await verifier.verify(authorization, address=address)
    return caught.value


async def answer(service: Any, path: str, *, root_path: str = "", header: str = "") -> tuple[int, bytes]:
    """Return the status and the body that an ASGI application answers to a GET."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "scheme": "http", "query_string": b"", "server": ("x", 1)}
    scope |= {"path": path, "raw_path": path.encode(), "root_path": root_path, "client": ("192.0.2.1", 1)}
    scope["headers"] = [(b"authorization", header.encode())] if header else []
    await service(scope, receive, send)
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:])


async def test_caller_is_named_and_refused_as_over_http(place: Place, account: Key) -> None:
    with Server(place) as server:
        tenant, other = make_tenant(server.wire, account), make_tenant(server.wire, account)
        async with EmbeddedService(place.settings) as service:
            verify = InProcessVerifier(service).verify
            own = Caller(tenant.key.id, "integration", tenant.app_id, tenant.integration_id)
            assert await verify(tenant.key.basic(), address="192.0.2.1") == own
            assert await verify(tenant.app_key.bearer()) == Caller(tenant.app_key.id, "app", tenant.app_id, None)
            strict = InProcessVerifier(
                service, scope=["integration"], app_id=tenant.app_id, integration_id=tenant.integration_id
            )
            assert await strict.verify(tenant.key.basic()) == own
            query = f"?scope=integration&app={tenant.app_id}&integration={tenant.integration_id}"
            for header in (
                other.key.basic(),
                tenant.app_key.basic(),
                account.basic(),
                "Basic x",
                "Basic x\r\nX: y",
                None,
            ):
                refused = await refusal(strict, header)
                wire = server.wire.get(f"/auth{query}", None if header is None else header.partition("\r")[0])
                assert refused.status == wire.status
                assert refused.headers.get("www-authenticate") == wire.headers.get("www-authenticate")
                if header is None or "\r" not in header:
                    assert refused.body == wire.content
            with pytest.raises(ValueError, match="answered 400"):
                await InProcessVerifier(service, scope="all").verify(tenant.key.basic())
        async with opened_store(place.settings) as store:
            use = (await store.read(usage_of([tenant.key.id], 0)))[tenant.key.id]
            assert sum(use.hours.values()) == 2, "uses are counted, and written at the end"
            denied = [entry for entry in await store.audit_entries(0, 1000) if entry.action == "request"]
            assert {other.key.id, tenant.app_key.id, account.id} <= {entry.actor for entry in denied}


async def test_key_that_another_process_deletes_is_refused_at_once(place: Place, account: Key) -> None:
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        async with EmbeddedService(place.settings) as service:
            verifier = InProcessVerifier(service)
            for _ in range(5):
                assert (await verifier.verify(tenant.key.basic())).key_id == tenant.key.id
            deleted = await in_thread(server, tenant)
            assert deleted == 200
            assert (await refusal(verifier, tenant.key.basic())).status == 401
            assert (await refusal(verifier, tenant.key.bearer())).status == 401


async def in_thread(server: Server, tenant: Tenant) -> int:
    """Delete the tenant's key by the other process, while this event loop answers for its own node."""
    answered = await asyncio.to_thread(server.wire.delete, f"{tenant.keys}/{tenant.key.id}", tenant.app_key)
    return answered.status


async def test_limits_are_those_of_the_service(place: Place, account: Key) -> None:
    settings = msgspec.structs.replace(place.settings, rate_limits=RateLimits.of(None, None, "2/minute"))
    async with EmbeddedService(settings) as service:
        verifier = InProcessVerifier(service)
        wrong = Key(account.id, account.secret[::-1]).basic()
        statuses = [(await refusal(verifier, wrong, "192.0.2.1")).status for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert "retry-after" in (await refusal(verifier, wrong, "192.0.2.1")).headers
        assert (await refusal(verifier, wrong, "192.0.2.2")).status == 401, "another address has its own limit"
        assert (await verifier.verify(account.basic(), address="192.0.2.1")).key_id == account.id


async def test_middleware_takes_the_verifier_in_the_process(place: Place, account: Key) -> None:

    async def own(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope[CALLER].key_id.encode()})

    async with EmbeddedService(place.settings) as service:
        application = AsgiVerification(own, InProcessVerifier(service, scope="account"))
        assert await answer(application, "/", header=account.basic()) == (200, account.id.encode())
        assert (await answer(application, "/"))[0] == 401


async def test_service_answers_below_a_path(place: Place, account: Key) -> None:
    async with EmbeddedService(place.settings) as service:
        for root_path in ("", "/keys"):
            status, body = await answer(service, f"{root_path}/v2/apps", root_path=root_path, header=account.basic())
            assert (status, msgspec.json.decode(body)["apps"]) == (200, [])
        assert (await answer(service, "/keys", root_path="/keys"))[0] == 200


async def test_service_that_is_not_open_lets_nobody_in(place: Place) -> None:
    service = EmbeddedService(place.settings)
    with pytest.raises(StoreError, match="there is no store"):
        await service.__aenter__()
    with pytest.raises(RuntimeError, match="async with"):
        await InProcessVerifier(service).verify(None)
    await asyncio.to_thread(first_run, place)
    async with EmbeddedService(place.settings) as service:
        with pytest.raises(ValueError, match="HTTP only"):
            await service({"type": "websocket"}, answer, answer)  # type: ignore[arg-type] - not called
    with pytest.raises(RuntimeError, match="async with"):
        await InProcessVerifier(service).verify(None)


def test_verifiers_import_nothing_of_the_service() -> None:
    program = "import sys, sunshine_keys.verify; print(*(name for name in sys.modules if name.startswith('sunshine')))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["sunshine_keys", "sunshine_keys.verify"]
