"""Check request bodies against the JSON schemas of facts.json, in the words that the API uses for its own errors.

Each schema is compiled once into closures. A closure returns all faults of a value, as titles of a 400. It supports the
keywords that the facts use. Any other keyword raises ValueError when the schema is compiled, so no rule is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
_ANNOTATIONS = {"description", "example", "fault", "pattern", "type"}
_KEYWORDS = {
    "array": {"items", "minItems", "maxItems"},
    "boolean": set[str](),
    "integer": {"minimum", "maximum"},
    "object": {"properties", "required"},
    "string": {"enum", "minLength", "maxLength"},
}


class Body:
    """The checks of one operation's body. Properties that the schema does not name are ignored."""

    __slots__ = ("_members", "_tag", "schema")

    def __init__(self, schema: Schema, rules: Rules | None = None) -> None:
        """Raise ValueError for a keyword without a check, and for a rule whose property does not exist."""
        self.schema = schema
        compiler = _Compiler(rules or {})
        self._tag, self._members = compiler.members(schema)
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
        return {name: body[name] for name in member.properties if name in body}


class _Object(msgspec.Struct, frozen=True):
    properties: dict[str, Check]
    required: list[str]

    def faults(self, value: Values, subject: str, prefix: str) -> list[str]:
        faults = [f"{subject}should have required property '{name}'" for name in self.required if name not in value]
        for name, check in self.properties.items():
            if name in value:
                faults += check(prefix + name, value[name])
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
        properties = schema["properties"].items()
        return _Object(
            {name: self._check(part, prefix + name) for name, part in properties}, schema.get("required", [])
        )

    def _check(self, schema: Schema, path: str) -> Check:
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
            case "object":
                check = _object(self._members_of(schema, path) if "properties" in schema else None)
            case _:
                check = _string(schema)
        if path in self._rules:
            self._unused.discard(path)
            check = _with_rule(check, self._rules[path])
        return _nullable(check) if "null" in kinds else check


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


def _string(schema: Schema) -> Check:
    if "enum" in schema:
        return _enum(frozenset(schema["enum"]), schema.get("fault", ""))
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} should be string"]
        if len(value) < shortest:
            return [f"{name} should NOT be shorter than {shortest} characters"]
        if longest is not None and len(value) > longest:
            return [f"{name} should NOT be longer than {longest} characters"]
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
