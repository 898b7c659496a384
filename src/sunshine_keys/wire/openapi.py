"""The service's own description, OpenAPI 3.1: made of the operations and the checks of bodies, so that it cannot drift.

What they do not say is said here: a summary and an answer for each operation, and the parameters of its path and query.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from sunshine_keys import errors
from sunshine_keys.access.scopes import Scope
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.integrations.model import INTEGRATION_TYPES
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.wire import bodies
from sunshine_keys.wire.operations import OPERATIONS, Operation

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {"type": "object", "properties": required | (optional or {}), "required": list(required)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_OBJECT_ID: Schema = {"type": "string", "pattern": f"^{OBJECT_ID.pattern}$"}
_KEY_ID: Schema = {"type": "string", "pattern": f"^(act|app|int)_{OBJECT_ID.pattern}$"}
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}

_SCHEMAS: dict[str, Schema] = {
    "App": _object(
        {"id": _OBJECT_ID, "displayName": _TEXT, "settings": bodies.SETTINGS.schema}, {"metadata": {"type": "object"}}
    ),
    "Integration": _object(
        {
            "id": _OBJECT_ID,
            "type": {"type": "string", "enum": sorted(INTEGRATION_TYPES)},
            "status": {"type": "string", "enum": ["active"]},
        },
        {
            "displayName": _TEXT,
            "defaultResponderId": _TEXT,
            "showAIDisclaimer": _FLAG,
            "webhooks": {"description": "Of a custom integration.", **_list(_ref("Webhook"))},
        },
    ),
    "Webhook": _object(
        {
            "id": _OBJECT_ID,
            "version": {"type": "string", "enum": ["v2"]},
            "target": _TEXT,
            "triggers": _list(_TEXT),
            "secret": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "includeFullUser": _FLAG,
            "includeFullSource": _FLAG,
        }
    ),
    "Key": _object(
        {"id": _KEY_ID, "displayName": _TEXT, "secret": {"type": "string", "pattern": "^[A-Za-z0-9_-]{86}$"}}
    ),
    "Meta": _object({"hasMore": _FLAG}, {"afterCursor": _OBJECT_ID, "beforeCursor": _OBJECT_ID}),
    "Links": _object({}, {"next": _TEXT, "prev": _TEXT}),
    "Errors": _object({"errors": {"minItems": 1, **_list(_object({"code": _TEXT, "title": _TEXT}))}}),
    "Health": _object({"status": {"type": "string", "enum": ["ok"]}}),
}
_PAGED: Schema = {"meta": _ref("Meta")}
_LINKS: Schema = {"links": _ref("Links")}
_NOTHING: Schema = {"type": "object", "maxProperties": 0}

_KINDS = {"app": "App", "integration": "Integration", "webhook": "Webhook", "key": "Key"}

_TOLD: dict[str, str] = {
    "create_app": "Make an app",
    "list_apps": "List apps, a page at a time",
    "get_app": "Fetch an app",
    "update_app": "Change an app: settings are merged, metadata is replaced",
    "delete_app": "Delete an app with its keys, integrations and all they hold",
    "get_token_info": "Fetch the app that the credentials belong to",
    "create_key": f"Issue a key, of which there are at most {KEYS_PER_OWNER} for each owner",
    "list_keys": "List keys with their secrets",
    "get_key": "Fetch a key with its secret",
    "delete_key": "Revoke a key: once this has answered, neither it nor a token it signed is accepted",
    "create_integration": "Make an integration",
    "list_integrations": "List an app's integrations, a page at a time",
    "get_integration": "Fetch an integration",
    "update_integration": "Change an integration",
    "delete_integration": "Delete an integration with its keys and webhooks",
    "create_webhook": "Make a webhook of a custom integration",
    "list_webhooks": "List an integration's webhooks",
    "get_webhook": "Fetch a webhook",
    "update_webhook": "Change a webhook",
    "delete_webhook": "Delete a webhook",
}

_ERRORS: dict[int, type[errors.ServiceError]] = {
    each.status: each
    for each in (
        errors.BadRequest, errors.Unauthorized, errors.Forbidden, errors.NotFound, errors.Conflict,
        errors.PayloadTooLarge, errors.UnsupportedMediaType, errors.TooManyRequests, errors.StoreUnavailable,
    )
}  # fmt: skip
_ALWAYS = (401, 403, 429, 503)
_PAGED_LISTS = ("list_apps", "list_integrations")
_OF_CUSTOM_INTEGRATIONS = "/integrations/{integrationId}/"

_PAGE_PARAMETERS: list[Schema] = [
    {"name": "page[after]", "in": "query", "schema": _OBJECT_ID, "description": "Not together with page[before]."},
    {"name": "page[before]", "in": "query", "schema": _OBJECT_ID},
    {"name": "page[size]", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}},
]
_TYPES_PARAMETER: Schema = {
    "name": "filter[types]", "in": "query", "style": "form", "explode": False,
    "schema": {"minItems": 1, **_list({"type": "string", "enum": sorted(INTEGRATION_TYPES)})},
}  # fmt: skip
_IDEMPOTENCY_PARAMETER: Schema = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "For 24 hours the same request with the same key is done once, and answered as the first time.",
}  # fmt: skip


@functools.cache
def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Sunshine Keys",
                "version": "2",
                "description": "API keys for custom integrations, wire-compatible with Sunshine Conversations.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": {path: _path(path, methods) for path, methods in OPERATIONS.items()} | _OPEN_PATHS,
            "components": {
                "schemas": _SCHEMAS,
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


def _path(path: str, methods: dict[str, Operation]) -> Schema:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    an_id = {"type": "string", "minLength": 1}
    parameters = [{"name": name, "in": "path", "required": True, "schema": an_id} for name in names]
    described = {method.lower(): _operation(path, each) for method, each in methods.items()}
    return ({"parameters": parameters} if parameters else {}) | described


def _operation(path: str, operation: Operation) -> Schema:
    name = operation.handler.__name__
    creates = operation.status == 201
    statuses = {*_ALWAYS}
    statuses |= {400} if operation.body or name in _PAGED_LISTS or _OF_CUSTOM_INTEGRATIONS in path else set()
    statuses |= {404} if "{" in path or name == "get_token_info" else set()
    statuses |= {409} if creates else set()
    statuses |= {413, 415} if operation.body else set()
    parameters = list(_PAGE_PARAMETERS) if name in _PAGED_LISTS else []
    parameters += [_TYPES_PARAMETER] if name == "list_integrations" else []
    parameters += [_IDEMPOTENCY_PARAMETER] if creates else []
    body = {"required": True, "content": _json(operation.body.schema)} if operation.body else None
    scopes = [each.value for each in Scope if each in operation.scopes]
    success = {"description": "Created" if creates else "OK", "content": _json(_answer(name))}
    return {
        "operationId": _operation_id(path, name),
        "tags": [_tag(path, name)],
        "summary": _TOLD[name],
        "description": f"For keys of scope {', '.join(scopes)}.",
        "security": [{"basic": scopes}, {"bearer": scopes}],
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body else {}),
        "responses": {str(operation.status): success} | {str(each): _error(each) for each in sorted(statuses)},
    }


def _operation_id(path: str, handler: str) -> str:
    """As the vendor's description names it."""
    verb, _, what = handler.partition("_")
    if what in ("key", "keys"):
        what = ("custom_integration_" if "{integrationId}" in path else "app_") + what
    return verb.capitalize() + "".join(word.capitalize() for word in what.split("_"))


def _tag(path: str, handler: str) -> str:
    """The resource that an operation is about."""
    what = handler.partition("_")[2].removesuffix("s")
    if what == "key":
        return "Keys of integrations" if "{integrationId}" in path else "Keys of apps"
    return {"app": "Apps", "integration": "Integrations", "webhook": "Webhooks"}.get(what, "Token info")


def _answer(handler: str) -> Schema:
    verb, _, what = handler.partition("_")
    if handler == "get_token_info":
        return _object({"app": _ref("App")})
    if verb == "delete":
        return _NOTHING
    if verb != "list":
        return _object({what: _ref(_KINDS[what])})
    items = {what: _list(_ref(_KINDS[what.removesuffix("s")]))}
    return _object(items | _PAGED, _LINKS) if what in ("apps", "integrations") else _object(items)


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _error(status: int) -> Schema:
    return {"description": _ERRORS[status].title, "content": _json(_ref("Errors"))}


_OPEN_PATHS: dict[str, Schema] = {
    "/healthz": {
        "get": {
            "operationId": "getHealth",
            "tags": ["Service"],
            "summary": "Whether the service serves",
            "security": [],
            "responses": {"200": {"description": "OK", "content": _json(_ref("Health"))}},
        }
    },
    "/readyz": {
        "get": {
            "operationId": "getReadiness",
            "tags": ["Service"],
            "summary": "Whether credentials can be verified: for a load balancer",
            "security": [],
            "responses": {"200": {"description": "OK", "content": _json(_ref("Health"))}, "503": _error(503)},
        }
    },
    "/openapi.json": {
        "get": {
            "operationId": "getOpenapi",
            "tags": ["Service"],
            "summary": "This document",
            "security": [],
            "responses": {"200": {"description": "OK", "content": _json({"type": "object"})}, "429": _error(429)},
        }
    },
}
