"""Queries and bodies that no covered operation has yet."""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import unquote

import pytest
from api_facts import Operation, Parameter, load, snake
from client_classes import cap_words
from support.drivers import Driver
from support.scripts import NewApi, NewScript, answer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._encoding import query_pairs


def test_plain_and_nested_query_parameters() -> None:
    parameters: Any = {"access": None, "for": None, "page": sunshine.Page}
    values = {"access": "public", "for": None, "page": {"size": 3}}
    assert query_pairs(parameters, values) == [("access", "public"), ("page[size]", "3")]


def required(operation: Operation, parameter: Parameter) -> dict[str, Any]:
    """Return a value for the other parameters that an operation requires."""
    others = [part for part in operation.query_parameters if part.required and part.name != parameter.name]
    return {part.name: {"userId": "u"} for part in others}


NESTED = [
    (operation, parameter, wire)
    for operation in load().operations.values()
    for parameter in operation.query_parameters
    if parameter.nested
    for wire in load().resolve(parameter.schema)["properties"]
]


@pytest.mark.parametrize(
    ("operation", "parameter", "wire"), NESTED, ids=[f"{operation.id}-{wire}" for operation, _, wire in NESTED]
)
def test_nested_parameters_are_sent_as_the_description_says(
    driver: Driver, api_at: NewApi, script: NewScript, operation: Operation, parameter: Parameter, wire: str
) -> None:
    """As a model, and as a dictionary with either kind of names."""
    value = 3 if wire == "size" else "x,y"
    model = sunshine.Page if parameter.name == "page" else getattr(sunshine, cap_words(parameter.schema["title"]))
    name = snake(wire)
    forms = [model(**{name: value}), {wire: value}, {name: value}]
    server = script(*[answer()] * len(forms))
    client = api_at(server.url).api_client
    owner = next(
        getattr(driver, api)(client) for api in sunshine.__all__ if hasattr(getattr(sunshine, api), operation.name)
    )
    ids = {snake(part.name): "a" for part in operation.path_parameters}
    for form in forms:
        getattr(owner, operation.name)(**ids, **{parameter.name: form}, **required(operation, parameter))
    lines = [unquote(line) for line in server.lines]
    assert lines == [lines[0]] * len(forms)
    assert f"{parameter.name}[{wire}]={value}" in lines[0].split(" ")[1].partition("?")[2].split("&")


@pytest.mark.parametrize("operation", [operation for operation in load().operations.values() if any(part.required for part in operation.query_parameters)], ids=lambda operation: operation.id)  # fmt: skip
def test_a_required_query_parameter_may_not_be_none(
    driver: Driver, api_at: NewApi, script: NewScript, operation: Operation
) -> None:
    server = script()
    client = api_at(server.url).api_client
    owner = next(api for api in sunshine.__all__ if hasattr(getattr(sunshine, api), operation.name))
    signature = inspect.signature(getattr(getattr(sunshine, owner), operation.name))
    wire = {snake(part.name) for part in operation.query_parameters} | {"var_for"}
    names = [name for name in signature.parameters if name not in ("self", "legacy") and name[0] != "_"]
    arguments = {name: None if name in wire else "a" for name in names}
    method = getattr(getattr(driver, owner)(client), operation.name)
    with pytest.raises(sunshine.ApiArgumentError, match="should not be None"):
        method(**arguments)
    assert server.requests == []


@pytest.mark.parametrize("value", [["a"], ("a",), {"a"}, {"a": "b"}, b"a"])
def test_a_value_that_a_query_cannot_hold_is_rejected(value: Any) -> None:
    for parameters, values in (({"for": None}, {"for": value}), ({"page": sunshine.Page}, {"page": {"colour": value}})):
        with pytest.raises(sunshine.ApiArgumentError, match="should be text or a number"):
            query_pairs(parameters, values)  # type: ignore[arg-type]  # both are valid
