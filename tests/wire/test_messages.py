"""The four operations on messages."""

from __future__ import annotations

import random
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.messaging import TEXT, chat, create_user, post, set_message_count
from support.wire import Service, Tenant, Wire

from sunshine_keys.ids import new_object_id

NO_AVATAR = "https://www.gravatar.com/avatar/" + "0" * 32 + ".png?s=200&d=mm"
BUSINESS = {"type": "business"}
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def jane(wire: Wire, tenant: Tenant) -> dict[str, Any]:
    return create_user(wire, tenant, externalId="jane", profile={"givenName": "Jane", "surname": "Doe"})


@pytest.fixture
def conversation(wire: Wire, tenant: Tenant, jane: dict[str, Any]) -> str:
    """The path of a personal conversation of Jane."""
    return f"{tenant.conversations}/{chat(wire, tenant, jane)}"


@pytest.mark.parametrize("of", ["account", "app_key", "key"])
def test_the_life_of_a_message(wire: Wire, tenant: Tenant, conversation: str, of: str) -> None:
    auth = getattr(tenant, of).bearer()
    path = f"{conversation}/messages"
    posted = wire.post(path, auth, TEXT | {"metadata": {"order": 7}})
    assert posted.status == 201
    (message,) = posted.json["messages"]
    assert re.fullmatch("[0-9a-f]{24}", message["id"])
    assert re.fullmatch(MOMENT, message["received"])
    assert message == {
        "id": message["id"], "received": message["received"], "author": {"type": "business", "avatarUrl": NO_AVATAR},
        "content": {"type": "text", "text": "Hello!"}, "source": {"type": "api:conversations"}, "metadata": {"order": 7},
    }  # fmt: skip
    assert wire.get(path, auth).json == {"messages": [message], "meta": {"hasMore": False}}
    shown = wire.get(conversation, auth).json["conversation"]
    assert shown["lastUpdatedAt"] == message["received"] >= shown["createdAt"]

    deleted = wire.delete(f"{path}/{message['id']}", auth)
    assert (deleted.status, deleted.json) == (200, {})
    assert wire.get(path, auth).json == {"messages": [], "meta": {"hasMore": False}}
    assert wire.delete(f"{path}/{message['id']}", auth).errors == [("not_found", "Resource not found")]
    assert wire.get(conversation, auth).json["conversation"] == shown


def test_author_is_a_business_or_a_participant(
    wire: Wire, tenant: Tenant, jane: dict[str, Any], conversation: str
) -> None:
    def author(**values: Any) -> Any:
        (message,) = wire.post(f"{conversation}/messages", tenant.key, TEXT | {"author": values}).json["messages"]
        return message["author"]

    steve = {"type": "business", "displayName": "Steve", "avatarUrl": "https://example.com/s.png", "subtypes": ["AI"]}
    assert author(**steve) == steve
    expected = {"type": "user", "userId": jane["id"], "displayName": "Jane Doe", "avatarUrl": NO_AVATAR}
    assert author(type="user", userId=jane["id"]) == author(type="user", userExternalId="jane") == expected
    named = author(type="user", userId=jane["id"], displayName="J.", avatarUrl="https://example.com/j.png")
    assert named == expected | {"displayName": "J.", "avatarUrl": "https://example.com/j.png"}
    wire.patch(
        f"{tenant.users}/jane", tenant.key, {"profile": {"avatarUrl": "https://example.com/p.png", "surname": None}}
    )
    assert author(type="user", userId=jane["id"]) == expected | {
        "displayName": "Jane", "avatarUrl": "https://example.com/p.png",
    }  # fmt: skip


def test_user_without_a_name_is_named_by_id_or_animal(wire: Wire, tenant: Tenant) -> None:
    nobody = create_user(wire, tenant)
    body = TEXT | {"author": {"type": "user", "userId": nobody["id"]}}
    conversation_id = chat(wire, tenant, nobody)
    assert post(wire, tenant, conversation_id, body)["author"]["displayName"] == f"User {nobody['id']}"
    wire.patch(tenant.app, tenant.account, {"settings": {"useAnimalNames": True}})
    names = {post(wire, tenant, conversation_id, body)["author"]["displayName"] for _ in range(2)}
    assert len(names) == 1 and re.fullmatch("[A-Z][a-z]+ [A-Z][a-z]+", names.pop())


def test_personal_information_goes_from_messages_too(
    wire: Wire, tenant: Tenant, jane: dict[str, Any], conversation: str
) -> None:
    path = f"{conversation}/messages"
    wire.post(path, tenant.key, TEXT | {"author": {"type": "user", "userId": jane["id"]}})
    wire.delete(f"{tenant.users}/jane/personalinformation", tenant.key)
    (message,) = wire.get(path, tenant.key).json["messages"]
    assert message["author"]["displayName"] == f"User {jane['id']}"
    assert b"Doe" not in wire.get(path, tenant.key).content


@pytest.mark.parametrize(
    ("author", "status", "title"),
    [
        ({"type": "user"}, 400, "author should have exactly one of userId and userExternalId"),
        ({"type": "user", "userId": "{0}", "userExternalId": "x"}, 400, "author should have exactly one of userId and userExternalId"),
        ({"type": "business", "userId": "{0}"}, 400, "author of type business should NOT have userId, userExternalId or brandId"),
        ({"type": "bot"}, 400, "author.type should be equal to one of the allowed values"),
        ({"type": "business", "subtypes": ["bot"]}, 400, "author.subtypes[0] should be equal to one of the allowed values"),
        ({"type": "user", "userExternalId": "nobody"}, 404, "User not found"),
        ({"type": "user", "userId": "{1}"}, 404, "User is not a member of the conversation"),
    ],
)  # fmt: skip
def test_invalid_author_is_refused(
    wire: Wire, tenant: Tenant, jane: dict[str, Any], conversation: str, author: Any, status: int, title: str
) -> None:
    ids = jane["id"], create_user(wire, tenant)["id"]
    author = author | ({"userId": author["userId"].format(*ids)} if "userId" in author else {})
    for leaf, body in (
        ("messages", TEXT | {"author": author}),
        ("activity", {"type": "conversation:read", "author": author}),
    ):
        answer = wire.post(f"{conversation}/{leaf}", tenant.key, body)
        assert (answer.status, [title for _, title in answer.errors]) == (status, [title])
    assert wire.get(f"{conversation}/messages", tenant.key).json["messages"] == []


def test_pages_hold_100_messages_from_the_newest(wire: Wire, tenant: Tenant, conversation: str) -> None:
    path = f"{conversation}/messages"
    ids = [wire.post(path, tenant.key, TEXT).json["messages"][0]["id"] for _ in range(203)]
    assert ids == sorted(set(ids))
    newest = wire.get(f"{path}?page[size]=5", tenant.key).json
    assert [message["id"] for message in newest["messages"]] == ids[103:]
    assert newest["meta"] == {"hasMore": True, "beforeCursor": ids[103]}
    assert list(newest["links"]) == ["prev"]
    received = [message["received"] for message in newest["messages"]]
    assert received == sorted(set(received))

    pages, answer = [newest], newest
    while "prev" in answer.get("links", {}):
        answer = wire.get(answer["links"]["prev"].removeprefix(wire.url), tenant.key).json
        pages.insert(0, answer)
    assert [message["id"] for page in pages for message in page["messages"]] == ids
    assert pages[0]["meta"] == {"hasMore": False, "afterCursor": ids[2]}
    after = wire.get(f"{path}?page[after]={ids[1]}", tenant.key).json
    assert [message["id"] for message in after["messages"]] == ids[2:102]
    assert after["meta"] == {"hasMore": True, "afterCursor": ids[101], "beforeCursor": ids[2]}


def test_cursor_is_a_message_of_the_conversation(
    wire: Wire, tenant: Tenant, jane: dict[str, Any], conversation: str
) -> None:
    foreign = post(wire, tenant, chat(wire, tenant, jane), TEXT)["id"]
    for query in (f"page[after]={foreign}", f"page[before]={new_object_id()}", "page[after]=x"):
        answer = wire.get(f"{conversation}/messages?{query}", tenant.key)
        assert answer.errors == [("bad_request", "Invalid page query parameters")]


def test_unknown_conversation_is_not_found(wire: Wire, tenant: Tenant) -> None:
    path = f"{tenant.conversations}/{new_object_id()}"
    assert wire.get(f"{path}/messages", tenant.key).errors == [("not_found", "Resource not found")]
    for answer in (
        wire.post(f"{path}/messages", tenant.key, TEXT),
        wire.delete(f"{path}/messages", tenant.key),
        wire.delete(f"{path}/messages/{new_object_id()}", tenant.key),
        wire.post(f"{path}/activity", tenant.key, {"author": BUSINESS, "type": "typing:start"}),
        wire.post(f"{path}/activity", tenant.key, {"author": BUSINESS, "type": "conversation:read"}),
    ):
        assert answer.errors == [("conversation_not_found", "Conversation not found")]


def test_full_conversation_is_locked(wire: Wire, tenant: Tenant, service: Service, conversation: str) -> None:
    path = f"{conversation}/messages"
    first = wire.post(path, tenant.key, TEXT).json["messages"][0]
    set_message_count(service.place, conversation.rpartition("/")[2], 29_999)
    assert wire.post(path, tenant.key, TEXT).status == 201
    full = wire.post(path, tenant.key, TEXT)
    assert (full.status, full.errors) == (423, [("locked", "Message limit of 30000 per conversation reached.")])
    assert len(wire.get(path, tenant.key).json["messages"]) == 2
    wire.delete(f"{path}/{first['id']}", tenant.key)
    assert wire.post(path, tenant.key, TEXT).status == 201


def participants(wire: Wire, tenant: Tenant, conversation: str) -> dict[str, Any]:
    answer = wire.get(f"{conversation}/participants", tenant.key)
    return {participant["userId"]: participant for participant in answer.json["participants"]}


def test_messages_by_others_are_unread_until_they_are_read_or_deleted(
    wire: Wire, tenant: Tenant, jane: dict[str, Any]
) -> None:
    john = create_user(wire, tenant)
    conversation = f"{tenant.conversations}/{chat(wire, tenant, jane, john)}"

    def say(author: dict[str, Any]) -> dict[str, Any]:
        body = TEXT | {"author": author}
        return dict(wire.post(f"{conversation}/messages", tenant.key, body).json["messages"][0])

    def counts() -> list[int]:
        shown = participants(wire, tenant, conversation)
        return [shown[user["id"]]["unreadCount"] for user in (jane, john)]

    first = say(BUSINESS)
    by_jane = say({"type": "user", "userId": jane["id"]})
    assert counts() == [1, 2]
    read = {"author": {"type": "user", "userId": john["id"]}, "type": "conversation:read"}
    assert wire.post(f"{conversation}/activity", tenant.key, read).json == {}
    assert counts() == [1, 0]
    shown = participants(wire, tenant, conversation)
    assert shown[john["id"]]["lastRead"] == by_jane["received"]
    assert "lastRead" not in shown[jane["id"]]
    second = say(BUSINESS)
    assert counts() == [2, 1]
    for message, expected in ((first, [1, 1]), (by_jane, [1, 1]), (second, [0, 0])):
        wire.delete(f"{conversation}/messages/{message['id']}", tenant.key)
        assert counts() == expected
    say(BUSINESS)
    assert wire.delete(f"{conversation}/messages", tenant.key).json == {}
    assert counts() == [0, 0]


def test_business_reads_and_types(wire: Wire, tenant: Tenant, jane: dict[str, Any], conversation: str) -> None:
    before = wire.get(conversation, tenant.key).json["conversation"]
    assert "businessLastRead" not in before
    for type in ("typing:start", "typing:stop", "conversation:read"):
        answer = wire.post(f"{conversation}/activity", tenant.key, {"author": BUSINESS, "type": type})
        assert (answer.status, answer.json) == (200, {})
    after = wire.get(conversation, tenant.key).json["conversation"]
    assert re.fullmatch(MOMENT, after["businessLastRead"])
    assert after == before | {"businessLastRead": after["businessLastRead"]}
    body = {"author": {"type": "user", "userId": jane["id"]}, "type": "typing:start"}
    assert wire.post(f"{conversation}/activity", tenant.key, body).status == 400


def test_counts_stay_right_under_racing_posts_reads_and_deletions(
    wire: Wire, tenant: Tenant, jane: dict[str, Any]
) -> None:
    john = create_user(wire, tenant)
    conversation = f"{tenant.conversations}/{chat(wire, tenant, jane, john)}"
    path = f"{conversation}/messages"
    authors: list[dict[str, Any]] = [BUSINESS, {"type": "user", "userId": jane["id"]}]

    def act(number: int) -> None:
        chance = random.Random(number)
        message = wire.post(path, tenant.key, TEXT | {"author": chance.choice(authors)}).json["messages"][0]
        if chance.random() < 0.4:
            assert wire.delete(f"{path}/{message['id']}", tenant.key).status == 200
        if chance.random() < 0.2:
            read = {"author": {"type": "user", "userId": john["id"]}, "type": "conversation:read"}
            assert wire.post(f"{conversation}/activity", tenant.key, read).status == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(80)))
    messages = wire.get(path, tenant.key).json["messages"]
    shown = participants(wire, tenant, conversation)
    business = [message for message in messages if message["author"]["type"] == "business"]
    assert shown[jane["id"]]["unreadCount"] == len(business)
    read_to = shown[john["id"]]["lastRead"]
    assert shown[john["id"]]["unreadCount"] == sum(message["received"] > read_to for message in messages)
    newest = wire.get(conversation, tenant.key).json["conversation"]["lastUpdatedAt"]
    assert newest >= messages[-1]["received"]
    wire.delete(path, tenant.key)
    assert [participant["unreadCount"] for participant in participants(wire, tenant, conversation).values()] == [0, 0]


def test_destination_is_a_client_of_the_user(
    wire: Wire, tenant: Tenant, jane: dict[str, Any], conversation: str
) -> None:
    path = f"{conversation}/messages"
    assert wire.post(path, tenant.key, TEXT | {"destination": {"integrationType": "none"}}).status == 201
    group = f"{tenant.conversations}/{chat(wire, tenant, jane, create_user(wire, tenant))}/messages"
    by_jane = TEXT | {"author": {"type": "user", "userId": jane["id"]}}
    for target, body, title in (
        (path, TEXT | {"destination": {"integrationType": "whatsapp"}}, "The conversation's user has no client of this destination"),
        (path, TEXT | {"destination": {}}, "destination should have exactly one of integrationId and integrationType"),
        (path, by_jane | {"destination": {"integrationType": "none"}}, "destination is for messages of a business only"),
        (group, TEXT | {"destination": {"integrationType": "none"}}, "destination is for personal conversations only"),
    ):  # fmt: skip
        answer = wire.post(target, tenant.key, body)
        assert answer.errors == [("bad_request", title)]


def test_repeated_post_stores_a_message_once(wire: Wire, tenant: Tenant, conversation: str) -> None:
    path, headers = f"{conversation}/messages", {"Idempotency-Key": "hello"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: wire.post(path, tenant.key, TEXT, headers=headers), range(4)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 3
    assert len(wire.get(path, tenant.key).json["messages"]) == 1


def test_message_metadata_is_limited(wire: Wire, tenant: Tenant, conversation: str) -> None:
    answer = wire.post(f"{conversation}/messages", tenant.key, TEXT | {"metadata": {"a": "x" * 4096}})
    assert answer.errors == [("bad_request", "Message metadata is limited to 4096 bytes in size.")]
