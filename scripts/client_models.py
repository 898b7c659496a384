"""Plan the client's models from the description of the API: their names, unions, fields and order."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from api_facts import Api, Operation, Schema, snake

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


class Models:
    """All models that the covered operations use, by class name."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.overlay = api.overlay
        self.classes: dict[str, Model] = {}
        self._inline_names: dict[int, str] = {}
        for name, schema in api.schemas.items():
            self._name_inline(cap_words(name), schema)
        self._by_operation: dict[str, list[str]] = {}
        for operation in api.covered.values():
            self._by_operation[operation.id] = [*self._of_request(operation), *self._of_response(operation)]
        self._error_response = self.annotate({"$ref": "#/components/schemas/errorResponse"}, "ErrorResponse")
        self._delivered = self.annotate(self._envelope(), "WebhookEnvelope")
        self._plan_unused()
        self._mark_directions()
        self._place()
        for model in self.classes.values():
            if not model.values:
                self._fill(model)
        for model in self.classes.values():
            self._share(model)
            self._order(model)
        self._document()

    # Models of an operation

    def body_class(self, operation: Operation) -> str:
        """Return the model of an operation's JSON body, or ""."""
        if operation.body is None or operation.body.content_type != "application/json":
            return ""
        schema = operation.body.schema
        resolved = self.api.resolve(schema)
        # A body that is a union by another name accepts every kind of the union.
        component = self.api.schemas.get(self.api.reference(schema), {})
        alias = self.api.reference(component) if "oneOf" in resolved or "anyOf" in resolved else ""
        return self.annotate({"$ref": f"#/components/schemas/{alias}"} if alias else schema, f"{operation.id}Request")

    def body_argument(self, operation: Operation) -> str:
        """Return the argument of an operation's JSON body: the official package names it after the schema."""
        assert operation.body is not None
        return snake(self._class_name(operation.body.schema, f"{operation.id}Request"))

    def response_class(self, operation: Operation) -> str:
        """Return the model of an operation's response, or "" for an object without known fields."""
        name = self.annotate(operation.response, f"{operation.id}200Response") if operation.response else ""
        return name if name in self.classes else ""

    def query_classes(self, operation: Operation) -> dict[str, str]:
        """Return the models of an operation's query parameters by name; "" for a plain one."""
        return {
            parameter.name: self.annotate(parameter.schema, parameter.name) if parameter.nested else ""
            for parameter in operation.query_parameters
        }

    def item_class(self, operation: Operation) -> str:
        """Return the model of the items of a list."""
        name = self.api.items_of(operation)
        schema = self.api.resolve(self.api.resolve(operation.response or {})["properties"][name])
        return self.annotate(schema["items"], name)

    def _of_request(self, operation: Operation) -> Iterator[str]:
        if name := self.body_class(operation):
            yield name
            if operation.body and self.api.reference(operation.body.schema):
                yield self.annotate(operation.body.schema, "")
        yield from (name for name in self.query_classes(operation).values() if name)

    def _of_response(self, operation: Operation) -> Iterator[str]:
        if name := self.response_class(operation):
            yield name

    def _envelope(self) -> Schema:
        """Return the schema of what a webhook delivers."""
        parts = {"app": "appSubSchema", "webhook": "webhookSubSchema"}
        properties: Schema = {name: {"$ref": f"#/components/schemas/{part}"} for name, part in parts.items()}
        properties["events"] = {"type": "array", "items": {"$ref": "#/components/schemas/eventSubSchema"}}
        return {"type": "object", "properties": properties}

    def _plan_unused(self) -> None:
        """Plan the models that neither an operation nor an event uses: earlier versions export them."""
        used = self._reached([name for names in self._by_operation.values() for name in names] + [self._delivered])
        for name in self.api.schemas:
            self.annotate({"$ref": f"#/components/schemas/{name}"}, "")
        self._unused = [name for name in self.classes if name not in used]

    # Classes and annotations

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

    # Directions and modules

    def _mark_directions(self) -> None:
        for operation in self.api.covered.values():
            for name in self._of_request(operation):
                for reached in self._reached([name]):
                    self.classes[reached].in_request = True
            for reached in self._reached([*self._of_response(operation)]):
                self.classes[reached].in_response = True
        for reached in self._reached([self._error_response, self._delivered, *self._unused]):
            self.classes[reached].in_response = True

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

    def _place(self) -> None:
        """Put each class into the module of the tag whose operations use it most directly."""
        best: dict[str, tuple[int, str]] = {}
        for operation in self.api.covered.values():
            module = self.overlay["modules"].get(operation.tag) or snake(operation.tag)
            for name, steps in self._reached(self._by_operation[operation.id]).items():
                if name not in best or steps < best[name][0]:
                    best[name] = (steps, module)
        for name, model in self.classes.items():
            model.module = "_" + (self.overlay["modules"].get(model.key) or best.get(name, (0, "events"))[1])
        for _ in range(3):  # a kind of two unions, whose base may be a kind itself
            for model in self.classes.values():
                for base in model.bases:
                    model.module = self.classes[base].module
                for name in model.kinds:
                    self.classes[name].module = model.module

    # Fields

    def _fill(self, model: Model) -> None:
        inherited: Schema = {}
        for base in reversed(self._ancestors(model)):
            inherited |= base.schema.get("properties", {})
        required = model.schema.get("required", []) if model.in_request and not model.in_response else []
        always = [*required, *self.overlay["always"].get(model.key, [])]
        flat_kind = any(base.is_union and not base.keywords for base in self._ancestors(model))
        for wire, schema in model.schema.get("properties", {}).items():
            part = self.api.resolve(schema)
            is_tag = "default" in part and f"tag={quoted(wire)}" in [base.keywords for base in self._ancestors(model)]
            if (wire in inherited and inherited[wire] == schema) or flat_kind:
                continue
            model.fields.append(
                Field(
                    name=snake(wire),
                    wire=wire,
                    annotation=f"Literal[{quoted(part['default'])}]"
                    if is_tag
                    else self._precise(model, self.annotate(schema, model.name + cap_words(wire))),
                    default=quoted(part["default"]) if is_tag else None if wire in always else "None",
                    nullable=part.get("nullable", False),
                    read_only=part.get("readOnly", False),
                    secret=wire in self.overlay["secret"],
                    joined=bool(re.fullmatch(r"\w+(,\w+)+", str(part.get("example", "")))),
                )
            )

    def _precise(self, model: Model, annotation: str) -> str:
        """Return the annotation for type checkers: with the texts of an enumeration, and in answers with the kinds of a union."""

        def replaced(match: re.Match[str]) -> str:
            used = self.classes.get(match[0])
            if used and used.values:
                return f"{match[0]} | Literal[{', '.join(quoted(value) for value in used.values)}]"
            if used and used.is_union and "tag=" in used.keywords and not model.in_request:
                return f"Any{match[0]}"
            return match[0]

        return annotation if "Literal" in annotation else re.sub(r"\w+", replaced, annotation)

    def _share(self, union: Model) -> None:
        """Declare the fields of all kinds on a union with a tag: one that a value lacks reads as None."""
        if "tag=" not in union.keywords:
            return
        tag = snake(union.keywords.split('"')[1])
        own = {part.name for part in union.fields} - {tag}
        types: dict[str, list[str]] = {tag: ["str"]}
        for kind in map(self.classes.get, union.kinds):
            for part in [
                part for model in [kind, *self._ancestors(kind)] if model is not union for part in model.fields
            ]:
                if part.name != tag and part.name not in own and part.annotation not in types.setdefault(part.name, []):
                    types[part.name].append(part.annotation)
        union.shared = [f"def {name}(self) -> {' | '.join(listed)} | None: ..." for name, listed in types.items()]

    def _order(self, model: Model) -> None:
        """Set the order of positional arguments to that of versions before 17: newer fields follow the older ones."""
        natural = [part.name for base in reversed(self._ancestors(model)) for part in base.fields]
        natural = list(dict.fromkeys([*natural, *(part.name for part in model.fields)]))
        order = natural
        if any(base.is_union and not base.keywords for base in self._ancestors(model)):
            order = [snake(wire) for wire in model.schema.get("properties", {})]
        elif model.keywords.startswith("kind=") and model.fields and "default_responder" in natural:
            own = [part.name for part in model.fields]
            order = [*own, *(name for name in natural if name not in own and name.startswith("default_"))]
            order += [name for name in natural if name not in order]
        newer = {
            snake(name.rpartition(".")[2])
            for name in self.overlay["added"]
            if name.partition(".")[0] in (name, model.key)
        }
        order = self.overlay["positional"].get(model.key) or sorted(order, key=lambda name: name in newer)
        model.positional = [] if order == natural else order

    def _ancestors(self, model: Model) -> list[Model]:
        bases = [self.classes[name] for name in model.bases]
        return [*bases, *(ancestor for base in bases for ancestor in self._ancestors(base))]

    # Docstrings

    def _document(self) -> None:
        written: dict[str, str] = self.overlay["models"]
        for operation in self.api.covered.values():
            if name := self.response_class(operation):
                self._derive_doc(name, f"The response of `{operation.name}`.")
            if name := self.body_class(operation):
                self._derive_doc(name, f"The body of `{operation.name}`.")
            for argument, name in self.query_classes(operation).items():
                if name:
                    self._derive_doc(name, f"The `{argument}` of `{operation.name}`.")
        for model in self.classes.values():
            kind = re.fullmatch(r'kind="(.*)"', model.keywords)
            if kind and not any("by_fields" in base.keywords for base in self._ancestors(model)):
                self._derive_doc(model.name, f"{self._article(self._ancestors(model)[-1].name)} of type `{kind[1]}`.")
            elif model.bases:
                self._derive_doc(model.name, f"A kind of `{self._ancestors(model)[-1].name}`.")
            for part in model.fields:
                for used in re.findall(r"\w+", part.annotation):
                    if used in self.classes:
                        self._derive_doc(used, f"The `{part.name}` of `{model.name}`.")
        for name, model in self.classes.items():
            model.doc = written.get(name, model.doc) or f"The object `{model.key}` of the API."

    @staticmethod
    def _article(name: str) -> str:
        return f"{'An' if name[0] in 'AEIOU' else 'A'} `{name}`"

    def _derive_doc(self, name: str, doc: str) -> None:
        self.classes[name].doc = self.classes[name].doc or doc

    def earlier(self) -> dict[str, str]:
        """Return the models by the names that versions before 17 had for them."""
        return dict(
            sorted({**self.overlay["earlier"], **{f"{name}AllOf": name for name in self.overlay["all_of"]}}.items())
        )

    # Order

    def modules(self) -> dict[str, list[Model]]:
        """Return the models of each module, bases before their kinds."""
        modules: dict[str, list[Model]] = {}
        for model in self._in_order():
            modules.setdefault(model.module, []).append(model)
        return dict(sorted(modules.items()))

    def _in_order(self) -> Iterator[Model]:
        done: set[str] = set()

        def visit(model: Model) -> Iterator[Model]:
            if model.name not in done:
                done.add(model.name)
                for base in model.bases:
                    yield from visit(self.classes[base])
                yield model

        for model in self.classes.values():
            yield from visit(model)


def quoted(value: Any) -> str:
    """Return a string literal in double quotes."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
