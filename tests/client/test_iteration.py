"""Iteration over all pages of a list."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from api_facts import load
from support.scripts import NewScript, Script, answer
from support.wire import Service, Tenant, Wire

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio


async def walk(
    name: str, url: str, credentials: dict[str, str], method: str, *arguments: Any, **options: Any
) -> list[Any]:
    """Return all items that the synchronous or the asynchronous client yields."""
    configuration = sunshine.Configuration(url, **credentials)  # type: ignore[arg-type]
    api = f"{method.removeprefix('iterate_').capitalize()}Api"
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


def page(ids: list[str], items: str = "apps", **meta: Any) -> bytes:
    return answer(body=json.dumps({items: [{"id": id} for id in ids], "meta": meta}).encode())


def queries(server: Script) -> list[str]:
    """Return the queries of the requests that a server got."""
    return [unquote(line.split(" ")[1].partition("?")[2]) for line in server.lines]


@pytest.mark.parametrize("name", ["sync", "async"])
@pytest.mark.parametrize("last", [b'{"apps": null}', b'{"meta": null}', b'{"apps": [], "meta": {"hasMore": false}}'])
async def test_iteration_ends_after_the_last_page(script: NewScript, name: str, last: bytes) -> None:
    server = script(page(["1"], hasMore=True, afterCursor="a"), answer(body=last))
    assert [app.id for app in await walk(name, server.url, {}, "iterate_apps", size=1)] == ["1"]
    assert queries(server) == ["page[size]=1", "page[after]=a&page[size]=1"]


@pytest.mark.parametrize("name", ["sync", "async"])
async def test_an_empty_page_with_a_cursor_does_not_end_an_iteration(script: NewScript, name: str) -> None:
    server = script(
        page([], hasMore=True, afterCursor="a"),
        page(["1"], hasMore=True, afterCursor="b"),
        answer(body=b'{"meta": {"hasMore": true, "afterCursor": "c"}}'),
        page(["2"], hasMore=False),
    )
    assert [app.id for app in await walk(name, server.url, {}, "iterate_apps")] == ["1", "2"]
    assert len(server.requests) == 4


@pytest.mark.parametrize("name", ["sync", "async"])
async def test_a_page_without_a_cursor_is_followed_by_its_last_item(script: NewScript, name: str) -> None:
    server = script(page(["1", "2"], hasMore=True), page(["3"], hasMore=False))
    assert [app.id for app in await walk(name, server.url, {}, "iterate_apps")] == ["1", "2", "3"]
    assert queries(server)[1] == "page[after]=2&page[size]=100"


@pytest.mark.parametrize("name", ["sync", "async"])
@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["a", "b", "b"]])
async def test_a_cursor_that_comes_twice_raises(script: NewScript, name: str, cursors: list[str]) -> None:
    pages = [page([], hasMore=True, afterCursor=cursor) for cursor in cursors]
    server = script(*pages, page([], hasMore=False))
    with pytest.raises(sunshine.ApiDecodeError, match="has already led to a page"):
        await walk(name, server.url, {}, "iterate_apps")
    assert len(server.requests) == len(cursors)


@pytest.mark.parametrize(
    "body",
    [
        b'{"apps": [{}], "meta": {"hasMore": true}}',
        b'{"apps": [], "meta": {"hasMore": true}}',
        b'{"apps": ["x"], "meta": {"hasMore": true}}',
        b'{"apps": [], "meta": {"hasMore": true, "afterCursor": 5}}',
        b'{"apps": [], "meta": {"hasMore": true, "afterCursor": ""}}',
        b'{"apps": [], "meta": "x"}',
        b'{"apps": [], "meta": [1]}',
    ],
)
async def test_a_page_that_leads_nowhere_raises(script: NewScript, body: bytes) -> None:
    server = script(answer(body=body), page([], hasMore=False))
    with pytest.raises(sunshine.ApiDecodeError):
        await walk("sync", server.url, {}, "iterate_apps")


async def test_the_items_of_the_last_good_page_come_before_its_error(script: NewScript) -> None:
    server = script(page(["1"], hasMore=True, afterCursor="a"), page(["2"], hasMore=True, afterCursor="a"))
    with sunshine.ApiClient(sunshine.Configuration(server.url)) as client:
        apps = sunshine.AppsApi(client).iterate_apps()
        assert [next(apps).id, next(apps).id] == ["1", "2"]
        with pytest.raises(sunshine.ApiDecodeError):
            next(apps)


@pytest.mark.parametrize("name", ["sync", "async"])
async def test_messages_are_iterated_from_the_newest_page_back(script: NewScript, name: str) -> None:
    """Every page is in ascending order, and the first one is the newest."""
    server = script(
        page(["4", "5"], "messages", hasMore=True, beforeCursor="4", afterCursor="wrong"),
        page([], "messages", hasMore=True, beforeCursor="3x"),
        page(["2", "3"], "messages", hasMore=True),
        page(["1"], "messages", hasMore=False, afterCursor="wrong"),
    )
    messages = await walk(name, server.url, {}, "iterate_messages", "a", "c", size=2)
    assert [message.id for message in messages] == ["5", "4", "3", "2", "1"]
    assert queries(server) == ["page[size]=2"] + [f"page[before]={cursor}&page[size]=2" for cursor in ("4", "3x", "2")]
    assert server.lines[0].startswith("GET /v2/apps/a/conversations/c/messages?")


@pytest.mark.parametrize("name", ["sync", "async"])
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("iterate_apps", ()),
        ("iterate_clients", ("a", "u")),
        ("iterate_conversations", ("a", {"userId": "u"})),
        ("iterate_integrations", ("a",)),
        ("iterate_participants", ("a", "c")),
    ],
)
async def test_every_other_paged_list_is_iterated_forwards(
    script: NewScript, name: str, method: str, arguments: tuple[Any, ...]
) -> None:
    items = method.removeprefix("iterate_")
    server = script(page(["1", "2"], items, hasMore=True, afterCursor="2"), page(["3"], items, hasMore=False))
    assert [item.id for item in await walk(name, server.url, {}, method, *arguments)] == ["1", "2", "3"]
    assert [query.partition("&filter")[0] for query in queries(server)] == [
        "page[size]=100",
        "page[after]=2&page[size]=100",
    ]


def test_every_paged_list_has_an_iteration() -> None:
    paged = {operation.name for operation in load().operations.values() if operation.paged}
    there = {name for package in (sunshine, aio) for api in package.__all__ if api.endswith("Api") for name in vars(getattr(package, api))}  # fmt: skip
    assert len(paged) == 6
    assert {name.replace("list_", "iterate_") for name in paged} <= there
