"""The events that webhooks hear of, and their payloads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import targets
from support.messaging import TEXT, chat, create_switchboard, create_user, post
from support.targets import Target
from support.waiting import wait_until
from support.wire import Key, Tenant, Wire

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import webhooks
from sunshine_keys.webhooks.model import TRIGGERS


def hear(wire: Wire, tenant: Tenant, target: Target, **fields: Any) -> dict[str, Any]:
    """Let the tenant's webhook call the target for every event. Return the webhook."""
    (webhook,) = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"]
    change = {"target": target.url, "triggers": list(TRIGGERS)} | fields
    changed: dict[str, Any] = wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key, change).json["webhook"]
    return changed


@pytest.fixture
def webhook(wire: Wire, tenant: Tenant, target: Target) -> dict[str, Any]:
    return hear(wire, tenant, target)


def test_call_has_the_secret_and_one_event(wire: Wire, tenant: Tenant, target: Target, webhook: dict[str, Any]) -> None:
    jane = create_user(wire, tenant, externalId="jane")
    conversation = chat(wire, tenant, jane)
    message = post(wire, tenant, conversation, TEXT)
    created, posted = target.wait_for(2)
    for call in (created, posted):
        assert call.headers["X-API-Key"] == webhook["secret"]
        assert call.headers["Content-Type"] == "application/json"
        assert "Authorization" not in call.headers
        assert call.body["app"] == {"id": tenant.app_id}
        assert call.body["webhook"] == {"id": webhook["id"], "version": "v2"}
        assert list(call.event) == ["id", "createdAt", "type", "payload"]
    user = {"id": jane["id"], "externalId": "jane", "authenticated": False}
    truncated = {"id": conversation, "type": "personal"}
    source = {"type": "api:conversations"}
    assert (created.event["type"], created.event["payload"]) == (
        "conversation:create",
        {"conversation": truncated, "creationReason": "none", "source": source, "user": user},
    )
    assert (posted.event["type"], posted.event["payload"]) == (
        "conversation:message",
        {"conversation": truncated, "message": message},
    )
    assert created.event["id"] != posted.event["id"]


def test_author_of_a_user_is_short_or_full(wire: Wire, tenant: Tenant, target: Target, webhook: dict[str, Any]) -> None:
    jane = create_user(wire, tenant, externalId="jane", profile={"givenName": "Jane"}, metadata={"a": 1})
    conversation = chat(wire, tenant, jane)
    body = TEXT | {"author": {"type": "user", "userId": jane["id"]}}
    message = post(wire, tenant, conversation, body)
    target.wait_for(2)
    short = {"id": jane["id"], "externalId": "jane", "authenticated": False}
    (heard,) = target.events("conversation:message")
    assert heard["payload"]["message"] == message | {"author": message["author"] | {"user": short}}

    hear(wire, tenant, target, includeFullUser=True)
    post(wire, tenant, conversation, body)
    target.wait_for(3)
    full = {name: value for name, value in jane.items() if name != "hasPaymentInfo"} | {"authenticated": False}
    assert target.events("conversation:message")[1]["payload"]["message"]["author"]["user"] == full


def test_every_change_raises_its_event(wire: Wire, tenant: Tenant, target: Target, webhook: dict[str, Any]) -> None:
    auth = tenant.key
    jane, joe = create_user(wire, tenant, externalId="jane"), create_user(wire, tenant)
    group = f"{tenant.conversations}/{chat(wire, tenant, jane, create_user(wire, tenant))}"
    joins = {"userId": joe["id"], "subscribeSDKClient": False}
    for _ in range(2):  # a member stays as it is
        assert wire.post(f"{group}/join", auth, joins).status == 201
    read = {"author": {"type": "user", "userId": jane["id"]}, "type": "conversation:read"}
    assert wire.post(f"{group}/activity", auth, read).status == 200
    assert wire.post(f"{group}/activity", auth, {"author": {"type": "business"}, "type": "typing:start"}).status == 200
    assert wire.post(f"{group}/leave", auth, {"userId": joe["id"]}).status == 200
    assert wire.post(f"{group}/leave", auth, {"userId": joe["id"]}).status == 404
    whatsapp = wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "whatsapp"}).json["integration"]["id"]
    link = {
        "matchCriteria": {"type": "whatsapp", "integrationId": whatsapp, "phoneNumber": "+15550009999"},
        "confirmation": {"type": "immediate"},
        "target": {"conversationId": group.rpartition("/")[2]},
    }
    client = wire.post(f"{tenant.users}/jane/clients", auth, link).json["client"]
    assert wire.delete(f"{tenant.users}/jane/clients/{client['id']}", auth).status == 200
    assert wire.delete(group, auth).status == 200
    assert wire.delete(f"{tenant.users}/jane", auth).status == 200
    expected = [
        "conversation:create", "conversation:join", "conversation:read", "conversation:leave", "client:add", "client:update",
        "client:update", "client:remove", "conversation:remove", "user:remove",
    ]  # fmt: skip
    calls = target.wait_for(len(expected))
    assert sorted(call.event["type"] for call in calls) == sorted(expected)
    heard = [event["type"] for event in target.events() if "conversation" in event["payload"]]
    assert heard == [type for type in expected if type not in ("client:remove", "user:remove")]

    (left,) = target.events("conversation:leave")
    assert left["payload"]["user"] == {"id": joe["id"], "authenticated": False}
    (added,) = target.events("client:add")
    assert (added["payload"]["reason"], added["payload"]["client"]["status"]) == ("channelLinking", "pending")
    updates = target.events("client:update")
    assert [(event["payload"]["reason"], event["payload"]["client"]["status"]) for event in updates] == [
        ("matched", "pending"), ("confirmed", "active"),
    ]  # fmt: skip
    (removed,) = target.events("client:remove")
    assert (removed["payload"]["reason"], removed["payload"]["client"]["id"]) == ("api", client["id"])
    (read_event,) = target.events("conversation:read")
    short = {"id": jane["id"], "externalId": "jane", "authenticated": False}
    assert read_event["payload"]["activity"] == {
        "type": "conversation:read",
        "source": {"type": "api:conversations"},
        "author": {"type": "user", "userId": jane["id"], "user": short},
    }
    for call in calls:  # the client decodes each into its model
        (event,) = webhooks.parse(call.headers, json.dumps(call.body), webhook["secret"]).events
        assert type(event) is not sunshine.EventSubSchema


def test_webhook_hears_only_its_triggers(wire: Wire, tenant: Tenant, target: Target, webhook: dict[str, Any]) -> None:
    hear(wire, tenant, target, triggers=["conversation:remove"])
    conversation = chat(wire, tenant, create_user(wire, tenant), create_user(wire, tenant))
    post(wire, tenant, conversation, TEXT)
    assert wire.delete(f"{tenant.conversations}/{conversation}", tenant.key).status == 200
    target.wait_for(1)
    assert [event["type"] for event in target.events()] == ["conversation:remove"]


def test_refused_change_raises_no_event(wire: Wire, tenant: Tenant, target: Target, webhook: dict[str, Any]) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    stranger = create_user(wire, tenant)
    body = TEXT | {"author": {"type": "user", "userId": stranger["id"]}}
    path = f"{tenant.conversations}/{conversation}"
    assert wire.post(f"{path}/messages", tenant.key, body).status == 404
    assert wire.delete(path, tenant.key).status == 400
    key = {"Idempotency-Key": "x"}
    for _ in range(2):
        assert wire.send("POST", f"{path}/messages", tenant.key, body=TEXT, headers=key).status == 201
    post(wire, tenant, conversation, TEXT)
    target.wait_for(3)
    assert [event["type"] for event in target.events()] == ["conversation:create", *["conversation:message"] * 2]


def test_other_apps_hear_nothing(
    wire: Wire, tenant: Tenant, other: Tenant, target: Target, webhook: dict[str, Any]
) -> None:
    conversation = chat(wire, other, create_user(wire, other))
    post(wire, other, conversation, TEXT)
    mine = chat(wire, tenant, create_user(wire, tenant))
    target.wait_for(1)
    assert [event["payload"]["conversation"]["id"] for event in target.events()] == [mine]


def test_new_target_gets_a_head(wire: Wire, tenant: Tenant, target: Target) -> None:
    hear(wire, tenant, target)
    wait_until(lambda: target.heads == 1)
    target.answer = lambda call: 500
    webhook = {"target": target.url, "triggers": ["conversation:message"]}
    custom = {"type": "custom", "displayName": "Mine", "webhooks": [webhook]}
    assert wire.post(f"{tenant.app}/integrations", tenant.app_key, custom).status == 201
    wait_until(lambda: target.heads == 2)
    assert wire.post(tenant.webhooks, tenant.app_key, webhook).status == 201
    wait_until(lambda: target.heads == 3)
    assert target.calls == []


class Party:
    """An entry of a switchboard whose webhook hears every event at a target of its own."""

    def __init__(self, wire: Wire, tenant: Tenant, entry: dict[str, Any], target: Target) -> None:
        self.entry, self.target = entry, target
        webhooks = f"{tenant.app}/integrations/{entry['integrationId']}/webhooks"
        (webhook,) = wire.get(webhooks, tenant.app_key).json["webhooks"]
        body = {"target": target.url, "triggers": list(TRIGGERS)}
        assert wire.patch(f"{webhooks}/{webhook['id']}", tenant.app_key, body).status == 200

    def heard(self, count: int) -> list[str]:
        """Return the types of the events of conversations, in their order, once there are `count` events."""
        self.target.wait_for(count)
        return [event["type"] for event in self.target.events() if not event["type"].startswith("user:")]

    def payload(self, type: str) -> dict[str, Any]:
        """Return the payload of the only event of a type."""
        (event,) = self.target.events(type)
        payload: dict[str, Any] = event["payload"]
        return payload

    @property
    def short(self) -> dict[str, Any]:
        return {name: self.entry[name] for name in ("id", "name", "integrationId", "integrationType")}


def test_events_of_control_reach_the_parties(wire: Wire, tenant: Tenant) -> None:
    entries = create_switchboard(wire, tenant, deliverStandbyEvents=False)
    with targets.listening() as first, targets.listening() as second, targets.listening() as third:
        places = zip(entries, (first, second, third), strict=True)
        bot, human, other = (Party(wire, tenant, entry, target) for entry, target in places)
        conversation = chat(wire, tenant, create_user(wire, tenant, externalId="jane"))

        def act(action: str, status: int = 200, **body: Any) -> None:
            path = f"{tenant.conversations}/{conversation}/{action}Control"
            assert wire.post(path, tenant.app_key, body).status == status

        post(wire, tenant, conversation, TEXT)
        act("offer", switchboardIntegration="human", metadata={"a": 1})
        act("offer", 400, switchboardIntegration="bot", metadata={"b": 2})
        post(wire, tenant, conversation, TEXT)
        act("accept")
        act("accept", 400)
        act("pass", 400, switchboardIntegration="nobody")
        act("pass", switchboardIntegration="other", metadata={"c": 3}, reason="ticketClosed")
        act("pass", switchboardIntegration="other")  # changes nothing
        act("release")
        act("release")  # changes nothing
        post(wire, tenant, conversation, TEXT)
        assert wire.delete(f"{tenant.users}/jane", tenant.app_key).status == 200

        # The bot wants events on standby, the others do not.
        assert bot.heard(10) == [
            "conversation:create", "conversation:message", "switchboard:offerControl", "switchboard:offerControl:failure",
            "conversation:message", "switchboard:acceptControl", "switchboard:passControl", "switchboard:releaseControl",
            "conversation:message",
        ]  # fmt: skip
        assert human.heard(7) == [
            "switchboard:offerControl", "conversation:message", "switchboard:acceptControl",
            "switchboard:acceptControl:failure", "switchboard:passControl:failure", "switchboard:passControl",
        ]  # fmt: skip
        assert other.heard(3) == ["switchboard:passControl", "switchboard:releaseControl"]

        shown = {"id": conversation, "type": "personal"}
        by_bot = shown | {"activeSwitchboardIntegration": bot.short}
        offered = by_bot | {"pendingSwitchboardIntegration": human.short}
        by_human = shown | {"activeSwitchboardIntegration": human.short}
        assert bot.payload("conversation:create")["conversation"] == by_bot
        assert bot.payload("switchboard:offerControl") == {"conversation": offered, "metadata": {"a": 1}}
        assert human.payload("conversation:message")["conversation"] == offered
        assert human.payload("switchboard:acceptControl") == {"conversation": by_human}
        passed = {"conversation": shown | {"activeSwitchboardIntegration": other.short}, "metadata": {"c": 3}}
        assert other.payload("switchboard:passControl") == passed
        assert other.payload("switchboard:releaseControl") == {"conversation": shown}
        for party, action, code, message, fields in (
            (
                bot, "offerControl", "switchboard_invalid_target",
                "Cannot offer control to the active switchboard integration.", {"conversation": offered, "metadata": {"b": 2}},
            ),
            (human, "passControl", "switchboard_invalid_target", "Switchboard invalid target", {"conversation": by_human}),
            (human, "acceptControl", "switchboard_invalid_action", "There is no pendingSwitchboardIntegration", {"conversation": by_human}),
        ):  # fmt: skip
            error = {"code": code, "message": message}
            assert party.payload(f"switchboard:{action}:failure") == {"error": error} | fields
        for call in [
            call for party in (bot, human, other) for call in party.target.calls
        ]:  # the client has a model of each
            (event,) = webhooks.parse(call.headers, json.dumps(call.body), call.headers["X-API-Key"]).events
            assert type(event) is not sunshine.EventSubSchema


def test_everybody_hears_everything_of_a_disabled_switchboard(wire: Wire, tenant: Tenant, target: Target) -> None:
    _, human, _ = create_switchboard(wire, tenant, deliverStandbyEvents=False)
    party = Party(wire, tenant, human, target)
    jane = create_user(wire, tenant)
    chat(wire, tenant, jane)
    (switchboard,) = wire.get(f"{tenant.app}/switchboards", tenant.app_key).json["switchboards"]
    path = f"{tenant.app}/switchboards/{switchboard['id']}"
    assert wire.patch(path, tenant.app_key, {"enabled": False}).status == 200
    conversation = chat(wire, tenant, jane)
    party.target.wait_for(1)
    created = party.payload("conversation:create")["conversation"]
    assert created == {"id": conversation, "type": "personal"}


def test_message_of_a_user_shows_the_default_in_control(wire: Wire, tenant: Tenant, target: Target) -> None:
    bot = Party(wire, tenant, create_switchboard(wire, tenant)[0], target)
    jane = create_user(wire, tenant)
    conversation = chat(wire, tenant, jane)
    released = wire.send("POST", f"{tenant.conversations}/{conversation}/releaseControl", tenant.app_key)
    assert released.status == 200
    post(wire, tenant, conversation, TEXT | {"author": {"type": "user", "userId": jane["id"]}})
    assert bot.heard(3) == ["conversation:create", "switchboard:releaseControl", "conversation:message"]
    assert bot.payload("conversation:message")["conversation"]["activeSwitchboardIntegration"] == bot.short


def test_shorthand_passes_control_after_the_message(wire: Wire, tenant: Tenant, target: Target) -> None:
    bot, human, _ = create_switchboard(wire, tenant)
    party = Party(wire, tenant, bot, target)
    conversation = chat(wire, tenant, create_user(wire, tenant))

    def say(text: str, auth: Key) -> list[str]:
        body = TEXT | {"content": {"type": "text", "text": text}}
        answer = wire.post(f"{tenant.conversations}/{conversation}/messages", auth, body)
        assert answer.status == 201, answer
        return [message["content"]["text"] for message in answer.json["messages"]]

    assert say("I call somebody.%((switchboard:passControl:human))%", tenant.app_key) == ["I call somebody."]
    assert say("%((switchboard:passControl:bot))%", tenant.app_key) == []
    assert say("%((switchboard:passControl:nobody))%", tenant.app_key) == []
    assert say("Bye. %((switchboard:passControl:next))%", tenant.key) == ["Bye."]
    assert party.heard(7) == [
        "conversation:create", "conversation:message", "switchboard:passControl", "switchboard:passControl",
        "switchboard:passControl:failure", "conversation:message", "switchboard:passControl",
    ]  # fmt: skip
    passed = [event["payload"]["conversation"] for event in target.events("switchboard:passControl")]
    names = [conversation["activeSwitchboardIntegration"]["name"] for conversation in passed]
    assert names == ["human", "bot", "human"]
    assert human["name"] == "human"
    shown = wire.get(f"{tenant.conversations}/{conversation}", tenant.key).json["conversation"]
    assert shown["activeSwitchboardIntegration"]["id"] == human["id"]


def test_shorthand_without_a_switchboard_is_only_hidden(wire: Wire, tenant: Tenant) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    body = TEXT | {"content": {"type": "text", "text": "Hello!%((switchboard:passControl:human))%"}}
    assert post(wire, tenant, conversation, body)["content"]["text"] == "Hello!"
