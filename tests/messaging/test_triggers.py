"""Every trigger: its event is raised by its real cause, and has the shape of the published example."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import targets
from support.messaging import TEXT, create_user, post
from support.simulator import Stage
from support.waiting import wait_until
from support.wire import Tenant, Wire

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import webhooks
from sunshine_keys.webhooks.model import TRIGGERS

DESCRIPTION = Path(__file__).parents[2] / "api" / "openapi-17.12.1.facts.yaml"

FORM = {"type": "form", "fields": [{"type": "text", "name": "name", "label": "Your name"}]}
INFO = {"phoneNumber": "+15140000000", "city": "MONTREAL", "country": "CA", "state": "QC"}
RAW = {"FromZip": "", "FromState": "QC", "FromCity": "MONTREAL", "FromCountry": "CA", "From": "+15140000000"}


@pytest.fixture
def stage(wire: Wire, tenant: Tenant) -> Iterator[Stage]:
    with targets.listening() as target:
        yield Stage(wire, tenant, target)


# The causes, one for each trigger


def client_add(stage: Stage) -> None:
    stage.link()


def client_update(stage: Stage) -> None:
    path, _ = stage.link()
    person = {"displayName": "+1 514-000-0000", "info": INFO, "raw": RAW}
    stage.simulate(f"{path}/outcomes", {"outcome": "matched"} | person)
    stage.simulate(f"{path}/outcomes", {"outcome": "confirmed"})


def client_remove(stage: Stage) -> None:
    path, _ = stage.link()
    stage.simulate(f"{path}/outcomes", {"outcome": "confirmed", "info": INFO, "raw": RAW, "externalId": "+15140000000"})
    stage.send("DELETE", f"/v2/apps/{stage.tenant.app_id}/{path}")


def conversation_create(stage: Stage) -> None:
    stage.control()
    stage.simulate("conversations", {"userId": stage.jane()["id"], "creationReason": "prechatCapture"})


def conversation_join(stage: Stage) -> None:
    stage.control()
    body = {"userId": stage.jane()["id"], "subscribeSDKClient": False}
    stage.send("POST", f"{stage.tenant.conversations}/{stage.group()}/join", body)


def conversation_leave(stage: Stage) -> None:
    stage.control()
    jane, group = stage.jane(), stage.group()
    path = f"{stage.tenant.conversations}/{group}"
    stage.send("POST", f"{path}/join", {"userId": jane["id"], "subscribeSDKClient": False})
    stage.send("POST", f"{path}/leave", {"userId": jane["id"]})


def conversation_remove(stage: Stage) -> None:
    stage.control()
    stage.send("DELETE", f"{stage.tenant.conversations}/{stage.group()}")


def conversation_message(stage: Stage) -> None:
    stage.control()
    stage.write_on("telegram", stage.jane())


def delivery_channel(stage: Stage) -> None:
    stage.control()
    post(stage.wire, stage.tenant, stage.write_on("telegram", stage.jane()), TEXT)


def delivery_user(stage: Stage) -> None:
    stage.control()
    post(stage.wire, stage.tenant, stage.write_on("twilio", stage.jane()), TEXT)


def delivery_failure(stage: Stage) -> None:
    stage.control()
    post(stage.wire, stage.tenant, stage.write_on("twilio", stage.jane()), TEXT | {"content": FORM})


def conversation_postback(stage: Stage) -> None:
    stage.control()
    conversation = stage.write_on("telegram", stage.jane())
    button = {"type": "postback", "text": "Hello", "payload": "Greet"}
    post(stage.wire, stage.tenant, conversation, TEXT | {"content": {"type": "text", "text": "?", "actions": [button]}})
    stage.simulate(f"conversations/{conversation}/taps", {"action": "Greet"})


def conversation_read(stage: Stage) -> None:
    stage.control()
    conversation = stage.chat(create_user(stage.wire, stage.tenant))
    stage.simulate(f"conversations/{conversation}/activities", {"type": "conversation:read"})


def conversation_typing(stage: Stage) -> None:
    stage.control()
    conversation = stage.chat(create_user(stage.wire, stage.tenant))
    stage.simulate(f"conversations/{conversation}/activities", {"type": "typing:start"})


def conversation_referral(stage: Stage) -> None:
    stage.control()
    stage.simulate(f"conversations/{stage.chat()}/referrals", {})


def passthrough(stage: Stage) -> None:
    stage.control()
    stage.simulate(f"conversations/{stage.chat()}/passthrough", {"payload": {"interactive": {"id": 1}}})


def accept_control(stage: Stage) -> None:
    stage.control()
    conversation = stage.chat()
    stage.act(conversation, "offer", switchboardIntegration="human")
    stage.act(conversation, "accept")


def accept_control_failure(stage: Stage) -> None:
    stage.control()
    stage.act(stage.chat(), "accept", 400)


def offer_control(stage: Stage) -> None:
    stage.control()
    stage.act(stage.chat(), "offer", switchboardIntegration="human")


def offer_control_failure(stage: Stage) -> None:
    stage.control()
    stage.act(stage.chat(), "offer", 400, switchboardIntegration="bot")


def pass_control(stage: Stage) -> None:
    stage.control()
    stage.act(stage.chat(), "pass", switchboardIntegration="human")


def pass_control_failure(stage: Stage) -> None:
    stage.control()
    stage.act(stage.chat(), "pass", 400, switchboardIntegration="nobody")


def release_control(stage: Stage) -> None:
    stage.control()
    stage.act(stage.chat(), "release")


def user_merge(stage: Stage) -> None:
    create_user(stage.wire, stage.tenant, externalId="jane")
    stage.jane()


def user_update(stage: Stage) -> None:
    stage.jane()


def user_remove(stage: Stage) -> None:
    stage.send("DELETE", f"{stage.tenant.users}/{stage.jane()['id']}")


CAUSES: dict[str, Callable[[Stage], None]] = {
    "client:add": client_add,
    "client:remove": client_remove,
    "client:update": client_update,
    "conversation:create": conversation_create,
    "conversation:join": conversation_join,
    "conversation:leave": conversation_leave,
    "conversation:message": conversation_message,
    "conversation:message:delivery:channel": delivery_channel,
    "conversation:message:delivery:failure": delivery_failure,
    "conversation:message:delivery:user": delivery_user,
    "conversation:postback": conversation_postback,
    "conversation:read": conversation_read,
    "conversation:referral": conversation_referral,
    "conversation:remove": conversation_remove,
    "conversation:typing": conversation_typing,
    "passthrough:messaging": passthrough,
    "switchboard:acceptControl": accept_control,
    "switchboard:acceptControl:failure": accept_control_failure,
    "switchboard:offerControl": offer_control,
    "switchboard:offerControl:failure": offer_control_failure,
    "switchboard:passControl": pass_control,
    "switchboard:passControl:failure": pass_control_failure,
    "switchboard:releaseControl": release_control,
    "user:merge": user_merge,
    "user:remove": user_remove,
    "user:update": user_update,
}

MISSING = {
    # These come through the API here, and from a web messenger in the example.
    "client:add": ("source.integrationId",),
    "client:remove": ("source.integrationId",),
    "conversation:create": ("conversation.metadata",),  # nothing sets it while a person comes
    "user:merge": ("mergedUsers.discarded.externalId",),  # the person was anonymous before the login
}
"""What the example has, and the event of this cause has not."""


def paths(value: Any, prefix: str = "") -> dict[str, str]:
    """Return the type of every part of a JSON value, by its path."""
    if isinstance(value, dict):
        parts = {} if prefix == "" else {prefix[:-1]: "dict"}
        for name, part in value.items():
            parts |= paths(part, f"{prefix}{name}.")
        return parts
    if isinstance(value, list):
        return {prefix[:-1]: "list"} | (paths(value[0], f"{prefix}0.") if value else {})
    return {prefix[:-1]: type(value).__name__}


def example(trigger: str) -> dict[str, Any] | None:
    """Return the published example of an event; None of the one that has none."""
    examples = yaml.load(DESCRIPTION.read_text(), yaml.CSafeLoader)["components"]["examples"]
    for name, published in examples.items():
        if name.endswith("Event"):
            (event,) = published["value"]["events"]
            if event["type"] == trigger:
                assert isinstance(event, dict)
                return event
    return None


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_event_has_the_shape_of_the_published_example(stage: Stage, trigger: str) -> None:
    CAUSES[trigger](stage)
    count = 2 if trigger == "client:update" else 1
    wait_until(lambda: len(stage.target.events(trigger)) >= count)
    event = stage.target.events(trigger)[-1]
    assert list(event) == ["id", "createdAt", "type", "payload"]
    published = example(trigger)
    if published is None:
        assert trigger == "passthrough:messaging"
        assert event["payload"]["interactive"] == {"id": 1}
        assert event["payload"]["conversation"]["activeSwitchboardIntegration"]["name"] == "bot"
    else:
        missing = MISSING.get(trigger, ())
        expected = {
            path: "str" if path == "user.externalId" else type  # one example has a number
            for path, type in paths(published["payload"]).items()
            if not path.startswith(missing)
        }
        assert paths(event["payload"]) == expected
    for call in stage.target.calls:  # the client has a model of each
        (decoded,) = webhooks.parse(call.headers, json.dumps(call.body), stage.webhook["secret"]).events
        assert type(decoded) is not sunshine.EventSubSchema


def test_every_trigger_has_a_cause() -> None:
    assert sorted(CAUSES) == sorted(TRIGGERS)
