"""Check request bodies against the JSON schemas of facts.json, in the words that the API uses for its own errors.

Each schema is compiled once into closures. A closure returns all faults of a value, as titles of a 400. It supports the
keywords that the facts use. Any other keyword raises ValueError when the schema is compiled, so no rule is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest

Values = dict[str, Any]
Schema = dict[str, Any]
Check = Callable[[str, Any], list[str]]
"""Return the faults of a value. The name is the path of the value in the body: `webhooks[0].target`."""

Rules = Mapping[str, Check]
"""Rules that a schema cannot state, by the path of the property: `webhooks[].target`. A rule gets values of the right type only."""

FAULTS_SHOWN = 20
_LARGEST_INTEGER = 2**53 - 1
_NO_NUL = r"^[^\u0000]*$"
_ANNOTATIONS = {"contentMediaType", "description", "example", "fault", "pattern", "type"}
_KEYWORDS = {
    "array": {"items", "minItems", "maxItems"},
    "boolean": set[str](),
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "object": {"properties", "required", "additionalProperties"},
    "string": {"enum", "form", "minLength", "maxLength"},
}


class Body:
    """The checks of one operation's body. Properties that the schema does not name are ignored, at every depth."""

    __slots__ = ("_members", "_pick", "_tag", "schema")

    def __init__(self, schema: Schema, rules: Rules | None = None) -> None:
        """Raise ValueError for a keyword without a check, and for a rule whose property does not exist."""
        self.schema = schema
        compiler = _Compiler(rules or {})
        self._tag, self._members = compiler.members(schema)
        self._pick = _picker(schema)
        compiler.require_all_rules_used()

    def values(self, body: Any) -> Values:
        """Return the known properties of a decoded body. Raises BadRequest with all its faults, at most 20."""
        member = self._members[""]
        if self._tag and isinstance(body, dict) and isinstance(kind := body.get(self._tag), str):
            member = self._members.get(kind, member)
        if not isinstance(body, dict):
            raise BadRequest("body should be object")
        if faults := member.faults(body, "", ""):
            raise BadRequest(*faults[:FAULTS_SHOWN])
        values: Values = body if self._pick is None else self._pick(body)
        return values


class _Object(msgspec.Struct, frozen=True):
    """`others` checks the properties that have no check of their own; None accepts all."""

    properties: dict[str, Check]
    required: list[str]
    others: Check | None = None

    def faults(self, value: Values, subject: str, prefix: str) -> list[str]:
        faults = [f"{subject}should have required property '{name}'" for name in self.required if name not in value]
        for name, check in self.properties.items():
            if name in value:
                faults += check(prefix + name, value[name])
        if self.others is not None:
            for name, part in value.items():
                if name not in self.properties:
                    faults += self.others(prefix + name, part)
        return faults


class _Compiler:
    """Compile one schema with the rules of its operation."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._unused = set(rules)

    def require_all_rules_used(self) -> None:
        if self._unused:
            raise ValueError(f"there are rules for properties that the body does not have: {sorted(self._unused)}")

    def members(self, schema: Schema) -> tuple[str, dict[str, _Object]]:
        """Return the tag and the members of a oneOf by the tag's values. The member at "" is for any other value."""
        if "oneOf" not in schema:
            return "", {"": self._members_of(schema, "")}
        tag: str = schema["tagged_by"]
        members: dict[str, _Object] = {}
        for member in schema["oneOf"]:
            members[""] = self._members_of(member, "")
            members |= dict.fromkeys(member["properties"][tag]["enum"], members[""])
        return tag, members

    def _members_of(self, schema: Schema, path: str) -> _Object:
        prefix = f"{path}." if path else ""
        properties = schema.get("properties", {}).items()
        others = schema.get("additionalProperties")
        return _Object(
            {name: self._check(part, prefix + name) for name, part in properties},
            schema.get("required", []),
            None if others is None else _scalar(others),
        )

    def _check(self, schema: Schema, path: str) -> Check:
        if "oneOf" in schema:
            tag: str = schema["tagged_by"]
            members = {
                kind: self._members_of(member, path)
                for member in schema["oneOf"]
                for kind in member["properties"][tag]["enum"]
            }
            return _one_of(tag, members)
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        (kind,) = set(kinds) - {"null"}
        unknown = schema.keys() - _ANNOTATIONS - _KEYWORDS[kind]
        if unknown:
            raise ValueError(f"{path}: there is no check for {sorted(unknown)}")
        match kind:
            case "array":
                check = _array(schema, self._check(schema["items"], f"{path}[]"))
            case "boolean":
                check = _boolean
            case "integer":
                check = _integer(schema)
            case "number":
                check = _number(schema)
            case "object":
                closed = schema.keys() & {"properties", "additionalProperties"}
                check = _object(self._members_of(schema, path) if closed else None)
            case _:
                check = _string(schema)
        if path in self._rules:
            self._unused.discard(path)
            check = _with_rule(check, self._rules[path])
        return _nullable(check) if "null" in kinds else check


def _picker(schema: Schema) -> Callable[[Any], Any] | None:
    """Return a function from a value without faults to its known properties; None if it would return the value itself."""
    if "oneOf" in schema:
        tag: str = schema["tagged_by"]
        members = {kind: _picker(member) for member in schema["oneOf"] for kind in member["properties"][tag]["enum"]}
        return lambda value: pick(value) if (pick := members[value[tag]]) else value
    if schema["type"] == "array":
        item = _picker(schema["items"])
        return item and (lambda value: [item(element) for element in value])
    if "properties" not in schema:
        return None
    names = tuple(schema["properties"])
    inner = [(name, pick) for name, part in schema["properties"].items() if (pick := _picker(part))]

    def pick_object(value: Values | None) -> Values | None:
        if value is None:
            return None
        picked = {name: value[name] for name in names if name in value}
        for name, pick in inner:
            if name in picked:
                picked[name] = pick(picked[name])
        return picked

    return pick_object


def _nullable(check: Check) -> Check:
    return lambda name, value: [] if value is None else check(name, value)


def _with_rule(check: Check, rule: Check) -> Check:
    return lambda name, value: check(name, value) or rule(name, value)


def _boolean(name: str, value: Any) -> list[str]:
    return [] if isinstance(value, bool) else [f"{name} should be boolean"]


def _integer(schema: Schema) -> Check:
    least, most = schema["minimum"], schema["maximum"]
    limits = f">= {least} and " + ("< 2^53" if most == _LARGEST_INTEGER else f"<= {most}")

    def check(name: str, value: Any) -> list[str]:
        if isinstance(value, bool) or not isinstance(value, int):
            return [f"{name} should be integer"]
        return [] if least <= value <= most else [f"{name} should be {limits}"]

    return check


def _number(schema: Schema) -> Check:
    least, most = schema["minimum"], schema["maximum"]

    def check(name: str, value: Any) -> list[str]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [f"{name} should be number"]
        return [] if least <= value <= most else [f"{name} should be >= {least} and <= {most}"]

    return check


def _scalar(schema: Schema) -> Check:
    """Return the check of a property of any name. Raises ValueError unless it may have any value without parts."""
    if schema != {"type": ["string", "number", "boolean", "null"], "pattern": _NO_NUL}:
        raise ValueError(f"there is no check for additional properties like {schema}")

    def check(name: str, value: Any) -> list[str]:
        if isinstance(value, dict | list):
            return [f"{name} should be string, number or boolean"]
        return [f"{name} should NOT contain U+0000"] if isinstance(value, str) and "\0" in value else []

    return check


def _one_of(tag: str, members: Mapping[str, _Object]) -> Check:
    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [f"{name} should be object"]
        if tag not in value:
            return [f"{name} should have required property '{tag}'"]
        kind = value[tag]
        if not isinstance(kind, str):
            return [f"{name}.{tag} should be string"]
        if kind not in members:
            return [f"{name}.{tag} should be equal to one of the allowed values"]
        return members[kind].faults(value, f"{name} ", f"{name}.")

    return check


def is_moment(text: str) -> bool:
    """Return True if a text in the form of RFC 3339 names a moment that exists."""
    try:
        return datetime.fromisoformat(text.upper()).tzinfo is not None
    except ValueError:
        return False


def _string(schema: Schema) -> Check:
    if "enum" in schema:
        return _enum(frozenset(schema["enum"]), schema.get("fault", ""))
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    form: str | None = schema.get("form")
    pattern = re.compile(schema["pattern"], re.ASCII) if form else None

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} should be string"]
        if len(value) < shortest:
            return [f"{name} should NOT be shorter than {shortest} characters"]
        if longest is not None and len(value) > longest:
            return [f"{name} should NOT be longer than {longest} characters"]
        if pattern is not None and not (pattern.fullmatch(value) and (form != "date-time" or is_moment(value))):
            return [f'{name} should match format "{form}"']
        return [f"{name} should NOT contain U+0000"] if "\0" in value else []

    return check


def _enum(values: frozenset[str], title: str) -> Check:
    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} should be string"]
        return [] if value in values else [title or f"{name} should be equal to one of the allowed values"]

    return check


def _array(schema: Schema, item: Check) -> Check:
    fewest, most = schema.get("minItems", 0), schema.get("maxItems")

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, list):
            return [f"{name} should be array"]
        if len(value) < fewest:
            return [f"{name} should NOT have fewer than {fewest} items"]
        if most is not None and len(value) > most:
            return [f"{name} should NOT have more than {most} items"]
        return [fault for i, element in enumerate(value) for fault in item(f"{name}[{i}]", element)]

    return check


def _object(members: _Object | None) -> Check:
    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [f"{name} should be object"]
        return members.faults(value, f"{name} ", f"{name}.") if members else []

    return check
