"""The conversations of an app, as the console lists them."""

from __future__ import annotations

from typing import Any

import pytest
from support.messaging import TEXT, chat, create_user, post
from support.wire import Tenant, Wire


def listed(wire: Wire, tenant: Tenant, query: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/conversations{query}", tenant.app_key).json
    return answer


def test_conversations_are_listed_with_users_and_last_message(wire: Wire, tenant: Tenant) -> None:
    assert listed(wire, tenant) == {"conversations": [], "hasMore": False}
    jane, joe = create_user(wire, tenant), create_user(wire, tenant)
    first, second = chat(wire, tenant, jane), chat(wire, tenant, joe, jane)
    post(wire, tenant, first, TEXT)
    newest, oldest = listed(wire, tenant)["conversations"]
    assert [newest["conversation"]["id"], oldest["conversation"]["id"]] == [second, first]
    assert {user["id"] for user in newest["users"]} == {jane["id"], joe["id"]}
    assert "lastMessage" not in newest
    assert oldest["lastMessage"]["content"]["type"] == "text"


def test_pages_of_conversations_hold_each_conversation_once(wire: Wire, tenant: Tenant) -> None:
    jane = create_user(wire, tenant)
    chats = [chat(wire, tenant, jane) for _ in range(5)]
    pages, before = [], ""
    while True:
        page = listed(wire, tenant, f"?limit=2{before}")
        pages += [summary["conversation"]["id"] for summary in page["conversations"]]
        if not page["hasMore"]:
            break
        before = f"&before={pages[-1]}"
    assert pages == chats[::-1]


@pytest.mark.parametrize("query", ["before=x", "before=", "limit=0", "limit=101", "limit=x"])
def test_invalid_query_is_rejected(wire: Wire, tenant: Tenant, query: str) -> None:
    path = f"/sunshine/v1/apps/{tenant.app_id}/conversations?{query}"
    assert wire.get(path, tenant.app_key).status == 400
