"""The page /docs: the service's description of itself as a person reads it. Needs no other host and no script."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sunshine_keys import errors
from sunshine_keys.wire import openapi

Schema = dict[str, Any]

_TEMPLATE = Path(__file__).with_name("reference.html")
_STYLE = Path(__file__).with_name("reference.css")
_POLICY = b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_VARIABLES = {"appId": "$APP_ID", "integrationId": "$INTEGRATION_ID", "keyId": "$KEY", "webhookId": "$WEBHOOK_ID"}
_EXAMPLES: dict[str, Any] = {
    "displayName": "My name for it",
    "target": "https://example.com/callback",
    "triggers": ["conversation:message"],
}


class File(msgspec.Struct, frozen=True):
    """What is answered as it is: its own headers, and its bytes."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


class Property(msgspec.Struct, frozen=True):
    """One property of a body or an answer, by its path from there."""

    name: str
    kind: str
    schema: str
    """The schema that it is or holds, where it has a name."""
    required: bool
    limits: str


class Shape(msgspec.Struct, frozen=True):
    """What an object holds; `label` tells it from the others that it may be instead."""

    label: str
    properties: list[Property]


class Answer(msgspec.Struct, frozen=True):
    status: str
    description: str
    shapes: list[Shape]
    """Empty where it is the envelope of errors."""


class Described(msgspec.Struct, frozen=True):
    """An operation, as the page tells of it."""

    id: str
    method: str
    path: str
    summary: str
    scopes: list[str]
    parameters: list[tuple[Property, str]]
    """Each with where it is: in the path, the query or a header."""
    bodies: list[Shape]
    answers: list[Answer]
    curl: str


@functools.cache
def page() -> File:
    """The page as HTML."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    document = json.loads(openapi.document())
    groups: dict[str, list[Described]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                described = _described(path, method.upper(), operation, methods.get("parameters", []))
                groups.setdefault(operation["tags"][0], []).append(described)
    html = environment.from_string(_TEMPLATE.read_text()).render(
        info=document["info"],
        security=document["components"]["securitySchemes"],
        groups=groups,
        schemas={name: _shapes(schema) for name, schema in document["components"]["schemas"].items()},
        errors=errors.kinds(),
        slug=lambda name: name.lower().replace(" ", "-"),
        prose=_prose,
    )
    return File([(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY)], html.encode())


@functools.cache
def style() -> File:
    """The page's stylesheet."""
    return File([(b"content-type", b"text/css; charset=utf-8")], _STYLE.read_bytes())


def _prose(text: str) -> list[tuple[bool, str]]:
    """A text's parts, each with whether it stands between backticks."""
    return [(i % 2 == 1, part) for i, part in enumerate(text.split("`")) if part]


def _described(path: str, method: str, operation: Schema, shared: list[Schema]) -> Described:
    body = operation["requestBody"]["content"]["application/json"]["schema"] if "requestBody" in operation else None
    parameters = [
        (_property(each["name"], each["schema"], each.get("required", False), each.get("description", "")), each["in"])
        for each in [*shared, *operation.get("parameters", [])]
    ]
    return Described(
        operation["operationId"],
        method,
        path,
        operation["summary"],
        operation["security"][0]["basic"] if operation["security"] else [],
        parameters,
        _shapes(body) if body else [],
        [_answer(status, each) for status, each in operation["responses"].items()],
        _curl(path, method, body, needs_key=bool(operation["security"])),
    )


def _answer(status: str, response: Schema) -> Answer:
    schema = response["content"]["application/json"]["schema"]
    shapes = [] if schema == {"$ref": "#/components/schemas/Errors"} else _shapes(schema)
    return Answer(status, response["description"], shapes)


def _shapes(schema: Schema) -> list[Shape]:
    if "$ref" in schema:
        name = _referred(schema)
        return [Shape("", [Property("", name, name, required=True, limits="")])]
    shapes = [Shape("", list(_properties(each, "", required=True))) for each in schema.get("oneOf", [schema])]
    if len(shapes) == 1:
        return shapes
    return [
        Shape(f"Of type {kinds[0]}" if len(kinds) == 1 else "Of any other type", shape.properties)
        for shape, kinds in zip(shapes, (each["properties"]["type"]["enum"] for each in schema["oneOf"]), strict=True)
    ]


def _properties(schema: Schema, prefix: str, *, required: bool) -> Iterator[Property]:
    for name, each in schema.get("properties", {}).items():
        is_required = required and name in schema.get("required", ())
        yield _property(prefix + name, each, is_required, each.get("description", ""))
        inner, mark = (each.get("items", {}), "[].") if each.get("type") == "array" else (each, ".")
        yield from _properties(inner, prefix + name + mark, required=is_required)


def _property(name: str, schema: Schema, required: bool, description: str) -> Property:
    item = schema.get("items", {})
    referred = _referred(schema) or _referred(item)
    limits = [*_limits(schema), *(f"each {limit}" for limit in _limits(item))]
    if "default" in schema:
        limits.append(f"{schema['default']} if not given")
    told = "; ".join(limits)
    return Property(name, _kind(schema), referred, required, f"{description} {told[:1].upper()}{told[1:]}".strip())


def _referred(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        return _referred(schema)
    kind = schema["type"]
    if isinstance(kind, list):
        return " or ".join(kind)
    return f"array of {_kind(schema['items'])}" if kind == "array" and "items" in schema else kind


def _limits(schema: Schema) -> Iterator[str]:
    if "enum" in schema:
        yield ("one of " if len(schema["enum"]) > 1 else "") + ", ".join(f"`{each}`" for each in schema["enum"])
    for least, most, unit in (
        ("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items"), ("minimum", "maximum", ""),
    ):  # fmt: skip
        yield from _range(schema.get(least), schema.get(most), unit)
    pattern = schema.get("pattern", "")
    if pattern and not pattern.startswith("^[^"):  # what a text may not hold goes without saying
        yield f"matches `{pattern}`"


def _range(least: int | None, most: int | None, unit: str) -> Iterator[str]:
    unit = unit.removesuffix("s") if most == 1 else unit
    if most is None:
        told = "not empty" if least == 1 else ""
    elif unit and not least:
        told = f"at most {most} {unit}"
    else:
        told = f"exactly {most} {unit}" if least == most else f"{least or 0} to {most} {unit}".strip()
    if told:
        yield told


def _curl(path: str, method: str, body: Schema | None, *, needs_key: bool) -> str:
    url = re.sub(r"{(\w+)}", lambda found: _VARIABLES[found[1]], path)
    words = ["curl", *(["-X", method] if method != "GET" else []), f'"$HOST{url}"']
    lines = [" ".join(words), *(['-u "$KEY_ID:$SECRET"'] if needs_key else [])]
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(_example(body))}'"]
    return " \\\n  ".join(lines)


def _example(schema: Schema) -> Any:
    """A body with what is required, or with the first property where nothing is."""
    schema = schema.get("oneOf", [schema])[0]
    names = schema.get("required") or list(schema["properties"])[:1]
    return {name: _value(name, schema["properties"][name]) for name in names}


def _value(name: str, schema: Schema) -> Any:
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    return schema["enum"][0] if "enum" in schema else [_example(schema["items"])]
