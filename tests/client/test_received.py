"""What a server sent: kept whole, sent back, and decoded in subclasses of models too."""

import datetime as dt
from typing import Any

import pytest
from api_facts import Schema, load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import models

API = load()
TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda part: st.dictionaries(TEXT, part, max_size=2), max_leaves=3
)


class OwnKey(sunshine.ApiKey):
    colour: str | None = None


class OwnKeys(sunshine.IntegrationApiKeyListResponse):
    # The annotations of this module are classes, not texts.
    keys: list[OwnKey]
    first: OwnKey | None = None
    by_name: dict[str, OwnKey] | None = None
    status: sunshine.Status | None = None
    count: int | None = None


def test_a_subclass_decodes_nested_fields() -> None:
    key = {"id": "1", "colour": "red"}
    wire = {"keys": [key], "first": key, "byName": {"a": key}, "status": "active", "count": 1}
    own = OwnKeys.from_dict(wire)
    assert own and own.by_name
    assert [type(part) for part in (own.keys[0], own.first, own.by_name["a"])] == [OwnKey] * 3
    assert (own.keys[0].colour, own.status) == ("red", sunshine.Status.ACTIVE)
    assert own.to_dict() == wire
    with pytest.raises(sunshine.ApiArgumentError):
        own.count = "many"  # type: ignore[assignment]


def test_a_subclass_without_fields_decodes_nested_fields() -> None:
    class Own(sunshine.MessageListResponse):
        pass

    own = Own.from_dict({"messages": [{"content": {"type": "text", "text": "hi"}}]})
    assert own and own.messages and own.messages[0].content
    assert own.messages[0].content.text == "hi"


@pytest.mark.parametrize(
    ("model", "arguments"),
    [(sunshine.PassControlBody, ("next", "reason", {}, 1)), (sunshine.IntegrationApiKey, ("x", "y"))],
)
def test_surplus_positional_arguments_are_rejected(model: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="positional arguments"):
        model(*arguments)


def test_an_argument_is_taken_once() -> None:
    author: Any = sunshine.Author
    for name in ("user_id", "userId"):
        with pytest.raises(TypeError, match="two values"):
            author("user", None, "u", **{name: "v"})


def test_unknown_properties_are_kept_and_sent_back_at_any_depth() -> None:
    wire = {"displayName": "x", "new": {"a": 1}, "settings": {"echoPostback": True, "newSetting": [1]}}
    app = sunshine.AppUpdateBody.from_dict(wire)
    assert app and app.settings
    assert app.additional_properties == {"new": {"a": 1}}
    assert app.settings.additional_properties == {"newSetting": [1]}
    assert app.to_dict() == app.to_body() == wire
    assert sunshine.AppUpdateBody.from_argument(wire).to_body() == wire


def test_nested_dictionaries_may_have_names_in_snake_case() -> None:
    body = {"content": {"type": "carousel", "items": [{"title": "t", "media_url": "u", "actions": [{"type": "link", "extra_channel_options": {"messenger": {}}}]}]}}  # fmt: skip
    item = {"title": "t", "mediaUrl": "u", "actions": [{"type": "link", "extraChannelOptions": {"messenger": {}}}]}
    assert sunshine.MessagePost.from_argument(body).to_body() == {"content": {"type": "carousel", "items": [item]}}


def test_null_that_was_received_is_kept_and_sent_only_where_it_has_a_meaning() -> None:
    received = {"displayName": None, "metadata": None}
    conversation = sunshine.ConversationUpdateBody.from_dict(received)
    assert conversation and conversation.to_dict() == received
    app = sunshine.AppUpdateBody.from_dict(received)
    assert app and app.to_dict() == received
    assert app.to_body() == {"metadata": None}


def test_a_time_is_sent_as_text() -> None:
    moment: Any = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    body = sunshine.UserCreateBody(external_id="x", signed_up_at=moment, metadata={"at": moment})
    assert body.signed_up_at == "2026-01-02T03:04:05+00:00"
    assert body.to_body()["metadata"] == {"at": "2026-01-02T03:04:05+00:00"}


def instances(schema: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Return a strategy for what a server may send for a schema: with missing, unknown and null properties."""
    resolved = API.resolve(schema)
    if depth > 4:
        return st.just({}) if resolved.get("properties") or "oneOf" in resolved else TEXT
    kinds = API.kinds(schema)
    if kinds and depth < 4:
        return st.one_of([_of_kind(kind, part, depth) for kind, part in kinds.items()])
    if "oneOf" in resolved or "anyOf" in resolved:
        return st.one_of([instances(part, depth + 1) for part in resolved.get("oneOf") or resolved["anyOf"]])
    if "properties" in resolved:
        parts = {name: _or_null(part, depth + 1) for name, part in resolved["properties"].items()}
        return st.builds(
            lambda known, extra: extra | known,
            st.fixed_dictionaries({}, optional=parts),
            st.dictionaries(TEXT, JSON, max_size=1),
        )
    if resolved.get("type") == "array":
        return st.lists(instances(resolved["items"], depth + 1), max_size=2)
    plain = {"integer": st.integers(), "number": st.integers() | st.floats(allow_nan=False), "boolean": st.booleans()}
    if resolved.get("type") == "object":
        return st.dictionaries(TEXT, JSON, max_size=2)
    return plain.get(resolved.get("type", ""), st.sampled_from(resolved["enum"]) | TEXT if "enum" in resolved else TEXT)


def _of_kind(kind: str, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
    return instances(API.resolve(schema), depth + 1).map(lambda value: value | {"type": kind})


def _or_null(schema: Schema, depth: int) -> st.SearchStrategy[Any]:
    return st.none() | instances(schema, depth) if API.resolve(schema).get("nullable") else instances(schema, depth)


def class_named(schema: str) -> Any:
    return getattr(models, API.overlay["classes"].get(schema) or schema[:1].upper() + schema[1:], None)


SCHEMAS = [
    name
    for name in API.schemas
    if class_named(name) and {"properties", "oneOf", "anyOf"} & API.resolve(API.schemas[name]).keys()
]


def test_nearly_all_schemas_have_a_model() -> None:
    assert len(SCHEMAS) > 180


@pytest.mark.parametrize("name", SCHEMAS)
@given(data=st.data())
@settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_to_dict_returns_what_from_dict_took(name: str, data: st.DataObject) -> None:
    wire = data.draw(instances({"$ref": f"#/components/schemas/{name}"}))
    model = class_named(name).from_dict(wire)
    assert model.to_dict() == wire
    assert class_named(name).from_json(model.to_json()) == model
