"""The operations on clients and devices, references to messages, and conversion events."""

from __future__ import annotations

from typing import Any

import pytest
from support.messaging import TEXT as HELLO
from support.messaging import add_device, chat, create_conversation, create_user, post
from support.wire import Service, Tenant, Wire

from sunshine_keys.ids import new_object_id
from sunshine_messaging.clients.model import Device


@pytest.fixture
def jane(wire: Wire, tenant: Tenant) -> dict[str, Any]:
    return create_user(wire, tenant, externalId="jane")


@pytest.fixture
def whatsapp(wire: Wire, tenant: Tenant) -> str:
    """The id of an integration of type whatsapp."""
    created = wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "whatsapp"})
    return str(created.json["integration"]["id"])


def link(whatsapp: str, conversation_id: str, confirmation: str = "immediate", **criteria: Any) -> dict[str, Any]:
    return {
        "matchCriteria": {"type": "whatsapp", "integrationId": whatsapp, "phoneNumber": "+1 555-000 1234", **criteria},
        "confirmation": {"type": confirmation},
        "target": {"conversationId": conversation_id},
    }


def test_the_life_of_a_client(wire: Wire, tenant: Tenant, jane: dict[str, Any], whatsapp: str) -> None:
    conversation_id = chat(wire, tenant, jane)
    path, members = f"{tenant.users}/jane/clients", f"{tenant.conversations}/{conversation_id}/participants"
    created = wire.post(path, tenant.key, link(whatsapp, conversation_id))
    assert created.status == 201
    client = created.json["client"]
    assert client == {"id": client["id"], "type": "whatsapp", "status": "pending", "integrationId": whatsapp}
    (active,) = wire.get(path, tenant.key).json["clients"]
    assert active == client | {
        "status": "active", "externalId": "+15550001234", "linkedAt": active["linkedAt"], "lastSeen": active["linkedAt"],
        "displayName": "+15550001234", "info": {"phoneNumber": "+15550001234"},
    }  # fmt: skip
    (participant,) = wire.get(members, tenant.key).json["participants"]
    assert participant["clientAssociations"] == [{"type": "whatsapp", "clientId": client["id"]}]

    repeated = wire.post(path, tenant.key, link(whatsapp, conversation_id, phoneNumber="+15550001234"))
    assert (repeated.status, repeated.json["client"]) == (201, active)
    for destination in ({"integrationId": whatsapp}, {"integrationType": "whatsapp"}):
        post(wire, tenant, conversation_id, HELLO | {"destination": destination})

    assert wire.delete(f"{path}/{client['id']}", tenant.key).json == {}
    assert wire.get(path, tenant.key).json["clients"] == []
    (participant,) = wire.get(members, tenant.key).json["participants"]
    assert participant["clientAssociations"] == []
    for name in (client["id"], new_object_id(), "x"):
        answer = wire.delete(f"{path}/{name}", tenant.key)
        assert answer.errors == [("client_not_found", "Client not found")]


@pytest.mark.parametrize("confirmation", ["userActivity", "prompt"])
def test_other_confirmations_leave_the_client_pending(
    wire: Wire, tenant: Tenant, jane: dict[str, Any], whatsapp: str, confirmation: str
) -> None:
    path = f"{tenant.users}/{jane['id']}/clients"
    wire.post(path, tenant.key, link(whatsapp, chat(wire, tenant, jane), confirmation))
    assert [client["status"] for client in wire.get(path, tenant.key).json["clients"]] == ["pending"]


def test_sdk_client_cannot_be_removed(wire: Wire, tenant: Tenant, jane: dict[str, Any]) -> None:
    member = {"userId": jane["id"], "subscribeSDKClient": True}
    create_conversation(wire, tenant, type="sdkGroup", participants=[member])
    path = f"{tenant.users}/jane/clients"
    (client,) = wire.get(path, tenant.key).json["clients"]
    assert (client["type"], client["status"]) == ("sdk", "active")
    answer = wire.delete(f"{path}/{client['id']}", tenant.key)
    assert answer.errors == [("bad_request", "Cannot remove a client of type 'sdk'")]


def test_what_a_link_names_exists(
    wire: Wire, tenant: Tenant, other: Tenant, jane: dict[str, Any], whatsapp: str
) -> None:
    conversation_id = chat(wire, tenant, jane)
    foreign = wire.post(f"{other.app}/integrations", other.app_key, {"type": "whatsapp"}).json["integration"]["id"]
    alien = chat(wire, tenant, create_user(wire, tenant))
    for user, body, status, title in (
        ("nobody", link(whatsapp, conversation_id), 404, "User not found"),
        ("jane", link(foreign, conversation_id), 404, "Integration not found"),
        ("jane", link(whatsapp, new_object_id()), 404, "Conversation not found"),
        ("jane", link(whatsapp, alien), 404, "User is not a member of the conversation"),
        ("jane", link(tenant.web_id, conversation_id), 400, "matchCriteria.integrationId should be an integration of type whatsapp"),
        ("jane", link(whatsapp, conversation_id, phoneNumber="me"), 400, "matchCriteria.phoneNumber should be a plus sign and digits"),
        ("jane", link(whatsapp, conversation_id, type="line"), 400, "matchCriteria.type should be equal to one of the allowed values"),
    ):  # fmt: skip
        answer = wire.post(f"{tenant.users}/{user}/clients", tenant.key, body)
        assert (answer.status, [title for _, title in answer.errors]) == (status, [title])
    assert wire.get(f"{tenant.users}/jane/clients", tenant.key).json["clients"] == []


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ({"type": "file", "mediaUrl": "https://example.com/a"}, "confirmation.message.content should be of type text or image"),
        (
            {"type": "text", "text": "a", "actions": [{"type": "reply", "text": "b", "payload": "c"}]},
            "confirmation.message.content.actions should be of type link",
        ),
        ({"type": "text", "text": " "}, "content.text should NOT be blank"),
    ],
)  # fmt: skip
def test_invalid_confirmation_message_is_refused(
    wire: Wire, tenant: Tenant, jane: dict[str, Any], whatsapp: str, content: Any, title: str
) -> None:
    body = link(whatsapp, chat(wire, tenant, jane))
    body["confirmation"]["message"] = {"author": {"type": "business"}, "content": content}
    assert wire.post(f"{tenant.users}/jane/clients", tenant.key, body).errors == [("bad_request", title)]


def test_list_of_clients_is_paged(wire: Wire, tenant: Tenant, jane: dict[str, Any], whatsapp: str) -> None:
    path, conversation_id = f"{tenant.users}/jane/clients", chat(wire, tenant, jane)
    ids = [
        wire.post(path, tenant.key, link(whatsapp, conversation_id, phoneNumber=f"+1555000{number}")).json["client"][
            "id"
        ]
        for number in range(3)
    ]
    page = wire.get(f"{path}?page[size]=2", tenant.key).json
    assert ([client["id"] for client in page["clients"]], page["meta"]["hasMore"]) == (ids[:2], True)
    rest = wire.get(page["links"]["next"].removeprefix(wire.url), tenant.key).json
    assert [client["id"] for client in rest["clients"]] == ids[2:]
    answer = wire.get(f"{path}?page[after]={new_object_id()}", tenant.key)
    assert answer.errors == [("bad_request", "Invalid page query parameters")]


def test_devices_are_listed_from_the_one_seen_last(
    wire: Wire, tenant: Tenant, service: Service, jane: dict[str, Any]
) -> None:
    path = f"{tenant.users}/jane/devices"
    assert wire.get(path, tenant.key).json == {"devices": []}
    devices = [
        Device(
            new_object_id(),
            jane["id"],
            "c",
            "web",
            f"guid-{year}",
            "active",
            tenant.web_id,
            f"{year}-01-01T00:00:00.000Z",
        )
        for year in (2020, 2022, 2021)
    ]
    for device in devices:
        add_device(service.place, device)
    shown = wire.get(path, tenant.key).json["devices"]
    assert [device["guid"] for device in shown] == ["guid-2022", "guid-2021", "guid-2020"]
    assert wire.get(f"{path}/{shown[0]['id']}", tenant.key).json == {"device": shown[0]}
    other_user = create_user(wire, tenant)["id"]
    for missing in (f"{path}/{new_object_id()}", f"{tenant.users}/{other_user}/devices/{shown[0]['id']}"):
        assert wire.get(missing, tenant.key).errors == [("device_not_found", "Device not found")]
    for leaf in ("clients", "devices", "devices/x"):
        assert wire.get(f"{tenant.users}/nobody/{leaf}", tenant.key).errors == [("user_not_found", "User not found")]


def test_conversion_events_are_counted(wire: Wire, tenant: Tenant, jane: dict[str, Any]) -> None:
    path = f"{tenant.conversations}/{chat(wire, tenant, jane)}/conversionEvents"
    event = {"payload": {"data": [{"event_name": "Purchase"}, {}]}}
    answers = [wire.post(path, tenant.key, {channel: event}) for channel in ("messenger", "instagram", "whatsapp")]
    assert [answer.json["conversionEvents"]["eventsReceived"] for answer in answers] == [2, 2, 2]
    assert len({answer.json["conversionEvents"]["datasetId"] for answer in answers}) == 1
    for body in ({}, {"line": event}, {"messenger": event, "whatsapp": event}, {"whatsapp": {"payload": {}}}):
        assert wire.post(path, tenant.key, body).status == 400
    missing = f"{tenant.conversations}/{new_object_id()}/conversionEvents"
    assert wire.post(missing, tenant.key, {"whatsapp": event}).errors == [
        ("conversation_not_found", "Conversation not found")
    ]


def test_reference_needs_apple_a_user_and_a_conversation(wire: Wire, tenant: Tenant, jane: dict[str, Any]) -> None:
    conversation_id = chat(wire, tenant, jane)
    apple = {"interactiveDataRef": dict.fromkeys(("url", "bid", "key", "signature", "owner"), "x")}
    path = f"{tenant.conversations}/{conversation_id}/download"
    assert wire.post(path, tenant.key, {"userId": jane["id"], "apple": apple}).json == {}
    assert wire.post(path, tenant.key, {"userId": jane["id"]}).status == 400
    unknown = wire.post(path, tenant.key, {"userId": new_object_id(), "apple": apple})
    assert unknown.errors == [("user_not_found", "User not found")]
    missing = f"{tenant.conversations}/{new_object_id()}/download"
    assert wire.post(missing, tenant.key, {"userId": jane["id"], "apple": apple}).status == 404
