"""The checks of bodies accept what the schemas in /openapi.json accept, and word their faults as the API does."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from sunshine_keys.compose import OPERATIONS
from sunshine_keys.errors import BadRequest
from sunshine_keys.wire.checks import Body

WEBHOOK = {
    "target": "https://example.com",
    "triggers": ["user:merge"],
    "includeFullUser": True,
    "includeFullSource": False,
}
APP = {
    "displayName": "An app",
    "settings": {
        "conversationRetentionSeconds": 1, "maskCreditCardNumbers": True, "useAnimalNames": True, "echoPostback": True,
        "ignoreAutoConversationStart": True, "multiConvoEnabled": True, "appLocalizationEnabled": True,
        "endSessionEnabled": True, "disableConversationReopen": True,
    },
    "metadata": {"a": 1},
}  # fmt: skip
USER = {
    "signedUpAt": "2020-05-21T15:53:30.197Z", "toBeRetained": True, "metadata": {"a": 1, "b": "c"},
    "profile": {
        "givenName": "Jane", "surname": "Doe", "email": "jane@example.com", "avatarUrl": "https://example.com/a.png",
        "locale": "fr-CA",
    },
}  # fmt: skip
TALK = {
    "displayName": "Support", "description": "Talk", "iconUrl": "https://example.com/a.png", "metadata": {"a": 1},
}  # fmt: skip
AUTHOR = {
    "type": "business", "subtypes": ["AI"], "userId": "x", "userExternalId": "y", "brandId": "7", "displayName": "Steve",
    "avatarUrl": "https://example.com/a.png",
}  # fmt: skip
LINK = {
    "type": "link", "uri": "https://example.com", "text": "Site", "default": True, "metadata": {"a": 1},
    "extraChannelOptions": {"messenger": {"messenger_extensions": True, "webview_share_button": "hide"}},
}  # fmt: skip
ACTIONS = [
    LINK,
    {"type": "buy", "text": "Buy", "amount": 100, "currency": "CAD", "metadata": {"a": 1}},
    {"type": "postback", "text": "Yes", "payload": "YES", "metadata": {"a": 1}},
    {"type": "reply", "text": "No", "payload": "NO", "metadata": {"a": 1}, "iconUrl": "https://example.com/a.png"},
    {"type": "locationRequest", "text": "Where?", "metadata": {"a": 1}},
    {
        "type": "webview", "uri": "https://example.com", "text": "Open", "default": True, "metadata": {"a": 1},
        "size": "full", "fallback": "https://example.com", "openOnReceive": True,
    },
]  # fmt: skip
ITEM = {
    "title": "Tacos", "description": "Good", "mediaUrl": "https://example.com/a.png", "mediaType": "image/png",
    "altText": "A taco", "size": "compact", "actions": [LINK], "metadata": {"a": 1},
}  # fmt: skip
MEDIA = {"mediaUrl": "https://example.com/a.png", "altText": "A", "text": "B", "htmlText": "C", "markdownText": "D"}
CONTENTS: list[dict[str, Any]] = [
    {"type": "text", "text": "Hello!", "htmlText": "A", "blockChatInput": True, "markdownText": "B", "payload": "P"},
    *({"type": "text", "actions": [action]} for action in ACTIONS),
    {"type": "image", **MEDIA, "actions": [LINK]},
    {"type": "file", **MEDIA},
    {"type": "carousel", "items": [ITEM], "displaySettings": {"imageAspectRatio": "square"}},
    {"type": "list", "items": [ITEM], "actions": [LINK]},
    {
        "type": "form", "text": "Who?",
        "fields": [
            {
                "type": "select", "name": "a", "label": "A", "format": "integer", "placeholder": "P", "minSize": 1,
                "maxSize": 2, "options": [{"label": "L", "name": "n"}],
            },
        ],
    },
    {"type": "location", "coordinates": {"lat": 1.5, "long": 2}, "location": {"address": "A", "name": "B"}},
    {"type": "template", "template": {"a": 1}},
]  # fmt: skip
CRITERIA = [
    {"type": "mailgun", "integrationId": "x", "primary": True, "address": "a@example.com", "subject": "Hello"},
    *(
        {"type": type, "integrationId": "x", "primary": False, "phoneNumber": "+15550001234"}
        for type in ("messagebird", "twilio", "whatsapp")
    ),
]
LINKING = {
    "confirmation": {"type": "prompt", "message": {"author": AUTHOR, "content": CONTENTS[0]}},
    "target": {"conversationId": "x"},
}
ENTRY = {
    "name": "bot", "integrationId": "x", "integrationType": "y", "deliverStandbyEvents": True,
    "nextSwitchboardIntegrationId": "z", "messageHistoryCount": 5,
}  # fmt: skip
UPDATE = {"displayName": "Mine", "defaultResponderId": "x", "showAIDisclaimer": True}
ERROR = {"code": "uncategorized_error", "message": "No", "underlyingError": {"a": 1}}
OUTCOME = {
    "outcome": "matched", "externalId": "x", "displayName": "Jane", "info": {"a": 1}, "raw": {"a": 1}, "error": ERROR,
}  # fmt: skip
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("CreateAppKey", {"displayName": "A key", "expiresAt": "2099-05-21T15:53:30.197Z"}),
    ("CreateCustomIntegrationKey", {"displayName": "A key", "expiresAt": "2099-05-21T15:53:30.197Z"}),
    ("RotateAppKey", {"graceSeconds": 3600, "whenQuietSeconds": 600}),
    ("RotateIntegrationKey", {"graceSeconds": 3600, "whenQuietSeconds": 600}),
    ("SimulateConversation", {"userId": "x", "profile": {"givenName": "Jane"}}),
    ("SimulateMessage", {"userExternalId": "x", "content": {"type": "text", "text": "Hello!"}}),
    ("SimulateTap", {"messageId": "x", "action": "Yes"}),
    ("SimulateFormResponse", {"fields": {"name": "Jane"}}),
    ("SimulateActivity", {"type": "typing:start"}),
    (
        "SimulateConversation",
        {
            "integrationId": "x",
            "address": "y",
            "displayName": "Jane",
            "creationReason": "message",
            "campaignId": "z",
            "referral": {"code": "a", "details": {"source": "b", "type": "c", "adId": "d"}},
            "locale": "fr-CA",
            "content": {"type": "text", "text": "Hello!"},
        },
    ),
    ("SimulateReferral", {"userId": "x", "clientId": "y", "code": "a", "details": {"source": "b"}}),
    ("SimulatePassthrough", {"payload": {"a": [1]}}),
    (
        "SimulateAgentMessage",
        {
            "integrationType": "zd:answerBot",
            "displayName": "Ann",
            "avatarUrl": "https://example.com/a.png",
            "content": {"type": "text", "text": "Hello!"},
            "metadata": {"a": 1},
        },
    ),
    ("SimulateTicket", {"type": "ticket:closed"}),
    ("SimulateLogin", {"externalId": "jane", "email": "jane@example.com"}),
    ("SimulateClientOutcome", OUTCOME),
    ("SimulateLinkOutcome", OUTCOME | {"integrationId": "x"}),
    ("SimulateClientError", ERROR),
    ("AdvanceClock", {"seconds": 15}),
    ("GetToken", dict.fromkeys(("code", "grant_type", "client_id", "client_secret", "redirect_uri"), "x")),
    (
        "CreateOauthClient",
        {"displayName": "A", "redirectUris": ["https://example.com"], "decision": "allow", "appId": "x"},
    ),
    ("UpdateOauthClient", {"displayName": "A", "redirectUris": ["https://example.com"]}),
    ("CreateApp", APP),
    ("UpdateApp", APP),
    ("CreateIntegration", {"type": "web", **UPDATE}),
    ("CreateIntegration", {"type": "custom", "displayName": "Mine", "webhooks": [WEBHOOK]}),
    ("UpdateIntegration", UPDATE),
    ("CreateWebhook", WEBHOOK),
    ("UpdateWebhook", WEBHOOK),
    ("CreateUser", USER | {"externalId": "jane", "brandId": "7"}),
    ("UpdateUser", USER),
    ("DeleteAttachment", {"mediaUrl": "https://s3.amazonaws.com/document.pdf"}),
    ("SyncUser", {"survivingZendeskId": "35436"}),
    ("UpdateSwitchboard", {"enabled": True, "defaultSwitchboardIntegrationId": "x"}),
    *((f"{verb}SwitchboardIntegration", ENTRY) for verb in ("Create", "Update")),
    *((f"{verb}Control", {"switchboardIntegration": "next", "metadata": {"a": 1}}) for verb in ("Pass", "Offer")),
    *((f"{verb}Control", {"metadata": {"a": 1}}) for verb in ("Accept", "Release")),
    (
        "CreateConversation",
        {
            "type": "personal",
            "participants": [{"userId": "x", "userExternalId": "y", "subscribeSDKClient": True}],
            **TALK,
        },
    ),
    ("UpdateConversation", TALK),
    ("JoinConversation", {"userId": "x", "userExternalId": "y", "subscribeSDKClient": True}),
    ("LeaveConversation", {"userId": "x", "userExternalId": "y", "participantId": "z"}),
    ("PostActivity", {"author": AUTHOR, "type": "conversation:read"}),
    (
        "DownloadMessageRef",
        {
            "userId": "x",
            "apple": {"interactiveDataRef": dict.fromkeys(("url", "bid", "key", "signature", "owner"), "x")},
        },
    ),
    (
        "PostConversionEvents",
        {channel: {"payload": {"data": [{}]}} for channel in ("messenger", "instagram", "whatsapp")},
    ),
    *(("CreateClient", {"matchCriteria": criteria, **LINKING}) for criteria in CRITERIA),
    *(("PostMessage", {"author": AUTHOR, "content": content}) for content in CONTENTS),
    (
        "PostMessage",
        {
            "author": AUTHOR,
            "content": CONTENTS[0],
            "destination": {"integrationId": "x", "integrationType": "y"},
            "metadata": {"a": 1},
            "schema": "whatsapp",
            "override": {
                "apple": {"payload": {}, "withCapabilities": ["LIST"]},
                "line": {"payload": {}},
                "messenger": {"payload": {}},
                "whatsapp": {"payload": {}},
            },
        },
    ),
]
BODIES = {operation.id: operation.body for operation in OPERATIONS if operation.body and not operation.upload_bytes}
VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2**53 - 1, 2**53, 0.5, [], {}, {"unknown": 1}, ["a"], ["a", "b"], [None], [WEBHOOK],
    [WEBHOOK, WEBHOOK], ["a"] * 100, ["a"] * 101, "a\0b", "web", "custom", "whatsapp", "Custom", "ftp://x", "http://",
    "http://x y", "HTTP://x", "https://x\x7f", "http://" + "x" * 2041, "http://" + "x" * 2042,
    *("é" * length for length in (0, 1, 100, 101, 128, 129, 2048, 2049)),
]  # fmt: skip

# What a JSON Schema cannot say.
UNSAID = ("should be an http or https URL", "limited to 4096 bytes in size.", 'should match format "date-time"')


def test_every_body_has_an_example_here() -> None:
    assert {name for name, _ in GOOD} == set(BODIES)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from places(part, (*path, name))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(body)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return changed


def removed(body: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(body)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return changed


@pytest.mark.parametrize(("name", "good"), GOOD)
def test_a_body_has_no_faults_exactly_if_it_fits_its_schema(name: str, good: dict[str, Any]) -> None:
    checks = BODIES[name]
    validator = jsonschema_rs.validator_for(checks.schema)
    assert checks.values(good) == good
    variants = [replaced(good, path, value) for path in places(good) for value in VALUES]
    variants += [removed(good, path) for path in places(good) if path]
    for body in [good, *variants]:
        faults = faults_of(checks, body)
        if not all(fault.endswith(UNSAID) for fault in faults) or not faults:
            assert validator.is_valid(body) == (not faults), (body, faults)


def faults_of(checks: Body, body: Any) -> tuple[str, ...]:
    try:
        checks.values(body)
    except BadRequest as error:
        return error.titles
    return ()


PIECES: dict[str, Any] = {
    "name": {"type": "string", "minLength": 2, "maxLength": 3},
    "kind": {"type": "string", "enum": ["a", "b"]},
    "color": {"type": "string", "enum": ["red"], "fault": "No such color"},
    "count": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
    "size": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    "flag": {"type": "boolean"},
    "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
    "inner": {"type": "object", "properties": {"x": {"type": "boolean"}, "y": {"type": "boolean"}}, "required": ["x"]},
    "free": {"type": "object"},
    "share": {"type": "number", "minimum": -1, "maximum": 1},
    "flat": {
        "type": "object",
        "additionalProperties": {"type": ["string", "number", "boolean", "null"], "pattern": "^[^\\u0000]*$"},
    },
    "moment": {"type": "string", "form": "date-time", "pattern": "^[0-9:TZ-]+$"},
    "link": {"type": "string", "form": "uri", "pattern": "^[a-z]+:[^\\u0000-\\u0020]+$"},
    "tagged": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"type": {"type": "string", "enum": ["x"]}, "x": {"type": "boolean"}},
                "required": ["x"],
            },
            {"type": "object", "properties": {"type": {"type": "string", "enum": ["y", "z"]}}},
        ],
        "tagged_by": "type",
    },
}


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"name": 1}, ["name should be string"]),
        ({"name": "a"}, ["name should NOT be shorter than 2 characters"]),
        ({"name": "abcd"}, ["name should NOT be longer than 3 characters"]),
        ({"name": "a\0"}, ["name should NOT contain U+0000"]),
        ({"kind": "c"}, ["kind should be equal to one of the allowed values"]),
        ({"kind": None}, ["kind should be string"]),
        ({"color": "blue"}, ["No such color"]),
        ({"count": None, "size": 0}, []),
        ({"count": 0, "size": 2**53}, ["count should be >= 1 and <= 9", "size should be >= 0 and < 2^53"]),
        ({"count": True}, ["count should be integer"]),
        ({"flag": 1}, ["flag should be boolean"]),
        ({"list": {}}, ["list should be array"]),
        ({"list": []}, ["list should NOT have fewer than 1 items"]),
        ({"list": ["a"] * 3}, ["list should NOT have more than 2 items"]),
        ({"list": ["a", 1]}, ["list[1] should be string"]),
        ({"inner": {"y": 1}}, ["inner should have required property 'x'", "inner.y should be boolean"]),
        ({"inner": []}, ["inner should be object"]),
        ({"free": {"anything": [1]}, "unknown": 1}, []),
        ({"share": 0.5}, []),
        ({"share": True}, ["share should be number"]),
        ({"share": 1.5}, ["share should be >= -1 and <= 1"]),
        ({"flat": {"a": 1, "b": None, "c": "d"}}, []),
        ({"flat": {"a": [], "b": {}}}, [f"flat.{name} should be string, number or boolean" for name in "ab"]),
        ({"moment": "2020-02-29T00:00:00Z", "link": "a:b"}, []),
        ({"moment": "2021-02-29T00:00:00Z"}, ['moment should match format "date-time"']),
        ({"link": "nothing"}, ['link should match format "uri"']),
        ({"tagged": {"type": "x", "x": True}}, []),
        ({"tagged": {"type": "x"}}, ["tagged should have required property 'x'"]),
        ({"tagged": {"type": "w"}}, ["tagged.type should be equal to one of the allowed values"]),
        ({"tagged": {"type": 1}}, ["tagged.type should be string"]),
        ({"tagged": {}}, ["tagged should have required property 'type'"]),
        ({"tagged": []}, ["tagged should be object"]),
        ([], ["body should be object"]),
    ],
)
def test_faults_are_worded_as_the_api_words_them(value: Any, faults: list[str]) -> None:
    checks = Body({"type": "object", "properties": PIECES})
    assert list(faults_of(checks, value)) == faults


def test_unknown_properties_are_left_out_at_every_depth() -> None:
    checks = Body({"type": "object", "properties": PIECES})
    body = {
        "inner": {"x": True, "w": 1}, "free": {"w": 1}, "flat": {"w": 1}, "tagged": {"type": "x", "x": True, "w": 1}, "w": 1,
    }  # fmt: skip
    assert checks.values(body) == {
        "inner": {"x": True}, "free": {"w": 1}, "flat": {"w": 1}, "tagged": {"type": "x", "x": True},
    }  # fmt: skip


def test_rule_sees_only_values_that_fit_the_schema() -> None:
    seen: list[tuple[str, Any]] = []

    def rule(name: str, value: Any) -> list[str]:
        seen.append((name, value))
        return ["faulty"] if value == "bad" else []

    texts = {"type": "array", "items": {"type": "string", "maxLength": 3}}
    checks = Body({"type": "object", "properties": {"texts": texts}}, rules={"texts[]": rule})
    assert faults_of(checks, {"texts": ["good", 1, "bad"]}) == (
        "texts[0] should NOT be longer than 3 characters", "texts[1] should be string", "faulty",
    )  # fmt: skip
    assert seen == [("texts[2]", "bad")]


def test_at_most_twenty_faults_are_reported() -> None:
    checks = Body({"type": "object", "properties": {"flags": {"type": "array", "items": {"type": "boolean"}}}})
    assert len(faults_of(checks, {"flags": [1] * 21})) == 20


def test_keyword_without_a_check_is_refused() -> None:
    with pytest.raises(ValueError, match="x: there is no check for \\['multipleOf'\\]"):
        Body({"type": "object", "properties": {"x": {"type": "integer", "minimum": 0, "maximum": 9, "multipleOf": 2}}})


def test_rule_of_a_missing_property_is_refused() -> None:
    with pytest.raises(ValueError, match="properties that the body does not have: \\['y'\\]"):
        Body({"type": "object", "properties": {"x": {"type": "boolean"}}}, rules={"y": lambda name, value: []})
