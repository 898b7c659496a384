"""The service's own description, OpenAPI 3.1. It is built from the operations, so it cannot differ from them.

This module adds the statuses that many operations share, and the paths outside the API.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from sunshine_keys import errors
from sunshine_keys.access.scopes import Scope
from sunshine_keys.wire.operation import FACTS, Operation, messaging_facts
from sunshine_keys.wire.router import Router

Schema = dict[str, Any]

_OURS = {"example", "fault", "form", "tagged_by"}
"""Keys of the facts' schemas that are not keywords of OpenAPI 3.1, or that the description does not need."""

_TITLES = {kind.status: kind.title for kind in reversed(errors.kinds())}
"""The title of the most general kind of error, by status."""

_ALWAYS = {401, 403, 429, 503}
_OF_BODIES = {400, 413, 415}
_OF_QUERIES = {400}
_OF_CREATES = {409}
_OF_IDS = {404}

_IDEMPOTENCY_PARAMETER: Schema = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "For 24 hours the same request with the same key is done once, and answered as the first time.",
}  # fmt: skip


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


_TEXT: Schema = {"type": "string"}
_ERROR = _object({"code": _TEXT, "title": _TEXT})
_SCHEMAS: dict[str, Schema] = {
    **FACTS["schemas"],
    "Errors": _object({"errors": {"type": "array", "minItems": 1, "items": _ERROR}}),
    "OAuthError": _object({"error": _TEXT, "error_description": _TEXT}),
    "Health": _object({"status": {"type": "string", "enum": ["ok"]}}),
}


@functools.cache
def document(router: Router, prefix: str = "") -> bytes:
    """Return the description of a router's operations as JSON. `prefix` is the path of the public URL."""
    paths: dict[str, Schema] = {}
    for operation in router.operations:
        path = paths.setdefault(operation.path, _shared(operation))
        path[operation.method.lower()] = _operation(operation, router)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Sunshine Keys",
                "version": "2",
                "description": "API keys and conversations, wire-compatible with Sunshine Conversations.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": f"{prefix}/"}],
            "paths": paths | _OPEN_PATHS,
            "components": {
                "schemas": _SCHEMAS | messaging_facts()["schemas"],
                "securitySchemes": {
                    "basic": {"type": "http", "scheme": "basic", "description": "A key's id and its secret."},
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "HS256, signed by a key: `kid` in the header, the key's `scope` in the payload.",
                    },
                },
            },
        }
    )


def _shared(operation: Operation) -> Schema:
    """Return the part that all operations of a path share: the parameters in the path."""
    an_id = {"type": "string", "minLength": 1}
    parameters = [{"name": name, "in": "path", "required": True, "schema": an_id} for name in operation.placeholders]
    return {"parameters": parameters} if parameters else {}


def _operation(operation: Operation, router: Router) -> Schema:
    creates = operation.status == 201
    parameters = [*operation.query, *([_IDEMPOTENCY_PARAMETER] if creates else [])]
    scopes = [scope.value for scope in Scope if scope in operation.scopes]
    described: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"For keys of scope {', '.join(scopes)}." if scopes else "Without a key.",
        "security": [{"basic": scopes}, {"bearer": scopes}] if scopes else [],
    }
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        body = _described(operation.body.schema)
        content = {"multipart/form-data": {"schema": body}} if operation.upload_bytes else _json(body)
        if operation.is_oauth:
            content["application/x-www-form-urlencoded"] = {"schema": body}
        described["requestBody"] = {"required": operation.needs_body, "content": content}
    success: Schema = {"description": "Created" if creates else "OK", "content": _json(operation.answer)}
    if operation.status == 302:
        success = {"description": "Found", "content": {"text/plain": {"schema": _TEXT}}}
    if creates and (links := _links(operation, router)):
        success["links"] = links
    described["responses"] = {str(operation.status): success}
    described["responses"] |= {str(status): _error(status) for status in sorted(_statuses(operation))}
    if operation.is_oauth:
        described["responses"] |= {str(status): _oauth_error(status) for status in operation.errors}
    return described


def _links(create: Operation, router: Router) -> Schema:
    """Return links from the object that an operation creates to the operations whose path takes its id."""
    parents = {parent: f"$request.path.{parent}" for parent in create.placeholders}
    links: Schema = {}
    for operation in router.operations:
        if operation.path.startswith(f"{create.path}/{{"):
            id_name = operation.placeholders[len(parents)]
            for name, schema in create.answer["properties"].items():
                if id_name.startswith(name.removesuffix("s")):  # the answer has the object of a messageId in `messages`
                    created = f"$response.body#/{name}/{'0/' if 'items' in schema else ''}id"
                    links[operation.id] = {"operationId": operation.id, "parameters": parents | {id_name: created}}
    return links


def _statuses(operation: Operation) -> set[int]:
    """Return the statuses of the errors that an operation may answer with."""
    statuses = {*(_ALWAYS if operation.scopes else _ALWAYS - {401, 403}), *operation.errors}
    statuses |= _OF_BODIES if operation.body else set()
    statuses |= _OF_QUERIES if operation.query else set()
    statuses |= _OF_CREATES if operation.status == 201 else set()
    statuses |= _OF_IDS if operation.placeholders else set()
    return statuses


def _described(schema: Schema) -> Schema:
    """Return a body's schema without the keys that only the checks of bodies and the examples use."""
    described = {name: value for name, value in schema.items() if name not in _OURS}
    if "properties" in schema:
        described["properties"] = {name: _described(part) for name, part in schema["properties"].items()}
    if "items" in schema:
        described["items"] = _described(schema["items"])
    if "oneOf" in schema:
        described["oneOf"] = [_described(part) for part in schema["oneOf"]]
    return described


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _error(status: int) -> Schema:
    return {"description": _TITLES[status], "content": _json(_ref("Errors"))}


def _oauth_error(status: int) -> Schema:
    return {"description": _TITLES[status], "content": _json(_ref("OAuthError"))}


_FILE: Schema = {"description": "The file", "content": {"*/*": {"schema": {}}}}
_OPEN_PATHS: dict[str, Schema] = {
    "/attachments/v2/{attachmentId}/{name}": {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in ("attachmentId", "name")
        ],
        "get": {
            "operationId": "getAttachment",
            "tags": ["Service"],
            "summary": "Return an uploaded file, or a range of it; also below /sc.",
            "security": [],
            "responses": {
                "200": _FILE,
                "206": _FILE,
                "304": {"description": "The file has the entity tag that If-None-Match names"},
                **{str(status): _error(status) for status in (404, 416, 429, 503)},
            },
        },
    },
    "/healthz": {
        "get": {
            "operationId": "getHealth",
            "tags": ["Service"],
            "summary": "Return whether the service runs.",
            "security": [],
            "responses": {"200": {"description": "OK", "content": _json(_ref("Health"))}},
        }
    },
    "/readyz": {
        "get": {
            "operationId": "getReadiness",
            "tags": ["Service"],
            "summary": "Return whether the service can verify credentials; for a load balancer.",
            "security": [],
            "responses": {"200": {"description": "OK", "content": _json(_ref("Health"))}, "503": _error(503)},
        }
    },
    "/openapi.json": {
        "get": {
            "operationId": "getOpenapi",
            "tags": ["Service"],
            "summary": "Return this document.",
            "security": [],
            "responses": {"200": {"description": "OK", "content": _json({"type": "object"})}, "429": _error(429)},
        }
    },
}
