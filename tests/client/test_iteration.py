"""Iteration over all pages of a list."""

from __future__ import annotations

from typing import Any

import pytest
from support.scripts import NewScript, answer
from support.wire import Service, Tenant, Wire

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio


async def walk(
    name: str, url: str, credentials: dict[str, str], method: str, *arguments: Any, **options: Any
) -> list[Any]:
    """Return all items that the synchronous or the asynchronous client yields."""
    configuration = sunshine.Configuration(url, **credentials)  # type: ignore[arg-type]
    api = {"iterate_apps": "AppsApi", "iterate_integrations": "IntegrationsApi"}[method]
    if name == "sync":
        with sunshine.ApiClient(configuration) as client:
            return list(getattr(getattr(sunshine, api)(client), method)(*arguments, **options))
    async with aio.ApiClient(configuration) as client:
        return [item async for item in getattr(getattr(aio, api)(client), method)(*arguments, **options)]


@pytest.mark.parametrize("name", ["sync", "async"])
@pytest.mark.parametrize("size", [1, 2, 100])
async def test_integrations_of_all_pages_come_in_order(
    wire: Wire, service: Service, tenant: Tenant, name: str, size: int
) -> None:
    created = [
        wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "ios"}).json["integration"]["id"]
        for _ in range(3)
    ]
    credentials = {"username": tenant.app_key.id, "password": tenant.app_key.secret}
    integrations = await walk(name, service.url, credentials, "iterate_integrations", tenant.app_id, size=size)
    assert [item.id for item in integrations] == [tenant.integration_id, tenant.web_id, *created]
    ios = await walk(name, service.url, credentials, "iterate_integrations", tenant.app_id, {"types": "ios"}, size=size)
    assert [item.id for item in ios] == created


@pytest.mark.parametrize("name", ["sync", "async"])
async def test_apps_of_all_pages_come_once(service: Service, tenant: Tenant, other: Tenant, name: str) -> None:
    credentials = {"username": service.account.id, "password": service.account.secret}
    ids = [app.id for app in await walk(name, service.url, credentials, "iterate_apps", size=3)]
    assert ids[-2:] == [tenant.app_id, other.app_id]
    assert len(ids) == len(set(ids))


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
async def test_iteration_ends_if_a_page_leads_nowhere(script: NewScript, page: bytes) -> None:
    server = script(*[answer(body=page)] * 9)
    await walk("sync", server.url, {}, "iterate_apps")
    assert len(server.requests) <= 2
