"""The three operations on participants."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from support.messaging import chat, create_conversation, create_user
from support.wire import Tenant, Wire

from sunshine_keys.ids import new_object_id

NOT_A_MEMBER = [("not_found", "User is not a member of the conversation")]


def test_user_joins_and_leaves_a_group(wire: Wire, tenant: Tenant) -> None:
    jane, john = create_user(wire, tenant, externalId="jane"), create_user(wire, tenant)
    path = f"{tenant.conversations}/{create_conversation(wire, tenant, type='sdkGroup')['id']}"
    joined = wire.post(f"{path}/join", tenant.key, {"userExternalId": "jane", "subscribeSDKClient": True})
    assert joined.status == 201
    participant = joined.json["participant"]
    (association,) = participant["clientAssociations"]
    assert participant == {
        "id": participant["id"], "userId": jane["id"], "userExternalId": "jane", "unreadCount": 0,
        "clientAssociations": [{"type": "sdk", "clientId": association["clientId"]}],
    }  # fmt: skip
    repeated = wire.post(f"{path}/join", tenant.key, {"userId": jane["id"], "subscribeSDKClient": False})
    assert (repeated.status, repeated.json) == (201, joined.json)
    second = wire.post(f"{path}/join", tenant.key, {"userId": john["id"], "subscribeSDKClient": False}).json[
        "participant"
    ]
    assert second["clientAssociations"] == []
    assert wire.get(f"{path}/participants", tenant.key).json["participants"] == [participant, second]
    first_page = wire.get(f"{path}/participants?page[size]=1", tenant.key).json
    assert (first_page["participants"], first_page["meta"]["hasMore"]) == ([participant], True)

    for body in ({"participantId": second["id"]}, {"userExternalId": "jane"}):
        assert wire.post(f"{path}/leave", tenant.key, body).json == {}
        assert wire.post(f"{path}/leave", tenant.key, body).errors == NOT_A_MEMBER
    assert wire.get(f"{path}/participants", tenant.key).json == {"participants": [], "meta": {"hasMore": False}}


def test_sdk_client_of_a_user_is_the_same_in_all_conversations(wire: Wire, tenant: Tenant) -> None:
    jane = create_user(wire, tenant)
    clients = set()
    for _ in range(2):
        path = f"{tenant.conversations}/{create_conversation(wire, tenant, type='sdkGroup')['id']}/join"
        body = {"userId": jane["id"], "subscribeSDKClient": True}
        clients.add(wire.post(path, tenant.key, body).json["participant"]["clientAssociations"][0]["clientId"])
    assert len(clients) == 1


def test_racing_joins_never_exceed_ten_participants(wire: Wire, tenant: Tenant) -> None:
    path = f"{tenant.conversations}/{create_conversation(wire, tenant, type='sdkGroup')['id']}"
    users = [create_user(wire, tenant) for _ in range(12)]

    def join(user: dict[str, str]) -> int:
        return wire.post(f"{path}/join", tenant.key, {"userId": user["id"], "subscribeSDKClient": False}).status

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(join, users)) == [201] * 10 + [400] * 2
    full = wire.post(
        f"{path}/join", tenant.key, {"userId": create_user(wire, tenant)["id"], "subscribeSDKClient": True}
    )
    assert full.errors == [("bad_request", "Too many participants")]
    assert len(wire.get(f"{path}/participants", tenant.key).json["participants"]) == 10


def test_personal_conversation_keeps_its_participant(wire: Wire, tenant: Tenant) -> None:
    jane = create_user(wire, tenant)
    path = f"{tenant.conversations}/{chat(wire, tenant, jane)}"
    join = wire.post(
        f"{path}/join", tenant.key, {"userId": create_user(wire, tenant)["id"], "subscribeSDKClient": True}
    )
    assert join.errors == [("bad_request", "Users cannot join a personal conversation")]
    leave = wire.post(f"{path}/leave", tenant.key, {"userId": jane["id"]})
    assert leave.errors == [("bad_request", "Users cannot leave a personal conversation")]


def test_unknown_users_and_conversations_are_not_found(wire: Wire, tenant: Tenant) -> None:
    path = f"{tenant.conversations}/{create_conversation(wire, tenant, type='sdkGroup')['id']}"
    body = {"userId": new_object_id(), "subscribeSDKClient": True}
    assert wire.post(f"{path}/join", tenant.key, body).errors == [("user_not_found", "User not found")]
    assert wire.post(f"{path}/leave", tenant.key, body).errors == NOT_A_MEMBER
    assert wire.post(f"{path}/leave", tenant.key, {"participantId": new_object_id()}).errors == NOT_A_MEMBER
    missing = f"{tenant.conversations}/{new_object_id()}"
    for answer in (
        wire.post(f"{missing}/join", tenant.key, body),
        wire.get(f"{missing}/participants", tenant.key),
        wire.post(f"{missing}/leave", tenant.key, {"userId": "x"}),
    ):
        assert answer.errors == [("conversation_not_found", "Conversation not found")]


def test_body_names_exactly_a_user(wire: Wire, tenant: Tenant) -> None:
    path = f"{tenant.conversations}/{create_conversation(wire, tenant, type='sdkGroup')['id']}"
    for leaf, body in (
        ("join", {"subscribeSDKClient": True}),
        ("join", {"userId": "x"}),
        ("join", {"userId": "x", "userExternalId": "y", "subscribeSDKClient": True}),
        ("leave", {}),
        ("leave", {"userId": "x", "participantId": "y"}),
    ):
        assert wire.post(f"{path}/{leaf}", tenant.key, body).status == 400


def test_cursor_of_another_list_is_refused(wire: Wire, tenant: Tenant) -> None:
    path = f"{tenant.conversations}/{chat(wire, tenant, create_user(wire, tenant))}/participants"
    answer = wire.get(f"{path}?page[after]={new_object_id()}", tenant.key)
    assert answer.errors == [("bad_request", "Invalid page query parameters")]
