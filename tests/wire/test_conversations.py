"""The five operations on conversations."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.messaging import TEXT, chat, create_conversation, create_user, post
from support.wire import Tenant, Wire

from sunshine_keys.ids import new_object_id

NOT_FOUND = [("conversation_not_found", "Conversation not found")]
USER_NOT_FOUND = [("user_not_found", "User not found")]
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.mark.parametrize("of", ["account", "app_key", "key"])
def test_the_life_of_a_conversation(wire: Wire, tenant: Tenant, of: str) -> None:
    auth = getattr(tenant, of).bearer()
    create_user(wire, tenant, externalId="jane")
    create_conversation(wire, tenant, type="personal", participants=[{"userExternalId": "jane"}])
    body = {
        "type": "personal", "participants": [{"userExternalId": "jane"}], "displayName": "Support",
        "description": "Orders", "iconUrl": "https://example.com/a.png", "metadata": {"order": 7},
    }  # fmt: skip
    created = wire.post(tenant.conversations, auth, body)
    assert created.status == 201
    conversation = created.json["conversation"]
    assert re.fullmatch("[0-9a-f]{24}", conversation["id"])
    assert re.fullmatch(MOMENT, conversation["createdAt"])
    assert conversation == {
        "id": conversation["id"], "type": "personal", "isDefault": False, "displayName": "Support",
        "description": "Orders", "iconUrl": "https://example.com/a.png", "metadata": {"order": 7},
        "lastUpdatedAt": conversation["createdAt"], "createdAt": conversation["createdAt"],
    }  # fmt: skip
    path = f"{tenant.conversations}/{conversation['id']}"
    assert wire.get(path, auth).json == {"conversation": conversation}
    listed = wire.get(f"{tenant.conversations}?filter[userExternalId]=jane", auth)
    assert listed.json["conversations"][1:] == [conversation]
    assert listed.json["meta"] == {"hasMore": False}

    changed = wire.patch(path, auth, {"displayName": None, "description": "Bills", "metadata": {"bill": 1}}).json
    expected = conversation | {"description": "Bills", "metadata": {"bill": 1}}
    del expected["displayName"]
    assert changed == {"conversation": expected} == wire.get(path, auth).json
    assert wire.patch(path, auth, {}).json == changed
    assert "metadata" not in wire.patch(path, auth, {"metadata": None}).json["conversation"]

    assert (wire.delete(path, auth).status, wire.get(path, auth).errors) == (200, NOT_FOUND)
    assert wire.patch(path, auth, {}).errors == NOT_FOUND
    assert wire.delete(path, auth).errors == NOT_FOUND


def test_first_personal_conversation_is_the_default_and_stays(wire: Wire, tenant: Tenant) -> None:
    jane = create_user(wire, tenant)
    chat(wire, tenant, jane, create_user(wire, tenant))
    body = {"type": "personal", "participants": [{"userId": jane["id"]}]}
    first, second = (create_conversation(wire, tenant, **body) for _ in range(2))
    assert (first["isDefault"], second["isDefault"]) == (True, False)
    answer = wire.delete(f"{tenant.conversations}/{first['id']}", tenant.key)
    title = f"Conversation {first['id']} cannot be deleted because it is the default."
    assert answer.errors == [("bad_request", title)]
    assert wire.get(f"{tenant.conversations}/{first['id']}", tenant.key).status == 200


def test_user_takes_personal_conversations_along(wire: Wire, tenant: Tenant) -> None:
    jane, john = create_user(wire, tenant), create_user(wire, tenant)
    personal, group = chat(wire, tenant, jane), chat(wire, tenant, jane, john)
    post(wire, tenant, group, TEXT)
    own = TEXT | {"author": {"type": "user", "userId": jane["id"]}}
    post(wire, tenant, group, own)
    assert wire.delete(f"{tenant.users}/{jane['id']}", tenant.key).status == 200
    assert wire.get(f"{tenant.conversations}/{personal}", tenant.key).errors == NOT_FOUND
    (participant,) = wire.get(f"{tenant.conversations}/{group}/participants", tenant.key).json["participants"]
    assert (participant["userId"], participant["unreadCount"]) == (john["id"], 1)
    (message,) = wire.get(f"{tenant.conversations}/{group}/messages", tenant.key).json["messages"]
    assert message["author"]["type"] == "business"


def test_list_is_paged_in_order_of_creation(wire: Wire, tenant: Tenant) -> None:
    jane = create_user(wire, tenant)
    ids = [chat(wire, tenant, jane) for _ in range(5)]
    chat(wire, tenant, create_user(wire, tenant))
    path = f"{tenant.conversations}?filter[userId]={jane['id']}&page[size]=2"
    pages = []
    while path:
        answer = wire.get(path, tenant.key).json
        pages.append([item["id"] for item in answer["conversations"]])
        path = answer.get("links", {}).get("next", "").removeprefix(wire.url)
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    before = wire.get(
        f"{tenant.conversations}?filter[userId]={jane['id']}&page[size]=2&page[before]={ids[4]}", tenant.key
    )
    assert [item["id"] for item in before.json["conversations"]] == ids[2:4]
    assert before.json["meta"] == {"hasMore": True, "afterCursor": ids[3], "beforeCursor": ids[2]}


@pytest.mark.parametrize(
    "query", ["page[size]=0", "page[after]=x", "page[after]={0}&page[before]={0}", "page[after]={1}"]
)
def test_invalid_page_is_refused(wire: Wire, tenant: Tenant, query: str) -> None:
    jane = create_user(wire, tenant)
    query = query.format(chat(wire, tenant, jane), new_object_id())
    answer = wire.get(f"{tenant.conversations}?filter[userId]={jane['id']}&{query}", tenant.key)
    assert answer.errors == [("bad_request", "Invalid page query parameters")]


def test_list_needs_exactly_a_user(wire: Wire, tenant: Tenant) -> None:
    for query in ("", "?filter[userId]=x&filter[userExternalId]=y", "?filter[other]=x"):
        answer = wire.get(tenant.conversations + query, tenant.key)
        assert answer.errors == [("bad_request", "Invalid query parameters")]
    for query in (f"?filter[userId]={new_object_id()}", "?filter[userExternalId]=nobody", "?filter[userId]=nobody"):
        assert wire.get(tenant.conversations + query, tenant.key).errors == USER_NOT_FOUND


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ({}, "should have required property 'type'"),
        ({"type": "group"}, "type should be equal to one of the allowed values"),
        ({"type": "personal"}, "participants should have exactly 1 item in a personal conversation"),
        (
            {"type": "personal", "participants": [{"userId": "{0}"}] * 2},
            "participants should have exactly 1 item in a personal conversation",
        ),
        (
            {"type": "sdkGroup", "participants": [{"userId": "{0}", "subscribeSDKClient": False}] * 2},
            "participants should NOT name a user twice",
        ),
        (
            {"type": "sdkGroup", "participants": [{"userId": "{0}", "subscribeSDKClient": False}] * 11},
            "Too many participants",
        ),
        (
            {"type": "sdkGroup", "participants": [{"userId": "{0}"}]},
            "participants[0] should have required property 'subscribeSDKClient'",
        ),
        (
            {"type": "personal", "participants": [{}]},
            "participants[0] should have exactly one of userId and userExternalId",
        ),
        (
            {"type": "personal", "participants": [{"userId": "{0}", "userExternalId": "x"}]},
            "participants[0] should have exactly one of userId and userExternalId",
        ),
        ({"type": "sdkGroup", "iconUrl": "x"}, 'iconUrl should match format "uri"'),
        (
            {"type": "sdkGroup", "metadata": {"a": "x" * 4096}},
            "Conversation metadata is limited to 4096 bytes in size.",
        ),
    ],
)
def test_invalid_conversation_is_refused(wire: Wire, tenant: Tenant, body: dict[str, Any], title: str) -> None:
    jane = create_user(wire, tenant)
    for participant in body.get("participants", []):
        if "userId" in participant:
            participant["userId"] = jane["id"]
    answer = wire.post(tenant.conversations, tenant.key, body)
    assert (answer.status, answer.errors) == (400, [("bad_request", title)])
    assert wire.get(f"{tenant.conversations}?filter[userId]={jane['id']}", tenant.key).json["conversations"] == []


def test_unknown_participant_is_not_found(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    foreign = create_user(wire, other)
    for participant in ({"userId": new_object_id()}, {"userExternalId": "nobody"}, {"userId": foreign["id"]}):
        body = {"type": "personal", "participants": [participant]}
        assert wire.post(tenant.conversations, tenant.key, body).errors == USER_NOT_FOUND
