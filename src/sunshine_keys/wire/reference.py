"""The page /docs: the service's own description, for people. The page needs no other host and no script.

It has the colours of the console, from one file, `colours.css`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from sunshine_keys import errors
from sunshine_keys.wire import openapi
from sunshine_keys.wire.answers import File
from sunshine_keys.wire.router import Router

Schema = dict[str, Any]

_TEMPLATE = Path(__file__).with_name("reference.html")
_STYLE = Path(__file__).with_name("reference.css")
_COLOURS = Path(__file__).with_name("colours.css")
_HOST = "https://host.invalid"
"""Stands for the URL of the service in the page that is rendered once."""

_POLICY = b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_FORM = "multipart/form-data"
_CREDENTIALS = {"$KEY_ID": "$KEY"}
"""Other variables for path parameters that have the name of a variable of the credentials in the examples."""


class Property(msgspec.Struct, frozen=True):
    """One property of a body or an answer, named by its path from the top."""

    name: str
    kind: str
    schema: str
    """The named schema that the property or its items have, or ""."""
    required: bool
    limits: str


class Shape(msgspec.Struct, frozen=True):
    """The properties of an object. `label` distinguishes the alternatives of a oneOf."""

    label: str
    properties: list[Property]


class Answer(msgspec.Struct, frozen=True):
    """A status and the shapes of its body. `shapes` is empty for the envelope of errors, and for files."""

    status: str
    description: str
    shapes: list[Shape]


class Entry(msgspec.Struct, frozen=True):
    """The page's entry for one operation. Each parameter has its place: the path, the query or a header."""

    id: str
    method: str
    path: str
    summary: str
    scopes: list[str]
    parameters: list[tuple[Property, str]]
    bodies: list[Shape]
    answers: list[Answer]
    curl: str


def page(router: Router, url: str, *, has_console: bool) -> File:
    """Return the page as HTML. `url` is that of the service, as the reader addressed it; examples use it."""
    html = _page(router, has_console).replace(_HOST.encode(), escape(url).encode())
    return File([(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY)], html)


@functools.cache
def _page(router: Router, has_console: bool) -> bytes:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    document = json.loads(openapi.document(router))
    examples = {operation.id: example(operation.body.schema) for operation in router.operations if operation.body}
    queries = {operation.id: operation.example_query for operation in router.operations}
    groups: dict[str, list[Entry]] = {}
    for path, methods in document["paths"].items():
        shared = methods.pop("parameters", [])
        for method, operation in methods.items():
            id = operation["operationId"]
            entry = _entry(path, method.upper(), operation, shared, examples.get(id), queries.get(id, ""))
            groups.setdefault(operation["tags"][0], []).append(entry)
    text = environment.from_string(_TEMPLATE.read_text()).render(
        host=_HOST,
        has_console=has_console,
        info=document["info"],
        security=document["components"]["securitySchemes"],
        groups=groups,
        schemas={name: _shapes(schema) for name, schema in document["components"]["schemas"].items()},
        errors=errors.kinds(),
        slug=lambda name: name.lower().replace(" ", "-"),
        prose=_prose,
    )
    return text.encode()


def colours() -> bytes:
    """Return the part of a stylesheet that defines the colours of all pages."""
    return _COLOURS.read_bytes()


@functools.cache
def style() -> File:
    """Return the stylesheet of the page."""
    return File([(b"content-type", b"text/css; charset=utf-8")], colours() + _STYLE.read_bytes())


def _prose(text: str) -> list[tuple[bool, str]]:
    """Split a text at backticks. Return each part, and True if it was between two of them."""
    return [(i % 2 == 1, part) for i, part in enumerate(text.split("`")) if part]


def _entry(path: str, method: str, operation: Schema, shared: list[Schema], body: Any, query: str) -> Entry:
    content = operation.get("requestBody", {}).get("content", {})
    return Entry(
        operation["operationId"],
        method,
        path,
        operation["summary"],
        operation["security"][0]["basic"] if operation["security"] else [],
        [(_parameter(parameter), parameter["in"]) for parameter in [*shared, *operation.get("parameters", [])]],
        [shape for part in list(content.values())[:1] for shape in _shapes(part["schema"])],
        [_answer(status, response) for status, response in operation["responses"].items()],
        _curl(path, method, body, query, credentials=_credentials(operation["security"]), is_form=_FORM in content),
    )


def _parameter(parameter: Schema) -> Property:
    is_required, description = parameter.get("required", False), parameter.get("description", "")
    return _property(parameter["name"], parameter["schema"], is_required, description)


def _answer(status: str, response: Schema) -> Answer:
    content = response.get("content", {})
    if "application/json" not in content:  # a file, or nothing
        return Answer(status, response["description"], [])
    schema = content["application/json"]["schema"]
    shapes = [] if schema == {"$ref": "#/components/schemas/Errors"} else _shapes(schema)
    return Answer(status, response["description"], shapes)


def _shapes(schema: Schema) -> list[Shape]:
    if "$ref" in schema:
        name = _referred(schema)
        return [Shape("", [Property("", name, name, required=True, limits="")])]
    if "oneOf" not in schema:
        return [Shape("", list(_properties(schema, "", required=True)))]
    return [Shape(_label(member), list(_properties(member, "", required=True))) for member in schema["oneOf"]]


def _label(member: Schema) -> str:
    kinds = member["properties"]["type"]["enum"]
    return f"Of type {kinds[0]}" if len(kinds) == 1 else "Of any other type"


def _properties(schema: Schema, prefix: str, *, required: bool) -> Iterator[Property]:
    for name, part in schema.get("properties", {}).items():
        is_required = required and name in schema.get("required", ())
        yield _property(prefix + name, part, is_required, part.get("description", ""))
        inner, mark = (part.get("items", {}), "[].") if part.get("type") == "array" else (part, ".")
        for label, member in _members(inner):
            yield from _properties(member, prefix + name + label + mark, required=is_required and not label)


def _members(schema: Schema) -> list[tuple[str, Schema]]:
    """Return the alternatives of a nested oneOf, each with its label: the types that it is for, in parentheses."""
    if "oneOf" not in schema:
        return [("", schema)]
    return [(f"({'/'.join(member['properties']['type']['enum'])})", member) for member in schema["oneOf"]]


def _property(name: str, schema: Schema, required: bool, description: str) -> Property:
    item = schema.get("items", {})
    referred = _referred(schema) or _referred(item)
    limits = [*_limits(schema), *(f"each {limit}" for limit in _limits(item))]
    if "default" in schema:
        limits.append(f"{schema['default']} if it is missing")
    text = "; ".join(limits)
    return Property(name, _kind(schema), referred, required, f"{description} {text[:1].upper()}{text[1:]}".strip())


def _referred(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        return _referred(schema)
    kind = schema.get("type", "object")  # a oneOf is an object of one of several types
    if isinstance(kind, list):
        return " or ".join(kind)
    return f"array of {_kind(schema['items'])}" if kind == "array" and "items" in schema else kind


def _limits(schema: Schema) -> Iterator[str]:
    if "enum" in schema:
        yield ("one of " if len(schema["enum"]) > 1 else "") + ", ".join(f"`{value}`" for value in schema["enum"])
    for least, most, unit in (
        ("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items"), ("minimum", "maximum", ""),
    ):  # fmt: skip
        yield from _range(schema.get(least), schema.get(most), unit)
    pattern = schema.get("pattern", "")
    if pattern and not pattern.startswith("^[^"):  # such a pattern only excludes U+0000
        yield f"matches `{pattern}`"


def _range(least: int | None, most: int | None, unit: str) -> Iterator[str]:
    unit = unit.removesuffix("s") if most == 1 else unit
    if most is None:
        text = "not empty" if least == 1 else ""
    elif unit and not least:
        text = f"at most {most} {unit}"
    else:
        text = f"exactly {most} {unit}" if least == most else f"{least or 0} to {most} {unit}".strip()
    if text:
        yield text


def _credentials(security: list[Schema]) -> str:
    """Return curl's option for the credentials of an operation. Only an access token has no other scope than integration."""
    if not security:
        return ""
    is_partners = security[0]["basic"] == ["integration"]
    return '-H "Authorization: Bearer $ACCESS_TOKEN"' if is_partners else '-u "$KEY_ID:$SECRET"'


def _curl(path: str, method: str, body: Any, query: str, *, credentials: str, is_form: bool) -> str:
    """Return a command. `query` and the texts of `body` may hold shell variables."""
    url = re.sub(r"{(\w+)}", lambda match: variable(match[1]), path) + (f"?{query}" if query else "")
    words = ["curl", *(["-X", method] if method != "GET" else []), f'"$HOST{url}"']
    lines = [" ".join(words), *([credentials] if credentials else [])]
    if is_form:
        lines.append("-F 'source=Hello!;filename=notes.txt'")
    elif body is not None:
        ends = '"\'"'  # they end the shell's single quotes around the variable
        text = re.sub(r'"\$([A-Z_]+)"', lambda match: f"{ends}${match[1]}{ends}", json.dumps(body))
        lines += ["-H 'Content-Type: application/json'", f"-d '{text}'"]
    return " \\\n  ".join(lines)


def variable(parameter: str) -> str:
    """Return the shell variable for a path parameter: `$APP_ID` for appId."""
    name = "$" + re.sub(r"(?=[A-Z])", "_", parameter).upper()
    return _CREDENTIALS.get(name, name)


def example(schema: Schema) -> Any:
    """Return a value that a schema accepts. An object has the required properties, or else only its first property."""
    if "example" in schema:
        return schema["example"]
    if "enum" in schema:
        return schema["enum"][0]
    if "oneOf" in schema:
        return example(schema["oneOf"][0])
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: example(properties[name]) for name in schema.get("required") or list(properties)[:1]}
    if kind == "array":
        return [example(schema["items"])]
    return {"string": "text", "integer": schema.get("minimum", 0), "number": 0, "boolean": True}[kind]
