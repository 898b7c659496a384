"""Unions: a base class, the kinds of a value, and the forms in which a caller may write them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._model import Model
from sunshine_conversations_client._unions import OneOf


class Content(OneOf, tag="type"):
    type: str | None = None


class TextMessage(Content, kind="text"):
    type: str | None = "text"
    text: str | None = None
    actions: list[Action] | None = None


class Action(OneOf, tag="type"):
    type: str | None = None


class ActionSubset(OneOf, tag="type"):
    type: str | None = None


class Link(Action, ActionSubset, kind="link"):
    type: str | None = "link"
    uri: str | None = None


class Reply(Action, kind="reply"):
    type: str | None = "reply"


class Destination(OneOf):
    integration_id: str | None = None
    integration_type: str | None = None


class IntegrationType(Destination):
    """A kind of a union that has no tag."""


class Message(Model):
    content: Content | None = None
    destinations: list[Destination] | None = None
    actions: dict[str, ActionSubset] | None = None
    grid: list[list[Action]] | None = None


SAME: list[Any] = [
    TextMessage(text="x"),
    Content(TextMessage(text="x")),  # type: ignore[misc]
    Content({"type": "text", "text": "x"}),  # type: ignore[misc]
    Content(type="text", text="x"),  # type: ignore[call-arg]
    Content("text", "x"),  # type: ignore[misc]
    Content(actual_instance=TextMessage(text="x")),  # type: ignore[call-arg]
    Content(actual_instance={"type": "text", "text": "x"}),  # type: ignore[call-arg]
    Content.from_dict({"type": "text", "text": "x"}),
    Content.from_json('{"type": "text", "text": "x"}'),
]


@pytest.mark.parametrize("content", SAME, ids=range(len(SAME)))
def test_every_form_is_the_class_of_its_kind(content: Any) -> None:
    assert type(content) is TextMessage
    assert content.actual_instance is content
    assert content.to_dict() == {"type": "text", "text": "x"}
    assert content == copy.deepcopy(content) == pickle.loads(pickle.dumps(content))
    assert Message(content=content).to_dict() == {"content": {"type": "text", "text": "x"}}


def test_wrapping_returns_the_instance_itself() -> None:
    text = TextMessage(text="x")
    assert Content(text) is text  # type: ignore[misc]


def test_unknown_kind_is_kept_as_the_base_class() -> None:
    content = Content.from_dict({"type": "hologram", "depth": 3})
    assert type(content) is Content
    assert (content.type, content.additional_properties) == ("hologram", {"depth": 3})


@pytest.mark.parametrize("invalid", [sunshine.App(), 5, ["text"]])
def test_other_values_are_rejected(invalid: Any) -> None:
    with pytest.raises(sunshine.ApiArgumentError):
        Content(invalid)
    with pytest.raises(sunshine.ApiArgumentError):
        sunshine.IntegrationUpdate(invalid)
    with pytest.raises(sunshine.ApiArgumentError):
        Message(content=invalid)


def test_kind_may_belong_to_two_unions() -> None:
    assert type(Action(type="link", uri="u")) is type(ActionSubset(type="link", uri="u")) is Link  # type: ignore[call-arg]
    assert type(ActionSubset.from_dict({"type": "reply"})) is ActionSubset
    assert type(Action.from_dict({"type": "reply"})) is Reply


def test_union_without_a_tag_has_the_fields_of_all_kinds() -> None:
    destination = Destination.from_dict({"integrationType": "whatsapp"})
    assert type(destination) is Destination
    assert destination.to_dict() == {"integrationType": "whatsapp"}
    message = Message(destinations=[IntegrationType(integration_type="whatsapp"), {"integration_id": "i"}])  # type: ignore[list-item]
    assert message.to_dict() == {"destinations": [{"integrationType": "whatsapp"}, {"integrationId": "i"}]}


def test_unions_in_dictionaries_and_nested_lists() -> None:
    wire = {"actions": {"a": {"type": "link", "uri": "u"}}, "grid": [[{"type": "reply"}], []]}
    message = Message.from_dict(wire)
    assert message
    assert message.actions == {"a": Link(uri="u")}
    assert message.grid == [[Reply()], []]
    assert message.to_dict() == wire
    assert Message(**wire) == message
    for invalid in ({"actions": []}, {"actions": {"a": 5}}, {"grid": [5]}):
        with pytest.raises(sunshine.ApiArgumentError):
            Message(**invalid)  # type: ignore[arg-type]


def test_kind_is_chosen_by_its_fields_where_the_union_says_so() -> None:
    assert type(sunshine.IntegrationUpdate(brand_color="fff")) is sunshine.WebUpdate
    assert type(sunshine.IntegrationUpdate({"privateKey": "k"})) is sunshine.AndroidUpdate
    assert type(sunshine.IntegrationUpdate(display_name="x")) is sunshine.CustomUpdate
    assert type(sunshine.IntegrationUpdate.from_dict({"displayName": "x"})) is sunshine.CustomUpdate


def test_integration_is_made_flat() -> None:
    custom = sunshine.Integration(type="custom", display_name="x")
    assert type(custom) is sunshine.Custom
    assert custom == sunshine.Custom(display_name="x", type="custom")


def test_fields_of_other_kinds_read_as_none() -> None:
    message = sunshine.Message.from_dict({"content": {"type": "text", "text": "hi", "actions": [{"type": "reply"}]}})
    assert message and message.content
    assert message.content.text == message.content.actual_instance.text == message.content.to_dict()["text"] == "hi"
    assert message.content.coordinates is None
    assert message.content.actions and message.content.actions[0].uri is None
    assert sunshine.Content.from_dict({"type": "hologram"}).text is None  # type: ignore[union-attr]
    with pytest.raises(sunshine.ApiArgumentError):
        message.content.coordinates = None  # type: ignore[misc]


def test_flat_value_without_its_type_is_rejected() -> None:
    with pytest.raises(sunshine.ApiArgumentError, match="Content needs a type, which is one of: text, carousel"):
        sunshine.Content(text="hi")


def test_event_of_unknown_type_keeps_its_payload() -> None:
    event = sunshine.EventSubSchema.from_dict({"type": "user:dance", "payload": {"a": 1}})
    assert type(event) is sunshine.EventSubSchema
    assert event.payload == {"a": 1}
    known = sunshine.EventSubSchema.from_dict({"type": "passthrough:messaging", "payload": {"a": 1}})
    assert isinstance(known, sunshine.PassthroughMessagingEvent)
    assert known.payload == {"a": 1}
