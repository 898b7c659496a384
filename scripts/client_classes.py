"""Plan the classes of the client's models from the description of the API: their names, annotations and unions."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from api_facts import Api, Schema

_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def cap_words(name: str) -> str:
    """Return a schema's name or title as a class name: integrationApiKeyResponse, IntegrationApiKeyResponse."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"\W+", name))


@dataclass
class Field:
    name: str
    wire: str
    annotation: str
    default: str | None
    nullable: bool
    read_only: bool
    secret: bool
    joined: bool

    @property
    def line(self) -> str:
        if self.default is None:
            return f"    {self.name}: {self.annotation}"
        if self.annotation == f"Literal[{self.default}]":
            return f"    {self.name}: {self.annotation} = {self.default}"
        return f"    {self.name}: {self.annotation} | None = {self.default}"


@dataclass
class Model:
    """A class of the client. `values` are the members of an enumeration."""

    name: str
    schema: Schema
    key: str
    doc: str = ""
    bases: list[str] = field(default_factory=list)
    keywords: str = ""
    kinds: list[str] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    """The properties of a union through which type checkers read the fields of its kinds."""
    positional: list[str] = field(default_factory=list)
    """The order of positional arguments, if it is not that of the fields."""
    uses: list[str] = field(default_factory=list)
    module: str = ""
    is_union: bool = False
    in_request: bool = False
    in_response: bool = False


class Classes:
    """The classes that the schemas of the description become, by name. `annotate` adds those that an annotation needs."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.overlay = api.overlay
        self.classes: dict[str, Model] = {}
        self._inline_names: dict[int, str] = {}
        for name, schema in api.schemas.items():
            self._name_inline(cap_words(name), schema)

    def _name_inline(self, name: str, schema: Schema) -> None:
        """Name the objects within a component by the path to them, as the official package does."""
        if "properties" in schema.get("items", {}):
            self._inline_names[id(schema["items"])] = f"{name}Inner"
        for wire, part in schema.get("properties", {}).items():
            inner = part.get("items", part)
            path = name + cap_words(wire) + ("Inner" if inner is not part else "")
            if "properties" in inner or len(inner.get("allOf", [])) > 1:
                self._inline_names[id(inner)] = path
            self._name_inline(path, inner)
        for part in schema.get("allOf", []):
            if "properties" in part:
                self._name_inline(f"{name}AllOf", part)

    def annotate(self, schema: Schema, hint: str) -> str:
        """Return the annotation for a schema, and plan the classes in it. `hint` names a class that has no other name."""
        resolved = self.api.resolve(schema)
        kind = resolved.get("type", "object" if "properties" in resolved else "")
        if kind == "array":
            return f"list[{self.annotate(resolved['items'], hint + 'Inner')}]"
        is_class = "properties" in resolved or "oneOf" in resolved or "anyOf" in resolved
        if is_class or (kind == "string" and "enum" in resolved and self._component(schema)):
            return self._class(schema, hint)
        if kind == "string":
            if "enum" in resolved:
                return f"Literal[{', '.join(quoted(value) for value in resolved['enum'])}]"
            return "bytes" if resolved.get("format") == "binary" else "str"
        if kind == "object":
            values = resolved.get("additionalProperties")
            return (
                f"dict[str, {self.annotate(values, hint + 'Value') if isinstance(values, dict) and values else 'Any'}]"
            )
        return _SCALARS.get(kind, "Any")

    def _component(self, schema: Schema) -> str:
        """Return the name of the component that a schema refers to, with or without further keys; else ""."""
        name = self.api.reference(schema)
        if name and "properties" in schema:
            name = ""
        return str(self.overlay["same"].get(name, name))

    def _class_name(self, schema: Schema, hint: str) -> str:
        component = self._component(schema)
        title = self.api.target(schema).get("title", "")
        named = component or (title if re.fullmatch(r"\w+", title) else self._inline_names.get(id(schema), hint))
        return str(self.overlay["classes"].get(named) or cap_words(named))

    def _class(self, schema: Schema, hint: str) -> str:
        component, name = self._component(schema), self._class_name(schema, hint)
        if name in self.classes:
            return name
        # The component itself: an `allOf` around it would have lost its discriminator.
        resolved = self._extended(component or name, self.api.resolve(self.api.schemas.get(component, schema)))
        model = self.classes[name] = Model(name, resolved, component or name)
        if "enum" in resolved:
            model.values = resolved["enum"]
            return name
        alias = self.api.reference(self.api.schemas.get(component, {}))
        if alias and ("oneOf" in resolved or "anyOf" in resolved):
            base = self.annotate({"$ref": f"#/components/schemas/{alias}"}, alias)
            model.bases, model.uses, model.schema = [base], [base], {}
            return name
        for wire, part in resolved.get("properties", {}).items():
            self._use(model, self.annotate(part, name + cap_words(wire)))
        self._plan_union(model)
        return name

    def _extended(self, key: str, schema: Schema) -> Schema:
        parts = self.overlay["extended"].get(key, [])
        extended = self.api.resolve({"allOf": [schema, *parts]})
        if key == "eventSubSchema":  # the description lists the events where a webhook delivers them
            pointers = {kind: event["$ref"] for kind, event in self.api.events.items()}
            return extended | {"discriminator": {"propertyName": "type", "mapping": pointers}}
        return extended | {name: schema[name] for name in ("discriminator",) if name in schema}

    def _use(self, model: Model, annotation: str) -> None:
        model.uses += [name for name in re.findall(r"\w+", annotation) if name in self.classes and name != model.name]

    def _plan_union(self, union: Model) -> None:
        members = union.schema.get("oneOf") or union.schema.get("anyOf") or []
        tagged = "discriminator" in union.schema
        if not members and not tagged:
            return
        union.is_union = True
        by_fields = union.key in self.overlay["by_fields"]
        kinds = self.api.kinds(union.schema) if tagged else {str(index): part for index, part in enumerate(members)}
        tag = union.schema["discriminator"]["propertyName"] if tagged else ""
        union.keywords = f"tag={quoted(tag)}" if tagged else "by_fields=True" if by_fields else ""
        if members and tagged:
            union.schema = union.schema | {"properties": {tag: {"type": "string"}}}
        elif members and not by_fields:
            union.schema = union.schema | {"properties": self._all_fields(members)}
            for wire, part in union.schema["properties"].items():
                self._use(union, self.annotate(part, union.name + cap_words(wire)))
        base = self._shared_base(members, union)
        for kind, part in kinds.items():
            name = self.annotate(part, union.name + cap_words(kind))
            member = self.classes[name]
            member.bases = [base] if base else [*member.bases, union.name]
            if tagged or by_fields:
                member.keywords = f"kind={quoted(kind if tagged else self.api.reference(part) or name)}"
            if tagged:
                tag_field = {tag: {"type": "string", "default": kind}}
                member.schema = member.schema | {"properties": member.schema["properties"] | tag_field}
            union.kinds.append(name)
            union.uses.append(name)

    def _all_fields(self, members: list[Schema]) -> Schema:
        return {name: part for member in members for name, part in self.api.resolve(member)["properties"].items()}

    def _shared_base(self, members: list[Schema], union: Model) -> str:
        """Return the class of the component that all members of a union extend, or ""."""
        extended = [
            {self.api.reference(part) for part in [*self.api.target(member).get("allOf", []), *self._added(member)]}
            for member in members
        ]
        shared = set.intersection(*extended) - {""} if extended else set()
        if not shared:
            return ""
        component = shared.pop()
        name = self.annotate({"$ref": f"#/components/schemas/{component}"}, component)
        self.classes[name].bases = [union.name]
        union.uses.append(name)
        return name

    def _added(self, member: Schema) -> list[Schema]:
        return list(self.overlay["extended"].get(self.api.reference(member), []))

    def _reached(self, names: list[str]) -> dict[str, int]:
        """Return all classes that the classes `names` use, with the number of steps to each class."""
        steps = dict.fromkeys(names, 0)
        waiting = deque(names)
        while waiting:
            name = waiting.popleft()
            for used in self.classes[name].uses:
                if used not in steps:
                    steps[used] = steps[name] + 1
                    waiting.append(used)
        return steps

    def _ancestors(self, model: Model) -> list[Model]:
        bases = [self.classes[name] for name in model.bases]
        return [*bases, *(ancestor for base in bases for ancestor in self._ancestors(base))]


def quoted(value: Any) -> str:
    """Return a string literal in double quotes."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
