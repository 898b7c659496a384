"""The published examples as calls: what a program passes, what the API documents to be sent, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api_facts import Operation, Schema, load

from sunshine_conversations_client._fields import FieldType
from sunshine_conversations_client._model import Model
from sunshine_conversations_client._unions import OneOf

API = load()
IDS = {"appId": "5d8cff3cd55b040010928b5b", "userIdOrExternalId": "your own id/1"}


@dataclass(frozen=True)
class Example:
    """One answer of an operation, with a body if the operation has one."""

    operation: Operation
    name: str
    status: int
    answer: Any
    body: Any


def examples(operation: Operation) -> list[Example]:
    """Return the published answers of an operation, each with the published body of the same name, or with the first one."""
    facts = API.facts["paths"][operation.path][operation.method.lower()]
    content = facts.get("requestBody", {}).get("content", {}).get("application/json", {})
    bodies = {name: _value(example) for name, example in content.get("examples", {}).items()}
    if content and not bodies:
        bodies = {"default": example_of(content["schema"])}
    default = next(iter(bodies.values()), None)
    listed: list[Example] = []
    for status, answer in facts["responses"].items():
        published = answer.get("content", {}).get("application/json", {})
        answers = {name: _value(example) for name, example in published.get("examples", {}).items()}
        if int(status) == operation.status and not operation.browser and not answers:
            answers = {"default": example_of(published.get("schema", {}))}
        for name, value in answers.items():
            listed.append(Example(operation, name, int(status), value, bodies.get(name, default)))
    named = {example.name for example in listed}
    success = next((example.answer for example in listed if example.status == operation.status), None)
    listed += [
        Example(operation, name, operation.status, success, body) for name, body in bodies.items() if name not in named
    ]
    return listed


def _value(example: Schema) -> Any:
    return API.target(example)["value"]


def example_of(schema: Schema) -> Any:
    """Return an instance of a schema, from the examples of its parts."""
    resolved = API.resolve(schema)
    if "example" in resolved:
        return resolved["example"]
    if "oneOf" in resolved or "anyOf" in resolved:
        return example_of((resolved.get("oneOf") or resolved["anyOf"])[0])
    kinds = API.kinds(schema)
    if kinds:
        return example_of(next(iter(kinds.values())))
    if "enum" in resolved:
        return resolved["enum"][0]
    if "default" in resolved:
        return resolved["default"]
    if "properties" in resolved:
        return {name: example_of(part) for name, part in resolved["properties"].items()}
    if resolved.get("type") == "array":
        return [example_of(resolved["items"])]
    return {"string": "text", "integer": 7, "number": 1.5, "boolean": True}.get(resolved.get("type", ""), {})


# The forms in which a program may write a body


def forms(model: type[Model], body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a documented body in all forms that generations of the official package accept, each with its name."""
    yield "dictionary", body
    yield "dictionary with names in snake_case", _snake(model, body)
    yield "dictionary of models", _values(model, body, flat)
    yield "flat models, as before 17", flat(model, body)
    yield "wrapped models, as in 17", wrapped(model, body)
    yield "model of dictionaries", model(**body)
    yield "from_dict", model.from_dict(body)


def flat(model: type[Model], value: dict[str, Any]) -> Any:
    """Build a model as before version 17: one class with the fields of all kinds."""
    return model(**_values(model, value, flat))


def wrapped(model: type[Model], value: dict[str, Any]) -> Any:
    """Build a model as in version 17: the class of a union wraps a model of one of its kinds."""
    kind = model._class_for(value)
    built = kind(**_values(kind, value, wrapped))
    return model(built) if issubclass(model, OneOf) else built


def _values(model: type[Model], value: dict[str, Any], build: Any) -> dict[str, Any]:
    fields = model._class_for(value)._by_wire
    return {fields[name].name: _built(fields[name].type, part, build) for name, part in value.items()}


def _built(kind: FieldType, value: Any, build: Any) -> Any:
    if kind.plain or value is None:
        return value
    if kind.container is list:
        return [_built(kind.item, item, build) for item in value]
    named = kind.named()
    return build(named, value) if issubclass(named, Model) else named(value)


def _snake(model: type[Model], value: dict[str, Any]) -> dict[str, Any]:
    return _values(model, value, _snake)


# Requests


def path_of(operation: Operation) -> tuple[list[str], str]:
    """Return ids for the path of an operation, and the path with them."""
    ids = [IDS.get(name, f"{name}-1") for name in re.findall(r"{(\w+)}", operation.path)]
    quoted = iter(value.replace(" ", "%20").replace("/", "%2F") for value in ids)
    return ids, re.sub(r"{\w+}", lambda _: next(quoted), operation.path)
