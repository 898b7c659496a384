"""The operations on control of conversations, default control, and what conversations show of it."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import pytest
from support.messaging import TEXT, chat, create_integration, create_switchboard, create_user, post
from support.wire import Key, Tenant, Wire

from sunshine_keys.ids import new_object_id

DISABLED = ("switchboard_invalid_action", "Switchboard is not enabled")


def key_of(wire: Wire, tenant: Tenant, entry: dict[str, Any]) -> Key:
    """Return a new key of the entry's integration."""
    path = f"{tenant.app}/integrations/{entry['integrationId']}/keys"
    return Key.of(wire.post(path, tenant.app_key, {"displayName": entry["name"]}).json["key"])


def short(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("id", "name", "integrationId", "integrationType")}


class Chat:
    """A conversation of one user in an app with the entries bot (the default), human and other."""

    def __init__(self, wire: Wire, tenant: Tenant) -> None:
        self.wire, self.tenant = wire, tenant
        self.bot, self.human, self.other = create_switchboard(wire, tenant)
        self.by_bot, self.by_human = tenant.key, key_of(wire, tenant, self.human)
        self.jane = create_user(wire, tenant)
        self.id = chat(wire, tenant, self.jane)
        self.path = f"{tenant.conversations}/{self.id}"
        (board,) = wire.get(f"{tenant.app}/switchboards", tenant.app_key).json["switchboards"]
        self.board = f"{tenant.app}/switchboards/{board['id']}"

    def act(self, action: str, auth: Key, target: str = "", **fields: Any) -> list[tuple[str, str]] | None:
        """Return the errors of the answer, None if it succeeds."""
        body = fields | ({"switchboardIntegration": target} if target else {})
        answer = self.wire.post(f"{self.path}/{action}Control", auth, body)
        if answer.status == 200:
            assert answer.json == {}
            return None
        assert answer.status in (400, 403), answer
        return answer.errors

    @property
    def control(self) -> tuple[str | None, str | None]:
        """The names of the active and the pending entry."""
        shown = self.wire.get(self.path, self.tenant.key).json["conversation"]
        names = [shown.get(f"{role}SwitchboardIntegration", {}).get("name") for role in ("active", "pending")]
        return names[0], names[1]


@pytest.fixture
def talk(wire: Wire, tenant: Tenant) -> Chat:
    return Chat(wire, tenant)


def test_control_goes_from_the_bot_to_a_human_and_back(talk: Chat) -> None:
    assert talk.control == ("bot", None)
    assert talk.act("offer", talk.by_bot, "human") is None
    assert talk.control == ("bot", "human")
    assert talk.act("accept", talk.by_bot) == [("forbidden", "Forbidden")]
    assert talk.act("accept", talk.by_human) is None
    assert talk.control == ("human", None)
    assert talk.act("release", talk.by_bot) == [("forbidden", "Forbidden")]
    assert talk.act("pass", talk.by_human, "next") is None
    assert talk.control == ("bot", None)
    assert talk.act("pass", talk.by_human, "next") is None  # a repetition changes nothing
    assert talk.control == ("bot", None)
    assert talk.act("release", talk.by_bot) is None
    assert talk.control == (None, None)
    assert talk.act("pass", talk.tenant.app_key, talk.human["integrationId"]) is None
    assert talk.control == ("human", None)
    assert talk.act("release", talk.tenant.account) is None
    assert talk.act("release", talk.tenant.account) is None
    assert talk.control == (None, None)


def test_failing_action_names_its_failure(talk: Chat) -> None:
    invalid = [("switchboard_invalid_target", "Switchboard invalid target")]
    app_key = talk.tenant.app_key
    assert talk.act("pass", talk.by_bot, "nobody") == talk.act("offer", app_key, "custom") == invalid
    active = [("switchboard_invalid_target", "Cannot offer control to the active switchboard integration.")]
    assert talk.act("offer", talk.by_human, "bot") == active
    pending = [("switchboard_invalid_action", "There is no pendingSwitchboardIntegration")]
    assert talk.act("accept", app_key) == pending
    assert talk.act("pass", talk.by_bot) == [("bad_request", "should have required property 'switchboardIntegration'")]
    large = [("bad_request", "Switchboard metadata is limited to 4096 bytes in size.")]
    assert talk.act("release", app_key, metadata={"a": "x" * 5000}) == large
    assert talk.control == ("bot", None)


def test_unknown_conversation_and_release_without_a_body(talk: Chat) -> None:
    wire, tenant = talk.wire, talk.tenant
    for action in ("pass", "offer", "accept", "release"):
        path = f"{tenant.conversations}/{new_object_id()}/{action}Control"
        answer = wire.post(path, tenant.key, {"switchboardIntegration": "human"})
        assert answer.errors == [("conversation_not_found", "Conversation not found")]
    assert wire.send("POST", f"{talk.path}/releaseControl", tenant.app_key).json == {}
    assert talk.control == (None, None)


def test_conversation_shows_its_entries_everywhere(talk: Chat) -> None:
    wire, tenant = talk.wire, talk.tenant
    talk.act("offer", talk.by_bot, "human")
    shown = {
        "activeSwitchboardIntegration": short(talk.bot),
        "pendingSwitchboardIntegration": short(talk.human),
    }
    single = wire.get(talk.path, tenant.key).json["conversation"]
    assert single == single | shown
    assert wire.patch(talk.path, tenant.key, {}).json["conversation"] == single
    listed = wire.get(f"{tenant.conversations}?filter[userId]={talk.jane['id']}", tenant.key).json["conversations"]
    assert listed == [single]
    body = {"type": "personal", "participants": [{"userId": talk.jane["id"]}]}
    created = wire.post(tenant.conversations, tenant.key, body).json["conversation"]
    assert created["activeSwitchboardIntegration"] == short(talk.bot)


def test_users_message_gives_control_to_the_default(talk: Chat) -> None:
    wire, tenant = talk.wire, talk.tenant
    by_jane = TEXT | {"author": {"type": "user", "userId": talk.jane["id"]}}
    talk.act("release", tenant.app_key)
    post(wire, tenant, talk.id, TEXT)
    read = {"author": by_jane["author"], "type": "conversation:read"}
    assert wire.post(f"{talk.path}/activity", tenant.key, read).status == 200
    assert talk.control == (None, None)
    talk.act("offer", tenant.app_key, "human")
    post(wire, tenant, talk.id, by_jane)
    assert talk.control == ("bot", "human")
    talk.act("accept", talk.by_human)
    post(wire, tenant, talk.id, by_jane)
    assert talk.control == ("human", None)


def test_messages_move_control_without_webhooks(talk: Chat) -> None:
    wire, tenant = talk.wire, talk.tenant
    for entry in (talk.bot, talk.human, talk.other):
        webhooks = f"{tenant.app}/integrations/{entry['integrationId']}/webhooks"
        for webhook in wire.get(webhooks, tenant.app_key).json["webhooks"]:
            assert wire.delete(f"{webhooks}/{webhook['id']}", tenant.app_key).status == 200
    post(
        wire, tenant, talk.id, TEXT | {"content": {"type": "text", "text": "Wait. %((switchboard:passControl:human))%"}}
    )
    assert talk.control == ("human", None)
    talk.act("release", tenant.app_key)
    post(wire, tenant, talk.id, TEXT)
    assert talk.control == (None, None)
    post(wire, tenant, talk.id, TEXT | {"author": {"type": "user", "userId": talk.jane["id"]}})
    assert talk.control == ("bot", None)


def test_deleted_entry_gives_control_to_the_default_at_the_next_message(talk: Chat) -> None:
    wire, tenant = talk.wire, talk.tenant
    assert talk.act("pass", talk.by_bot, "other") is None
    assert talk.act("offer", tenant.app_key, "human") is None
    assert wire.delete(f"{talk.board}/switchboardIntegrations/{talk.other['id']}", tenant.app_key).status == 200
    assert talk.control == (None, "human")
    post(wire, tenant, talk.id, TEXT | {"author": {"type": "user", "userId": talk.jane["id"]}})
    assert talk.control == ("bot", "human")


def test_entry_keeps_its_conversations_with_another_integration(talk: Chat) -> None:
    wire, tenant = talk.wire, talk.tenant
    talk.act("pass", talk.by_bot, "human")
    integration = create_integration(wire, tenant, ["user:merge"])
    path = f"{talk.board}/switchboardIntegrations/{talk.human['id']}"
    moved = wire.patch(path, tenant.app_key, {"integrationId": integration}).json["switchboardIntegration"]
    assert talk.control == ("human", None)
    assert talk.act("release", talk.by_human) == [("forbidden", "Forbidden")]
    assert talk.act("release", key_of(wire, tenant, moved)) is None


def test_disabled_switchboard_shows_nothing_and_refuses_actions(talk: Chat) -> None:
    wire, tenant = talk.wire, talk.tenant
    talk.act("pass", talk.by_bot, "human")
    assert wire.patch(talk.board, tenant.app_key, {"enabled": False}).status == 200
    assert talk.control == (None, None)
    for action in ("pass", "offer", "accept", "release"):
        assert talk.act(action, talk.by_human, "bot") == [DISABLED]
    assert wire.patch(talk.board, tenant.app_key, {"enabled": True}).status == 200
    assert talk.control == ("human", None)
    assert wire.delete(talk.board, tenant.app_key).status == 200
    assert talk.control == (None, None)
    assert talk.act("release", tenant.app_key) == [DISABLED]


def test_app_without_a_switchboard_has_no_control(wire: Wire, tenant: Tenant) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    answer = wire.post(
        f"{tenant.conversations}/{conversation}/passControl", tenant.key, {"switchboardIntegration": "x"}
    )
    assert (answer.status, answer.errors) == (400, [DISABLED])


def test_integration_without_an_entry_may_pass_and_offer_only(talk: Chat) -> None:
    integration = create_integration(talk.wire, talk.tenant, ["user:merge"])
    stranger = key_of(talk.wire, talk.tenant, {"integrationId": integration, "name": "stranger"})
    assert talk.act("offer", stranger, "human") is None
    assert talk.act("accept", stranger) == talk.act("release", stranger) == [("forbidden", "Forbidden")]
    assert talk.act("pass", stranger, "human") is None
    assert talk.control == ("human", None)


def test_one_of_two_racing_accepts_is_refused(talk: Chat) -> None:
    talk.act("offer", talk.by_bot, "human")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: talk.act("accept", talk.by_human), range(8)))
    assert sorted(map(str, answers)) == sorted([str(None), *[str([("forbidden", "Forbidden")])] * 7])
    assert talk.control == ("human", None)


def test_idempotency_key_of_an_action_is_ignored(talk: Chat) -> None:
    headers = {"Idempotency-Key": new_object_id()}
    for target in ("human", "bot"):
        body = {"switchboardIntegration": target}
        answer = talk.wire.send("POST", f"{talk.path}/passControl", talk.by_bot, body=body, headers=headers)
        assert (answer.status, talk.control) == (200, (target, None))
