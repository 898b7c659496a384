"""Channels of people: how links end, where messages go, and whom a person turns out to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support import targets
from support.messaging import TEXT, add_device, chat, create_user, post
from support.simulator import Stage
from support.stores import STORES
from support.wire import Service, Tenant, Wire

from sunshine_keys.ids import new_object_id
from sunshine_messaging.clients.model import Device

pytestmark = pytest.mark.parametrize("service", STORES, indirect=True, scope="session")

DELIVERY = "conversation:message:delivery"
ERROR = {"code": "uncategorized_error", "message": "The line is busy"}


@pytest.fixture
def stage(wire: Wire, tenant: Tenant) -> Iterator[Stage]:
    with targets.listening() as target:
        yield Stage(wire, tenant, target)


def types(stage: Stage, count: int) -> list[str]:
    """Return the types of the events of conversations and clients in order, once there are `count` events."""
    return [event["type"] for event in [call.event for call in stage.target.wait_for(count)]]


def clients(stage: Stage, user: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = stage.send("GET", f"{stage.tenant.users}/{user['id']}/clients")["clients"]
    return listed


def members(stage: Stage, conversation: str) -> list[dict[str, Any]]:
    path = f"{stage.tenant.conversations}/{conversation}/participants"
    listed: list[dict[str, Any]] = stage.send("GET", path)["participants"]
    return listed


# Links


@pytest.mark.parametrize(
    ("outcome", "reason", "message"),
    [("linkFailed", "linkFailed", "The channel has no such person"), ("linkCancelled", "linkCancelled", "The person declined")],
)  # fmt: skip
def test_link_that_ends_removes_the_client(stage: Stage, outcome: str, reason: str, message: str) -> None:
    path, client = stage.link()
    assert stage.simulate(f"{path}/outcomes", {"outcome": outcome}) == {}
    (payload,) = stage.payloads("client:remove", 1)
    assert (payload["reason"], payload["client"]["id"]) == (reason, client)
    assert payload["error"] == {"code": "uncategorized_error", "message": message}
    assert payload["conversation"]["type"] == "personal"
    assert stage.send("GET", f"/v2/apps/{stage.tenant.app_id}/{path.rpartition('/')[0]}")["clients"] == []


def test_person_blocks_and_unblocks_a_channel(stage: Stage) -> None:
    path, _ = stage.link()
    for outcome, status in (("confirmed", "active"), ("blocked", "blocked"), ("unblocked", "active")):
        client = stage.simulate(f"{path}/outcomes", {"outcome": outcome})["client"]
        assert client["status"] == status
    updates = stage.payloads("client:update", 4)
    assert [update["reason"] for update in updates] == ["matched", "confirmed", "blocked", "unblocked"]
    assert len({update["conversation"]["id"] for update in updates}) == 1


def test_outcome_has_to_fit_the_state(stage: Stage) -> None:
    path, _ = stage.link()
    for status, outcome, hint in (
        ("pending", "blocked", "matched or confirmed or linkFailed or linkCancelled"),
        ("active", "confirmed", "blocked"),
    ):
        answer = stage.simulate(f"{path}/outcomes", {"outcome": outcome}, 400)
        assert answer["errors"][0]["title"] == f"The client is {status}: outcome should be {hint}"
        if status == "pending":
            stage.simulate(f"{path}/outcomes", {"outcome": "confirmed"})
    user = path.split("/")[1]
    stage.simulate(f"users/{user}/clients/{user}/outcomes", {"outcome": "matched"}, 404)
    jane = stage.jane()
    (sdk,) = clients(stage, jane)
    for kind, body in (("outcomes", {"outcome": "blocked"}), ("errors", ERROR)):
        answer = stage.simulate(f"users/jane/clients/{sdk['id']}/{kind}", body, 400)
        assert "of type 'sdk'" in answer["errors"][0]["title"]


def test_outcome_of_the_next_link_can_be_set(stage: Stage) -> None:
    twilio = stage.integration("twilio")
    user = create_user(stage.wire, stage.tenant)
    stage.simulate("linkOutcomes", {"integrationId": twilio, "outcome": "linkFailed", "error": ERROR})
    stage.link_user(user, twilio, "immediate", "+15550001111")
    (removed,) = stage.payloads("client:remove", 1)
    assert (removed["error"], clients(stage, user)) == (ERROR, [])
    stage.link_user(user, twilio, "immediate", "+15550001111")  # it was for one link only
    assert [client["status"] for client in clients(stage, user)] == ["active"]
    for integration, status in ((stage.tenant.integration_id, 400), (user["id"], 404)):
        stage.simulate("linkOutcomes", {"integrationId": integration, "outcome": "matched"}, status)


def test_first_message_confirms_a_link(stage: Stage) -> None:
    _path, client = stage.link(confirmation="userActivity")
    conversation = stage.payloads("client:add", 1)[0]["conversation"]["id"]
    said = stage.simulate(
        f"conversations/{conversation}/messages", {"clientId": client, "content": {"type": "text", "text": "Hi"}}
    )
    source = said["messages"][0]["source"]
    assert (source["type"], set(source)) == (
        "twilio",
        {"type", "integrationId", "originalMessageId", "originalMessageTimestamp"},
    )
    assert [update["reason"] for update in stage.payloads("client:update", 2)] == ["matched", "confirmed"]
    (participant,) = members(stage, conversation)
    assert participant["clientAssociations"] == [{"type": "twilio", "clientId": client}]
    # The channel is the one that the person uses from now on.
    said = stage.simulate(f"conversations/{conversation}/messages", {"content": {"type": "text", "text": "Hi"}})
    assert said["messages"][0]["source"]["type"] == "twilio"


def test_client_that_is_not_active_is_not_used(stage: Stage) -> None:
    _path, client = stage.link()
    conversation = stage.payloads("client:add", 1)[0]["conversation"]["id"]
    body = {"clientId": client, "content": {"type": "text", "text": "Hi"}}
    answer = stage.simulate(f"conversations/{conversation}/messages", body, 400)
    assert answer["errors"][0]["title"] == "The client is pending: nobody uses it now"
    stage.simulate(f"conversations/{conversation}/messages", body | {"clientId": conversation}, 404)


def test_address_of_an_identified_user_is_taken_from_it(stage: Stage) -> None:
    twilio, jane, joe = stage.integration("twilio"), stage.jane(), create_user(stage.wire, stage.tenant)
    _, former = stage.link_user(jane, twilio, "immediate", "+15550001111")
    stage.link_user(joe, twilio, "immediate", "+15550001111")
    (removed,) = stage.payloads("client:remove", 1)
    assert (removed["reason"], removed["user"]["id"], removed["client"]["id"]) == ("theft", jane["id"], former)
    assert removed["conversation"]["type"] == "personal"
    assert [client["type"] for client in clients(stage, jane)] == ["sdk"]
    assert [client["externalId"] for client in clients(stage, joe)] == ["+15550001111"]
    assert stage.payloads("client:update", 4)[-1]["reason"] == "confirmed"
    assert stage.target.events("user:merge") == []


def test_anonymous_user_of_the_same_address_is_merged(stage: Stage) -> None:
    twilio, jane = stage.integration("twilio"), stage.jane()
    said = stage.simulate(
        "conversations",
        {"integrationId": twilio, "address": "+15550001111", "content": {"type": "text", "text": "Hello?"}},
    )
    anonymous, conversation = said["user"]["id"], said["conversation"]["id"]
    stage.link_user(jane, twilio, "immediate", "+15550001111")
    (merged,) = stage.payloads("user:merge", 1)
    assert merged["reason"] == "channelLinking"
    assert (merged["mergedUsers"]["surviving"]["id"], merged["mergedUsers"]["discarded"]["id"]) == (
        jane["id"],
        anonymous,
    )
    assert merged["mergedConversations"]["discarded"]["id"] == conversation
    stage.send("GET", f"{stage.tenant.users}/{anonymous}", status=404)
    messages = stage.send(
        "GET", f"{stage.tenant.conversations}/{merged['mergedConversations']['surviving']['id']}/messages"
    )
    (message,) = messages["messages"]
    assert (message["content"]["text"], message["author"]["userId"]) == ("Hello?", jane["id"])
    assert stage.payloads("client:update", 2)[-1]["reason"] == "confirmed"


def test_writer_on_a_channel_is_found_by_the_address(stage: Stage) -> None:
    telegram = stage.integration("telegram")
    hello = {"integrationId": telegram, "address": "jane_doe", "content": {"type": "text", "text": "Hello?"}}
    first = stage.simulate("conversations", hello)
    second = stage.simulate("conversations", hello)
    assert first["user"] == second["user"]
    assert (first["conversation"]["isDefault"], second["conversation"]["isDefault"]) == (True, False)
    created = stage.payloads("conversation:create", 2)
    assert [(payload["creationReason"], payload["source"]["type"]) for payload in created] == [
        ("message", "telegram")
    ] * 2
    other = create_user(stage.wire, stage.tenant)
    answer = stage.simulate("conversations", hello | {"userId": other["id"]}, 400)
    assert answer["errors"][0]["title"].startswith("address should be an address of the user")
    stage.simulate("conversations", {"integrationId": stage.tenant.integration_id}, 400)
    stage.simulate("conversations", {"integrationId": other["id"]}, 404)


# Messages


def test_message_is_delivered_to_the_channel_used_last(stage: Stage) -> None:
    conversation = stage.write_on("whatsapp")
    message = post(stage.wire, stage.tenant, conversation, TEXT)
    (to_channel,) = stage.payloads(f"{DELIVERY}:channel", 1)
    (to_user,) = stage.payloads(f"{DELIVERY}:user", 1)
    assert to_channel == to_user
    assert (to_channel["message"], to_channel["isFinalEvent"]) == ({"id": message["id"]}, True)
    # With an SDK client in the first place, nothing of a delivery is heard.
    other = create_user(stage.wire, stage.tenant)
    started = stage.simulate("conversations", {"userId": other["id"]})["conversation"]["id"]
    post(stage.wire, stage.tenant, started, TEXT)
    post(stage.wire, stage.tenant, conversation, TEXT)
    stage.payloads(f"{DELIVERY}:user", 2)
    assert len(stage.target.events(f"{DELIVERY}:channel")) == 2


def test_destination_decides_where_a_message_goes(stage: Stage) -> None:
    conversation = stage.write_on("telegram")
    user = members(stage, conversation)[0]["userId"]
    line = stage.integration("line")
    stage.simulate("conversations", {"userId": user, "integrationId": line})
    post(stage.wire, stage.tenant, conversation, TEXT | {"destination": {"integrationType": "none"}})
    post(stage.wire, stage.tenant, conversation, TEXT | {"destination": {"integrationId": line}})
    post(stage.wire, stage.tenant, conversation, TEXT)
    heard = stage.payloads(f"{DELIVERY}:channel", 2)
    assert [payload["destination"]["type"] for payload in heard] == ["line", "telegram"]
    assert stage.target.events(f"{DELIVERY}:user") == []  # neither channel reports that


def test_next_message_fails_as_set(stage: Stage) -> None:
    conversation = stage.write_on("twilio")
    user = members(stage, conversation)[0]["userId"]
    (client,) = clients(stage, {"id": user})
    error = ERROR | {"underlyingError": {"status": 503}}
    stage.simulate(f"users/{user}/clients/{client['id']}/errors", error)
    failed = post(stage.wire, stage.tenant, conversation, TEXT)
    arrived = post(stage.wire, stage.tenant, conversation, TEXT)
    (failure,) = stage.payloads(f"{DELIVERY}:failure", 1)
    assert (failure["message"]["id"], failure["error"]) == (failed["id"], error)
    assert "externalMessages" not in failure
    assert stage.payloads(f"{DELIVERY}:channel", 1)[0]["message"]["id"] == arrived["id"]


def test_form_with_a_text_arrives_where_forms_are_unknown(stage: Stage) -> None:
    conversation = stage.write_on("telegram")
    form = {"type": "form", "fields": [{"type": "text", "name": "name", "label": "Your name"}]}
    post(stage.wire, stage.tenant, conversation, TEXT | {"content": form | {"text": "What is your name?"}})
    stage.payloads(f"{DELIVERY}:channel", 1)
    post(stage.wire, stage.tenant, conversation, TEXT | {"content": form})
    assert stage.payloads(f"{DELIVERY}:failure", 1)[0]["error"]["message"] == "Unsupported message type `form`"


def test_message_to_a_blocked_channel_fails(stage: Stage) -> None:
    conversation = stage.write_on("telegram")
    user = members(stage, conversation)[0]["userId"]
    (client,) = clients(stage, {"id": user})
    stage.simulate(f"users/{user}/clients/{client['id']}/outcomes", {"outcome": "blocked"})
    post(stage.wire, stage.tenant, conversation, TEXT)
    assert stage.payloads(f"{DELIVERY}:failure", 1)[0]["error"]["message"] == "The client is blocked"


def test_source_has_the_client_and_the_device_only_if_the_webhook_wants_them(stage: Stage) -> None:
    hello = {"integrationId": stage.integration("telegram"), "content": {"type": "text", "text": "Hello?"}}
    stage.simulate("conversations", hello)
    (short,) = stage.payloads("conversation:create", 1)
    assert set(short["source"]) == {"type", "integrationId"}
    stage.hear(includeFullSource=True, includeFullUser=True)
    started = stage.simulate("conversations", hello)
    full = stage.payloads("conversation:create", 2)[1]
    (client,) = clients(stage, started["user"])
    assert full["source"] == short["source"] | {"client": client}
    message = stage.payloads("conversation:message", 2)[1]["message"]
    assert message["source"]["client"] == client
    assert "client" not in started["messages"][0]["source"]
    assert set(message["author"]["user"]) >= {"signedUpAt", "profile", "metadata", "identities"}


def test_source_of_an_sdk_has_its_device(stage: Stage, service: Service) -> None:
    stage.hear(includeFullSource=True)
    started = stage.simulate("conversations", {})
    user, conversation = started["user"], started["conversation"]["id"]
    (client,) = clients(stage, user)
    device = Device(
        new_object_id(), user["id"], client["id"], "web", "guid", "active", stage.tenant.web_id, "2020-05-21T15:53:30.197Z"
    )  # fmt: skip
    add_device(service.place, device)
    stage.simulate(f"conversations/{conversation}/activities", {"type": "conversation:read"})
    (read,) = stage.payloads("conversation:read", 1)
    source = read["activity"]["source"]
    assert (source["type"], source["integrationId"]) == ("web", stage.tenant.web_id)
    assert (source["client"]["id"], source["device"]["id"], source["device"]["guid"]) == (
        client["id"],
        device.id,
        "guid",
    )


# Logins


def test_login_identifies_a_person(stage: Stage) -> None:
    started = stage.simulate("conversations", {})
    user, conversation = started["user"]["id"], started["conversation"]["id"]
    login = {"externalId": "jane", "email": "jane@example.com"}
    answer = stage.simulate(f"users/{user}/login", login)
    assert answer == {"user": answer["user"]}
    assert (answer["user"]["id"], answer["user"]["externalId"]) == (user, "jane")
    assert answer["user"]["identities"] == [{"type": "email", "value": "jane@example.com", "verification": "sso"}]
    stage.simulate(f"users/{user}/login", login)  # changes nothing
    (updated,) = stage.payloads("user:update", 1)
    assert (updated["reason"], updated["user"]["authenticated"], updated["source"]["type"]) == (
        "authentication",
        True,
        "web",
    )
    assert members(stage, conversation)[0]["userExternalId"] == "jane"
    assert stage.send("GET", f"{stage.tenant.users}/jane")["user"] == answer["user"]
    listed = stage.send("GET", f"{stage.tenant.users}?filter[identities.email]=jane@example.com")["users"]
    assert [listed_user["id"] for listed_user in listed] == [user]
    answer = stage.simulate("users/jane/login", {"externalId": "joe"}, 400)
    assert answer["errors"][0]["title"] == "externalId should be jane: the user has this external id already"
    stage.simulate("users/nobody/login", login, 404)
    stage.send("PATCH", f"{stage.tenant.users}/jane", {"profile": {"surname": "Doe"}})
    post(stage.wire, stage.tenant, conversation, TEXT)
    stage.payloads("conversation:message", 1)
    assert len(stage.target.events("user:update")) == 1  # a program's update is no cause


def test_login_as_a_known_user_merges_both(stage: Stage) -> None:
    jane = create_user(
        stage.wire, stage.tenant, externalId="jane", profile={"givenName": "Jane", "surname": "Doe"},
        metadata={"a": 1, "long": "x" * 3000},
    )  # fmt: skip
    known = stage.simulate("conversations", {"userId": jane["id"]})["conversation"]["id"]
    for number in (1, 3):
        stage.simulate(f"conversations/{known}/messages", {"content": {"type": "text", "text": f"{number}"}})
        if number == 1:
            started = stage.simulate(
                "conversations", {"content": {"type": "text", "text": "2"}, "profile": {"givenName": "J."}}
            )
    user, fresh = started["user"]["id"], started["conversation"]["id"]
    stage.send("PATCH", f"{stage.tenant.users}/{user}", {"metadata": {"a": 2, "surplus": "y" * 2000}})
    group = chat(stage.wire, stage.tenant, {"id": user}, create_user(stage.wire, stage.tenant))
    post(stage.wire, stage.tenant, fresh, TEXT)  # nobody has read it
    later = stage.simulate("conversations", {"userId": user})["conversation"]["id"]

    answer = stage.simulate(f"users/{user}/login", {"externalId": "jane"})
    assert answer["user"]["id"] == jane["id"]
    assert answer["user"]["profile"] == {"givenName": "J.", "surname": "Doe"}
    assert answer["user"]["metadata"] == {"a": 2, "long": "x" * 3000}
    assert answer["mergedConversations"] == {"surviving": known, "discarded": fresh}
    (merged,) = stage.payloads("user:merge", 1)
    assert (merged["reason"], merged["discardedMetadata"]) == ("sdkLogin", {"surplus": "y" * 2000})
    assert merged["mergedUsers"]["discarded"]["id"] == user
    assert {place: conversation["id"] for place, conversation in merged["mergedConversations"].items()} == {
        "surviving": known, "discarded": fresh,
    }  # fmt: skip
    assert {client["type"] for client in merged["mergedClients"].values()} == {"sdk"}
    assert stage.payloads("user:update", 1)[0]["user"]["authenticated"]
    assert stage.target.events("client:add") == []

    messages = stage.send("GET", f"{stage.tenant.conversations}/{known}/messages")["messages"]
    assert [message["content"]["text"] for message in messages] == ["1", "2", "3", "Hello!"]
    assert {message["author"].get("userId") for message in messages} == {jane["id"], None}
    assert len({message["id"] for message in messages}) == 4
    (member,) = members(stage, known)
    assert (member["userId"], member["unreadCount"], len(member["clientAssociations"])) == (jane["id"], 1, 1)
    assert jane["id"] in {participant["userId"] for participant in members(stage, group)}
    listed = stage.send("GET", f"{stage.tenant.conversations}?filter[userExternalId]=jane")["conversations"]
    assert {conversation["id"] for conversation in listed} == {known, group, later}
    for path in (f"{stage.tenant.users}/{user}", f"{stage.tenant.conversations}/{fresh}"):
        stage.send("GET", path, status=404)


def test_client_of_the_first_login_is_new(stage: Stage) -> None:
    create_user(stage.wire, stage.tenant, externalId="jane")
    user = stage.simulate("conversations", {})["user"]["id"]
    stage.simulate(f"users/{user}/login", {"externalId": "jane"})
    (added,) = stage.payloads("client:add", 1)
    assert (added["reason"], added["client"]["type"], "conversation" in added) == ("sdkLogin", "sdk", False)
    assert added["user"]["externalId"] == "jane"


def test_language_of_the_device_updates_the_user(stage: Stage) -> None:
    user = stage.simulate("conversations", {"locale": "fr-CA"})["user"]
    assert user["profile"] == {"locale": "fr-CA"}
    stage.simulate("conversations", {"userId": user["id"], "locale": "fr-CA"})
    stage.payloads("conversation:create", 2)
    (updated,) = stage.payloads("user:update", 1)
    assert updated["reason"] == "localeDetection"
