"""Walking all pages of a list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from support.scripts import Script, answer
from support.wire import Service, Tenant, Wire

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio


def walk(name: str, url: str, credentials: dict[str, str], method: str, *arguments: Any, **options: Any) -> list[Any]:
    """All items, by the synchronous or the asynchronous client."""
    configuration = sunshine.Configuration(url, **credentials)  # type: ignore[arg-type]
    api = {"iterate_apps": "AppsApi", "iterate_integrations": "IntegrationsApi"}[method]
    if name == "sync":
        with sunshine.ApiClient(configuration) as client:
            return list(getattr(getattr(sunshine, api)(client), method)(*arguments, **options))

    async def collect() -> list[Any]:
        async with aio.ApiClient(configuration) as client:
            return [each async for each in getattr(getattr(aio, api)(client), method)(*arguments, **options)]

    return asyncio.run(collect())


@pytest.mark.parametrize("name", ["sync", "async"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_all_integrations_in_order(wire: Wire, service: Service, tenant: Tenant, name: str, size: int) -> None:
    made = [
        wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "ios"}).json["integration"]["id"]
        for _ in range(3)
    ]
    credentials = {"username": tenant.app_key.id, "password": tenant.app_key.secret}
    found = walk(name, service.url, credentials, "iterate_integrations", tenant.app_id, size=size)
    assert [each.id for each in found] == [tenant.integration_id, tenant.web_id, *made]
    only = walk(name, service.url, credentials, "iterate_integrations", tenant.app_id, {"types": "ios"}, size=size)
    assert [each.id for each in only] == made


@pytest.mark.parametrize("name", ["sync", "async"])
def test_all_apps(service: Service, tenant: Tenant, other: Tenant, name: str) -> None:
    credentials = {"username": service.account.id, "password": service.account.secret}
    found = [app.id for app in walk(name, service.url, credentials, "iterate_apps", size=3)]
    assert found[-2:] == [tenant.app_id, other.app_id]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    "page",
    [
        b'{"apps": [{"id": "1"}], "meta": {"hasMore": true, "afterCursor": "same"}}',
        b'{"apps": [], "meta": {"hasMore": true, "afterCursor": "x"}}',
        b'{"apps": [{}], "meta": {"hasMore": true}}',
        b'{"apps": null}',
        b'{"meta": null}',
    ],
)
def test_a_server_that_goes_in_circles_is_not_followed(script: Callable[..., Script], page: bytes) -> None:
    server = script(*[answer(body=page)] * 9)
    walk("sync", server.url, {}, "iterate_apps")
    assert len(server.requests) <= 2
