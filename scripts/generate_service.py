"""Write facts.json and messaging_facts.json in src/sunshine_keys/wire: the facts about the service's operations.

    python scripts/generate_service.py          write the files
    python scripts/generate_service.py --check  exit 1 if a file would change

The facts come from the published description, from api/own.yaml, which has operations that only this service has, and from
api/service.yaml, which lists the operations that are served and how this service differs. The service reads facts.json when it starts: its operations, its checks of bodies and its
/openapi.json come from it. It reads messaging_facts.json, which has the schemas of the conversation plane, when the plane
is first used. The schemas are those of OpenAPI 3.1, with three keys of our own: `fault` is the error's title for a value
that is not in its `enum`, `tagged_by` names the property that selects a member of a `oneOf`, and `form` is the name of a
text's `pattern`. Bodies keep their examples, for the page /docs.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from api_facts import FOLDER, Api, Operation, Parameter, Schema, load, with_own

WIRE = Path(__file__).resolve().parent.parent / "src" / "sunshine_keys" / "wire"

LARGEST_INTEGER = 2**53 - 1
"""Up to this integer, every reader of JSON reads the same number."""

NO_NUL = "^[^\\u0000]*$"

FORMATS = {
    "date-time": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    "email": r"^[^@\u0000-\u0020\u007f]+@[^@\u0000-\u0020\u007f]+$",
    "http-uri": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\u0000-\u0020\u007f]+$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\u0000-\u0020\u007f]+$",
}
"""The formats of texts, as patterns. `http-uri` is our own."""

_LEFT_OUT = {"default", "example", "readOnly", "title", "writeOnly", "x-resourceId"}
_LENGTHS = {"minLength", "maxLength", "minItems", "maxItems"}


def merge_patch(api: Api, target: Any, patch: Any) -> Any:
    """Return `target` changed by a JSON merge patch (RFC 7396), in which null removes a key. Resolve references first."""
    if not isinstance(patch, dict):
        return patch
    if not patch:
        return target
    merged = dict(target) if isinstance(target, dict) else {}
    if {"$ref", "allOf"} & merged.keys() - patch.keys():
        merged = dict(api.resolve(merged))
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(api, merged.get(name), value)
    return merged


class Schemas:
    """The description's schemas with the patches of `requests` or `answers`, written as OpenAPI 3.1."""

    def __init__(self, api: Api, service: dict[str, Any], side: str) -> None:
        self.answers = side == "answers"
        self.fields: dict[str, list[str]] = service["fields"]
        self.components: dict[str, str] = (
            service["components"] | service["messaging_components"] if self.answers else {}
        )
        facts = copy.deepcopy(api.facts)
        for name, patch in service[side].items():
            facts["components"]["schemas"][name] = merge_patch(api, api.schemas[name], patch)
        self.api = Api(facts, api.overlay)

    def written(self, schema: Schema) -> Schema:
        """Return the schema without references, except to the components that /openapi.json names."""
        name = self.api.reference(schema)
        if name in self.components:
            return {"$ref": f"#/components/schemas/{self.components[name]}"}
        return self.whole(schema, self.fields.get(name))

    def component(self, name: str) -> Schema:
        return self.whole(self.api.schemas[name], self.fields.get(name))

    def whole(self, schema: Schema, fields: list[str] | None) -> Schema:
        if (name := self.api.reference(schema)) and "discriminator" in self.api.schemas[name]:
            schema = self.api.schemas[name]  # an `allOf` around it, which only adds an example or `nullable`
        kinds = {kind: self.api.resolve(schema) for kind, schema in self.api.kinds(schema).items()}
        resolved = self.api.resolve(schema)
        if not kinds and (alternatives := resolved.get("oneOf") or resolved.get("anyOf")):
            return self._merged(resolved, alternatives, fields)
        if kinds and self.answers:
            properties = {name: part for kind in kinds.values() for name, part in kind["properties"].items()}
            properties |= resolved.get("properties", {})
            properties["type"] = {"type": "string", "enum": sorted(kinds)}
            base = {key: value for key, value in resolved.items() if key != "oneOf"}
            return self._plain({"type": "object"} | base | {"properties": properties}, fields)
        if kinds:
            return self._one_of(resolved, kinds, fields)
        return self._plain(resolved, fields)

    def _merged(self, union: Schema, alternatives: list[Schema], fields: list[str] | None) -> Schema:
        """Return an object with the properties of all alternatives. Nothing in the description tells these apart."""
        resolved = [self.api.resolve(alternative) for alternative in alternatives]
        properties = {name: part for alternative in resolved for name, part in alternative["properties"].items()}
        example = {"example": union["example"]} if "example" in union else {}
        return self._plain({"type": "object", "properties": properties} | example, fields)

    def _one_of(self, base: Schema, kinds: dict[str, Schema], fields: list[str] | None) -> Schema:
        """Return a oneOf. Kinds with the same properties are one member. The member with the most kinds is the last."""
        tag: str = base["discriminator"]["propertyName"]
        members: list[tuple[Schema, list[str]]] = []
        for kind, schema in kinds.items():
            written = self._plain(schema, fields)
            written["properties"][tag] = {"type": "string"}
            values = next((values for member, values in members if member == written), None)
            if values is None:
                members.append((written, [kind]))
            else:
                values.append(kind)
        tagged: Schema = base.get("properties", {}).get(tag, {})
        fault = {"fault": tagged["fault"]} if "fault" in tagged else {}
        for member, values in members:
            member["properties"][tag] |= {"enum": sorted(values), **fault}
        members.sort(key=lambda member: len(member[1]))
        return {"oneOf": [member for member, _ in members], "tagged_by": tag}

    def _plain(self, schema: Schema, fields: list[str] | None) -> Schema:
        left_out = _LEFT_OUT if self.answers else _LEFT_OUT - {"example"}
        plain = {name: value for name, value in schema.items() if name not in left_out}
        if plain.get("additionalProperties") is True:
            del plain["additionalProperties"]
        if plain.pop("nullable", False) and not self.answers:
            plain["type"] = [plain["type"], "null"]
        if "kinds_of" in plain:
            plain["enum"] = sorted(self.api.kinds(self.api.schemas[plain.pop("kinds_of")]))
        if plain.get("type") == "integer":
            plain.setdefault("maximum", LARGEST_INTEGER)
        if "items" in plain:
            plain["items"] = self.written(plain["items"])
        if "properties" in plain:
            plain["properties"] = dict(self._properties(plain.pop("properties"), fields))
            required = [name for name in plain.pop("required", []) if name in plain["properties"]]
            plain |= {"required": required} if required else {}
        plain.pop("discriminator", None)
        return self._texts(plain)

    def _texts(self, plain: Schema) -> Schema:
        form = plain.pop("format", "")
        if form == "binary":
            return plain | {"contentMediaType": "application/octet-stream"}
        if self.answers:
            return {name: value for name, value in plain.items() if name not in _LENGTHS}
        kinds = plain.get("type")
        if (kinds == "string" or (isinstance(kinds, list) and "string" in kinds)) and "enum" not in plain:
            plain.setdefault("pattern", FORMATS.get(form, NO_NUL))
            plain |= {"form": form} if form in FORMATS else {}
        return plain

    def _properties(self, properties: dict[str, Schema], fields: list[str] | None) -> Iterator[tuple[str, Schema]]:
        for name in properties if fields is None else fields:
            if name in properties:
                schema = properties[name]
                if self.answers or not self.api.target(schema).get("readOnly"):
                    yield name, self.written(schema)


def query(parameters: list[Parameter], patches: dict[str, Any], schemas: Schemas) -> Iterator[Schema]:
    """Yield the parameters of a query as /openapi.json describes them: a nested one is `page[after]`."""
    for parameter in parameters:
        patch = patches.get(parameter.name, {})
        if patch is None:
            continue
        is_required = patch.get("required", parameter.required)
        patch = {name: part for name, part in patch.items() if name != "required"}
        schema = merge_patch(schemas.api, schemas.api.resolve(parameter.schema), patch)
        nested = schema.get("properties", {}) if parameter.nested else {"": schema}
        for field, part in nested.items():
            default = {"default": part["default"]} if "default" in part else {}
            written = schemas.written(part) | default
            written = {name: value for name, value in written.items() if name != "example" and value != NO_NUL}
            described = {"description": written.pop("description")} if "description" in written else {}
            style = {"style": "form", "explode": False} if written.get("type") == "array" else {}
            name = f"{parameter.name}[{field}]" if field else parameter.name
            needed = {"required": True} if is_required and len(nested) == 1 else {}
            yield {"name": name, "in": "query", **needed, **style, "schema": written, **described}


def answer(operation: Operation, always: dict[str, list[str]], schemas: Schemas) -> Schema:
    """Return the schema of a success. The `links` of a page are missing if it has no neighbours."""
    if operation.response is None:
        return {"type": "object", "maxProperties": 0}
    written = schemas.written(operation.response)
    name = schemas.api.reference(operation.response) or operation.response.get("title", operation.id)
    if "properties" not in written:
        return written
    if name not in always:
        raise ValueError(f"{name} is missing in `always` of api/overlay.yaml: add the fields that every answer has")
    paged = ["meta"] if "meta" in written["properties"] else []
    return written | {"required": [*always[name], *paged]}


def facts(api: Api, service: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content of facts.json and of messaging_facts.json."""
    requests, answers = Schemas(api, service, "requests"), Schemas(api, service, "answers")
    operations: dict[str, Any] = {}
    messaging: dict[str, Any] = {}
    for name, own in service["operations"].items():
        operation = api.operations[name]
        parameters = list(query(operation.query_parameters, own.get("query", {}), requests))
        body = None if operation.body is None else merge_patch(requests.api, operation.body.schema, own.get("body", {}))
        operations[name] = {
            "name": operation.name,
            "method": operation.method,
            "path": operation.path,
            "parameters": [parameter.name for parameter in operation.path_parameters],
            "tag": service["tags"].get(operation.tag, operation.tag),
            "summary": own.get("summary", operation.summary),
            "scopes": sorted(operation.scopes),
            "status": operation.status,
            "errors": own.get("errors", list(operation.errors)),
            "is_messaging": operation.tag in service["messaging_tags"],
            "example_query": own.get("example_query", ""),
            "needs_body": operation.body is not None and operation.body.required,
            "upload_bytes": own.get("upload_bytes", 0),
            "is_oauth": own.get("is_oauth", False),
        }
        schemas = {
            "query": parameters,
            "body": None if body is None else requests.written(body),
            "answer": answer(operation, api.overlay["always"] | service["always"], answers),
        }
        if operation.tag in service["messaging_tags"]:
            messaging[name] = schemas
        else:
            operations[name] |= schemas
    return (
        {"operations": operations, "schemas": components(service["components"], answers)},
        {
            "operations": messaging,
            "schemas": components(service["messaging_components"], answers),
            "test_event": test_event(api),
        },
    )


def test_event(api: Api) -> dict[str, Any]:
    """Return the published example of the event that most webhooks hear."""
    content = api.facts["x-webhooks"]["Webhook Event"]["post"]["requestBody"]["content"]["application/json"]
    event: dict[str, Any] = api.target(content["examples"]["conversation:message"])["value"]["events"][0]
    return event


def components(titles: dict[str, str], answers: Schemas) -> dict[str, Schema]:
    """Return the named schemas. Raises ValueError if two different ones have one title."""
    named: dict[str, Schema] = {}
    for name, title in titles.items():
        schema = answers.component(name)
        if named.setdefault(title, schema) != schema:
            raise ValueError(f"{name} differs from another schema that is called {title} too")
    return named


def main() -> int:
    service = yaml.safe_load((FOLDER / "service.yaml").read_text())
    stale = 0
    for name, content in zip(("facts.json", "messaging_facts.json"), facts(with_own(load()), service), strict=True):
        target, text = WIRE / name, json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        if target.exists() and target.read_text() == text:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{target} is out of date: run `make format`", file=sys.stderr)
            stale = 1
        else:
            target.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
