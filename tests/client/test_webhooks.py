"""Receiving webhooks: which requests are verified, and what their events are."""

from __future__ import annotations

import email.message
import hmac
import json
import pickle
import traceback
from typing import Any
from unittest import mock

import pytest
from api_facts import load
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from support.deliveries import DELIVERIES, SECRET

import sunshine_conversations_client as sunshine
from sunshine_conversations_client.webhooks import WebhookDecodeError, WebhookVerificationError, parse

BODY = json.dumps(DELIVERIES["conversation:message"]).encode()
VERIFIED = {"X-API-Key": SECRET}
OTHER = "0" * 32


def message(*pairs: tuple[str, str]) -> email.message.Message:
    """Return headers as `http.server` and `http.client` hold them."""
    headers = email.message.Message()
    for name, value in pairs:
        headers[name] = value
    return headers


def everything_shown(error: BaseException) -> str:
    """Return the text of an error, of its attributes and of all errors that it refers to."""
    shown = "".join(traceback.format_exception(error))
    pending: list[BaseException | None] = [error]
    while pending:
        if (current := pending.pop()) is not None:
            shown += repr(current) + repr(current.args) + repr(vars(current))
            pending += [current.__cause__, current.__context__]
    return shown


def test_every_trigger_has_a_delivery() -> None:
    assert set(DELIVERIES) == set(load().events)
    assert len(DELIVERIES) == 26


@pytest.mark.parametrize("trigger", DELIVERIES)
def test_every_trigger_is_an_event_of_its_own_class(trigger: str) -> None:
    delivered = DELIVERIES[trigger]
    envelope = parse(VERIFIED, json.dumps(delivered).encode(), SECRET)
    assert isinstance(envelope, sunshine.WebhookEnvelope)
    assert envelope.app.id == delivered["app"]["id"]
    assert (envelope.webhook.id, envelope.webhook.version) == (delivered["webhook"]["id"], "v2")
    (event,) = envelope.events
    assert type(event) is not sunshine.EventSubSchema
    assert isinstance(event, sunshine.EventSubSchema)
    assert (event.type, event.id) == (trigger, delivered["events"][0]["id"])
    assert isinstance(event.payload, dict) == (trigger == "passthrough:messaging")
    assert envelope.to_dict() == delivered


def test_payloads_are_models() -> None:
    event = parse(VERIFIED, BODY, SECRET).events[0]
    assert isinstance(event, sunshine.ConversationMessageEvent)
    content = DELIVERIES["conversation:message"]["events"][0]["payload"]["message"]["content"]
    assert isinstance(event.payload.message.content, sunshine.TextMessage)
    assert event.payload.message.content.text == content["text"]


def test_several_events_keep_their_order() -> None:
    events = [delivered["events"][0] for delivered in DELIVERIES.values()]
    envelope = parse(VERIFIED, json.dumps({"events": events}), SECRET)
    assert [event.type for event in envelope.events] == list(DELIVERIES)
    assert (envelope.app, envelope.webhook) == (None, None)


@pytest.mark.parametrize("kind", ["conversation:teleport", "", None, 7, ["client:add"], {}, "\ud800"])
def test_an_event_of_an_unknown_type_is_kept_whole(kind: Any) -> None:
    event = {"id": "1", "type": kind, "createdAt": "now", "payload": {"a": [{"b": None}]}, "extra": {"c": 1}}
    delivered = {"app": {"id": "2", "new": 1}, "events": [event], "sent": [True]}
    envelope = parse(VERIFIED, json.dumps(delivered), SECRET)
    assert type(envelope.events[0]) is sunshine.EventSubSchema
    assert envelope.events[0].payload == {"a": [{"b": None}]}
    assert envelope.events[0].additional_properties == {"extra": {"c": 1}}
    assert envelope.additional_properties == {"sent": [True]}
    assert envelope.to_dict() == delivered


@pytest.mark.parametrize("wrong", [7, "text", [1], [[{}]], {"message": 5}, {"message": {"content": ["x"]}}, None])
def test_a_payload_of_another_shape_is_kept(wrong: Any) -> None:
    delivered = {"events": [{"type": "conversation:message", "payload": wrong}]}
    assert parse(VERIFIED, json.dumps(delivered), SECRET).to_dict() == delivered


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": SECRET}, {"x-api-key": SECRET}, {"X-Api-KEY": SECRET, "Host": "x"}, [("x-api-key", SECRET)],
        {b"x-api-key": SECRET.encode()}, [(b"host", b"x"), (b"x-api-key", SECRET.encode())], [["X-API-Key", SECRET]],
        {"HTTP_X_API_KEY": SECRET, "wsgi.version": (1, 0), "wsgi.input": object()}, {"X-API-Key": [SECRET]},
        {"X-API-Key": f" {SECRET}\t"}, message(("Host", "x"), ("x-api-KEY", SECRET)), Headers({"X-API-Key": SECRET}),
        iter([("X-API-Key", SECRET)]), {"X-API-Key": SECRET}.items(), {5: 6, "X-API-Key": SECRET},
    ],
    ids=lambda headers: type(headers).__name__,
)  # fmt: skip
def test_headers_have_every_form_and_case(headers: Any) -> None:
    assert parse(headers, BODY, SECRET).events[0].type == "conversation:message"


@pytest.mark.parametrize(
    "headers",
    [
        {}, [], {"X-API-Key": None}, {"X-API-Key": []}, {"X-API-Keys": SECRET}, {"API-Key": SECRET}, {"X_API_Key": SECRET},
        {"Authorization": SECRET}, message(),
    ],
)  # fmt: skip
def test_a_missing_header_is_rejected(headers: Any) -> None:
    with pytest.raises(WebhookVerificationError, match="has no X-API-Key header"):
        parse(headers, BODY, SECRET)


@pytest.mark.parametrize(
    "value",
    ["", " ", OTHER, SECRET[:-1], SECRET + "0", SECRET.upper(), SECRET + "\0", f"{SECRET},{SECRET}", "é" * 32, "\ud800",
     "a\udcff", b"", b"\xff" * 32, SECRET[:16].encode(), "x" * 1_000_000],
    ids=lambda value: repr(value[:40]),
)  # fmt: skip
def test_a_wrong_header_is_rejected(value: str | bytes) -> None:
    with pytest.raises(WebhookVerificationError, match="equals no secret"):
        parse({"X-API-Key": value}, BODY, SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        [("X-API-Key", SECRET), ("X-API-Key", SECRET)], [("X-API-Key", OTHER), ("x-api-key", SECRET)],
        {"X-API-Key": SECRET, "x-api-key": OTHER}, message(("X-API-Key", SECRET), ("X-API-Key", OTHER)),
        [(b"x-api-key", SECRET.encode()), (b"x-api-key", b"")], {"X-API-Key": [OTHER, SECRET]},
    ],
)  # fmt: skip
def test_several_headers_are_rejected_even_if_a_value_matches(headers: Any) -> None:
    with pytest.raises(WebhookVerificationError, match="more than one"):
        parse(headers, BODY, SECRET)


@pytest.mark.parametrize(
    "secret", [[OTHER, SECRET], (SECRET, OTHER), {SECRET, OTHER}, iter([OTHER, SECRET]), f"{SECRET}\n"]
)
def test_any_of_several_secrets_verifies(secret: Any) -> None:
    assert parse(VERIFIED, BODY, secret).events


def test_no_secret_of_several_verifies_another_key() -> None:
    with pytest.raises(WebhookVerificationError):
        parse({"X-API-Key": "1" * 32}, BODY, [SECRET, OTHER])


def test_a_secret_that_is_not_ascii_verifies() -> None:
    assert parse({"X-API-Key": "gehéim"}, BODY, ["\ud800", "gehéim"]).events
    assert parse([(b"x-api-key", "gehéim".encode())], BODY, "gehéim").events


def test_the_key_is_compared_with_every_secret_in_constant_time() -> None:
    with mock.patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        parse(VERIFIED, BODY, [SECRET, OTHER, SECRET[:4]])
    assert [call.args for call in compare.call_args_list] == [
        (SECRET.encode(), secret.encode()) for secret in (SECRET, OTHER, SECRET[:4])
    ]


@pytest.mark.parametrize("value", ["", " ", SECRET], ids=["empty", "blank", "key"])
@pytest.mark.parametrize("secret", ["", " \n", [], (), [""], [SECRET, ""], ["", SECRET], iter([])])
def test_an_empty_secret_verifies_nothing(secret: Any, value: str) -> None:
    with pytest.raises(sunshine.ApiArgumentError, match="secret is empty"):
        parse({"X-API-Key": value}, BODY, secret)


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        (VERIFIED, BODY, None), (VERIFIED, BODY, SECRET.encode()), (VERIFIED, BODY, [SECRET.encode()]), (VERIFIED, BODY, 5),
        (VERIFIED, BODY, [SECRET, None]), (VERIFIED, BODY, {SECRET: 1}), (VERIFIED, json.loads(BODY), SECRET), (VERIFIED, None, SECRET),
        (None, BODY, SECRET), (5, BODY, SECRET), (SECRET, BODY, SECRET), ([SECRET], BODY, SECRET), ([5], BODY, SECRET),
        ({"X-API-Key": 5}, BODY, SECRET), ([("X-API-Key", SECRET, 1)], BODY, SECRET), ({"X-API-Key": [5]}, BODY, SECRET),
    ],
)  # fmt: skip
def test_arguments_of_another_type_are_rejected(headers: Any, body: Any, secret: Any) -> None:
    with pytest.raises(sunshine.ApiArgumentError, match="should be") as caught:
        parse(headers, body, secret)
    assert SECRET not in everything_shown(caught.value).replace(repr(BODY), "")


@pytest.mark.parametrize(
    "body", [BODY, BODY.decode(), bytearray(BODY), memoryview(BODY), b"\xef\xbb\xbf" + BODY, "\ufeff" + BODY.decode()]
)
def test_a_body_is_bytes_or_text(body: Any) -> None:
    assert parse(VERIFIED, body, SECRET).to_dict() == DELIVERIES["conversation:message"]


def test_text_outside_ascii_is_kept() -> None:
    delivered = {"events": [{"type": "x", "payload": "ß 🌻 \ud83d"}]}
    assert parse(VERIFIED, json.dumps(delivered), SECRET).to_dict() == delivered
    del delivered["events"][0]["payload"]
    assert (
        parse(VERIFIED, json.dumps({**delivered, "é": "🌻"}, ensure_ascii=False).encode(), SECRET).to_dict()["é"]
        == "🌻"
    )


NESTED = 200_000
INVALID = {
    "empty": b"", "text": b"hidden", "cut": BODY[:-1], "trailing": BODY + b"}", "latin-1": b'{"events": ["\xe9hidden"]}',
    "surrogate": b'{"events": ["\xed\xa0\x80"]}', "utf-16": BODY.decode().encode("utf-16"), "nan": b'{"events": [], "hidden": NaN}',
    "infinity": b'{"events": [], "hidden": -Infinity}', "digits": b'{"events": [' + b"9" * 5000 + b"]}",
    "form": b"events=hidden", "null": b"null", "list": b'[{"hidden": 1}]', "number": b"1", "string": b'"hidden"',
    "no events": b'{"hidden": 1}', "null events": b'{"events": null}', "events of another type": b'{"events": {"hidden": 1}}',
    "text as an event": b'{"events": [{"type": "client:add"}, "hidden"]}', "null as an event": b'{"events": [null]}',
    "app": b'{"events": [], "app": "hidden"}', "webhook": b'{"events": [], "webhook": ["hidden"]}',
    "deep lists": b'{"events": ' + b"[" * NESTED + b"]" * NESTED + b"}", "deep and cut": b"[" * NESTED,
    "deep objects": b'{"events": [{"payload": ' + b'{"a":' * NESTED + b"1" + b"}" * NESTED + b"}]}",
    "rather deep": b'{"events": [{"payload": ' + b"[" * 98 + b"]" * 98 + b"}]}",
    "text with a lone surrogate": '{"events": ["\ud800hidden"]}',
}  # fmt: skip


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_an_invalid_body_is_rejected(body: bytes | str) -> None:
    with pytest.raises(WebhookDecodeError) as caught:
        parse(VERIFIED, body, SECRET)
    assert isinstance(caught.value, sunshine.OpenApiException)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    shown = everything_shown(caught.value)
    assert "hidden" not in shown
    assert SECRET not in shown
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_nesting_of_a_hundred_levels_is_accepted() -> None:
    body = b'{"events": [{"payload": ' + b"[" * 97 + b"]" * 97 + b"}]}"
    envelope = parse(VERIFIED, body, SECRET)
    assert envelope.to_dict() == json.loads(body)
    assert envelope.to_str()


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_the_body_of_an_unverified_request_is_not_read(body: bytes) -> None:
    with mock.patch("json.loads") as loads, pytest.raises(WebhookVerificationError):
        parse({"X-API-Key": OTHER}, body, SECRET)
    loads.assert_not_called()


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": OTHER}, [("X-API-Key", OTHER), ("X-API-Key", SECRET)]])
def test_a_failed_verification_shows_no_secret(headers: Any) -> None:
    with pytest.raises(WebhookVerificationError) as caught:
        parse(headers, INVALID["text"], SECRET)
    assert isinstance(caught.value, sunshine.OpenApiException)
    shown = everything_shown(caught.value)
    assert not any(text in shown for text in (SECRET, OTHER, "hidden"))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["type", "payload", "message", "content"]), inner)
    ),
    max_leaves=10,
)
EVENTS = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(list(DELIVERIES))}, optional={"payload": JSON, "id": JSON}) | JSON
)


@given(st.binary() | (st.fixed_dictionaries({"events": EVENTS | JSON}, optional={"app": JSON}) | JSON).map(json.dumps))
def test_a_verified_body_is_accepted_whole_or_rejected(body: bytes | str) -> None:
    try:
        envelope = parse(VERIFIED, body, SECRET)
    except WebhookDecodeError:
        return
    assert envelope.to_dict() == json.loads(body)


@given(st.text() | st.binary() | st.none())
def test_a_generated_key_is_rejected(value: str | bytes | None) -> None:
    with pytest.raises(WebhookVerificationError):
        parse({"X-API-Key": value}, BODY, [SECRET, OTHER])
