"""Plan the client's models from the description of the API: those of each operation, their fields, order and docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from api_facts import Api, Operation, Schema, snake
from client_classes import Classes, Field, Model, cap_words, quoted


class Models(Classes):
    """All models that the covered operations use, by class name."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
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
