"""Load the published description of the API and the overlay beside it, with typed access to both.

    from api_facts import load
    api = load()
    operation = api.operations["CreateAppKey"]
    operation.method, operation.path, operation.status, operation.errors, operation.scopes
    api.resolve(operation.body.schema)["properties"]

`api/openapi-17.12.1.facts.yaml` is the vendor's description without its prose. `api/overlay.yaml` is written by hand and
holds what the description cannot say. The module depends on no generator; every generator and test may use it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "api"
METHODS = ("get", "post", "put", "patch", "delete")

Schema = dict[str, Any]
"""A schema of OpenAPI 3.0, as it is written: it may be a `$ref` or an `allOf`. See `Api.resolve`."""


def snake(name: str) -> str:
    """Return a name of the API in snake_case, as the official package writes it: showAIDisclaimer, show_ai_disclaimer."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[ .:]", "_", name).lower()


@dataclass(frozen=True)
class Parameter:
    """A parameter of a path or a query. A nested one is an object whose fields are sent as `name[field]` (deepObject)."""

    name: str
    place: str
    schema: Schema
    required: bool
    nested: bool


@dataclass(frozen=True)
class Body:
    """The body of a request: `application/json` or `multipart/form-data`, and its schema."""

    content_type: str
    schema: Schema
    required: bool


@dataclass(frozen=True)
class Operation:
    """One operation. `response` is the schema of its success; None if that is an empty object, or not JSON."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    scopes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body: Body | None
    status: int
    response: Schema | None
    errors: tuple[int, ...]

    @property
    def name(self) -> str:
        """The operation's name in Python: CreateAppKey is `create_app_key`."""
        return snake(self.id)

    @property
    def path_parameters(self) -> list[Parameter]:
        """The parameters of the path, in its order."""
        by_name = {parameter.name: parameter for parameter in self.parameters if parameter.place == "path"}
        return [by_name[name] for name in re.findall(r"{(\w+)}", self.path)]

    @property
    def query_parameters(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.place == "query"]

    @property
    def browser(self) -> bool:
        """True for an operation that redirects a person's browser to a page: it has no other success."""
        return 300 <= self.status <= 399

    @property
    def paged(self) -> bool:
        """True for a list that takes a cursor."""
        return any(parameter.name == "page" for parameter in self.query_parameters)


class Api:
    """The description and the overlay."""

    def __init__(self, facts: dict[str, Any], overlay: dict[str, Any]) -> None:
        self.facts = facts
        self.overlay = overlay
        self.version: str = facts["info"]["version"]
        self.schemas: dict[str, Schema] = facts["components"]["schemas"]
        self.schemas |= overlay.get("schemas", {})
        self.operations: dict[str, Operation] = {operation.id: operation for operation in self._operations()}
        unknown = set(overlay["operations"]) - set(self.operations)
        if unknown:
            raise ValueError(f"the overlay names operations that the description does not have: {sorted(unknown)}")

    @property
    def covered(self) -> dict[str, Operation]:
        """The operations that the client covers, by id, in the overlay's order. The service has its own list."""
        return {name: self.operations[name] for name in self.overlay["operations"]}

    @property
    def events(self) -> dict[str, Schema]:
        """The events that webhooks deliver, by their types, with those of the overlay."""
        body = self.facts["x-webhooks"]["Webhook Event"]["post"]["requestBody"]["content"]["application/json"]
        listed = body["schema"]["properties"]["events"]["items"]["anyOf"]
        added = [{"$ref": f"#/components/schemas/{name}"} for name in self.overlay.get("schemas", {})]
        return {self.target(schema)["title"]: schema for schema in [*listed, *added]}

    def _operations(self) -> Iterator[Operation]:
        for path, item in self.facts["paths"].items():
            for method in METHODS:
                if method in item:
                    yield self._operation(path, method, item)

    def _operation(self, path: str, method: str, item: dict[str, Any]) -> Operation:
        facts = item[method]
        parameters = [self._parameter(self.target(listed)) for listed in self._listed_parameters(item, method)]
        body = facts.get("requestBody")
        content = next(iter(body["content"].items()), None) if body else None
        status = min(int(code) for code in facts["responses"])
        security = facts.get("security", self.facts["security"])
        scopes = security[0]["basicAuth"] if security else []
        return Operation(
            id=facts["operationId"],
            method=method.upper(),
            path=path,
            tag=facts["tags"][0],
            summary=self.overlay["operations"].get(facts["operationId"], ""),
            scopes=tuple(self.overlay["scopes"].get(facts["operationId"], scopes)),
            parameters=tuple(parameters),
            body=Body(content[0], content[1]["schema"], body.get("required", False)) if content else None,
            status=status,
            response=self._response(facts["responses"][str(status)]),
            errors=tuple(sorted(code for code in map(int, facts["responses"]) if code >= 400)),
        )

    @staticmethod
    def _listed_parameters(item: dict[str, Any], method: str) -> list[Schema]:
        return [*item.get("parameters", []), *item[method].get("parameters", [])]

    @staticmethod
    def _parameter(facts: dict[str, Any]) -> Parameter:
        return Parameter(
            name=facts["name"],
            place=facts["in"],
            schema=facts["schema"],
            required=facts.get("required", False),
            nested=facts.get("style") == "deepObject",
        )

    @staticmethod
    def _response(facts: dict[str, Any]) -> Schema | None:
        schema: Schema | None = facts.get("content", {}).get("application/json", {}).get("schema")
        return None if schema == {"type": "object"} else schema

    @staticmethod
    def reference(schema: Schema) -> str:
        """Return the name of the schema that a `$ref`, or an `allOf` of one `$ref`, points at; "" for any other schema."""
        parts = schema.get("allOf", [])
        reference: str = (parts[0] if len(parts) == 1 else schema).get("$ref", "")
        return reference.rpartition("/")[2]

    def target(self, schema: Schema) -> Schema:
        """Return the target of a `$ref`, or the schema itself if it is not a `$ref`. An `allOf` stays unchanged."""
        while "$ref" in schema:
            pointed: Schema = self.facts
            for part in schema["$ref"].removeprefix("#/").split("/"):
                pointed = pointed[part]
            schema = pointed
        return schema

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema without `$ref` and `allOf` at its top. The parts are merged; the schema's own keys take precedence.

        Properties are merged by name, and `required` is the union. What stands below (properties, items, kinds of a
        `oneOf`) stays unchanged.
        """
        schema = self.target(schema)
        if "allOf" not in schema:
            return schema
        merged: Schema = {}
        own = {key: value for key, value in schema.items() if key != "allOf"}
        for part in [*map(self.resolve, schema["allOf"]), own]:
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            required = list(dict.fromkeys([*merged.get("required", []), *part.get("required", [])]))
            merged |= part
            merged.pop("discriminator", None)  # it belongs to the base, not to the kinds that extend it
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = required
        return merged

    def resolve_deep(self, schema: Schema) -> Schema:
        """Return the schema with everything below it resolved too. Raises RecursionError for a schema that holds itself."""
        resolved = dict(self.resolve(schema))
        if "properties" in resolved:
            resolved["properties"] = {name: self.resolve_deep(part) for name, part in resolved["properties"].items()}
        if "items" in resolved:
            resolved["items"] = self.resolve_deep(resolved["items"])
        for union in ("oneOf", "anyOf"):
            if union in resolved:
                resolved[union] = [self.resolve_deep(kind) for kind in resolved[union]]
        return resolved

    def kinds(self, schema: Schema) -> dict[str, Schema]:
        """Return the schemas of a discriminated union by the values of its discriminator; empty for any other schema."""
        schema = self.resolve(schema)
        discriminator = schema.get("discriminator")
        if discriminator is None:
            return {}
        mapping = discriminator.get("mapping") or {self.reference(kind): kind["$ref"] for kind in schema["oneOf"]}
        return {value: {"$ref": pointer} for value, pointer in mapping.items()}

    def items_of(self, operation: Operation) -> str:
        """Return the field of a list's response that holds its items: `apps` of ListApps; "" if there is no list."""
        properties = self.resolve(operation.response or {}).get("properties", {})
        lists = [name for name, schema in properties.items() if self.resolve(schema).get("type") == "array"]
        return lists[0] if len(lists) == 1 else ""


def with_own(api: Api) -> Api:
    """Return the description with the operations that only the service has."""
    own = yaml.safe_load((FOLDER / "own.yaml").read_text())
    summaries = {
        method["operationId"]: method["summary"] for item in own["paths"].values() for method in _methods(item)
    }
    components = api.facts["components"]
    schemas = components["schemas"] | own["schemas"]
    facts = api.facts | {"paths": api.facts["paths"] | own["paths"], "components": components | {"schemas": schemas}}
    return Api(facts, api.overlay | {"operations": api.overlay["operations"] | summaries})


def _methods(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [item[method] for method in METHODS if method in item]


@functools.cache
def load(folder: Path = FOLDER) -> Api:
    """Read both files, once for a process (a fifth of a second)."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    facts, overlay = (
        yaml.load((folder / name).read_text(), loader)  # noqa: S506 - both loaders are the safe ones
        for name in ("openapi-17.12.1.facts.yaml", "overlay.yaml")
    )
    return Api(facts, overlay)
