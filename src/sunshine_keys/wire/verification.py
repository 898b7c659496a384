"""`/auth`: whose key a request has, for other services. Reverse proxies and gateways ask before they pass a request on.

nginx (`auth_request`), Traefik (`ForwardAuth`) and Caddy (`forward_auth`) ask for `/auth`, and Envoy (`ext_authz`) for `/auth`
followed by the path of the request itself, each with the Authorization header of their caller.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import parse_qsl

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.wire.answers import File
from sunshine_keys.wire.request import Request

AUTH = "auth"
"""The first segment of the path."""

ROUTE = "/auth"

_SCOPES = frozenset(Scope)


class Constraints(msgspec.Struct, frozen=True):
    """What a key needs: one of `scopes`, and access to the app and the integration that are not None."""

    scopes: frozenset[Scope] = _SCOPES
    app_id: str | None = None
    integration_id: str | None = None


_NONE = Constraints()


def constraints_of(request: Request) -> Constraints:
    """Return the constraints that a request for `/auth` names. Raises BadRequest, so that a misspelt one lets nobody in.

    They are in the query: `scope` (several with commas between), `app` and `integration`. Behind `/auth/` the query is the
    caller's own; there the first segment has them, if it contains `=`.
    """
    if len(request.segments) == 1:
        values = request.query()
        return _read(values) if values else _NONE
    first = request.segments[1]
    if "=" not in first:
        return _NONE
    pairs = parse_qsl(first, keep_blank_values=True)
    if len(dict(pairs)) < len(pairs):
        raise BadRequest("A constraint should be named once")
    return _read(dict(pairs))


def _read(values: dict[str, str]) -> Constraints:
    if unknown := values.keys() - {"scope", "app", "integration"}:
        raise BadRequest(f"Constraints should be scope, app and integration, not {min(unknown)[:100]}")
    for name in ("app", "integration"):
        if name in values and not OBJECT_ID.fullmatch(values[name]):
            raise BadRequest(f"{name} should be an id of 24 hex digits")
    if "integration" in values and "app" not in values:
        raise BadRequest("integration should be named with its app: a key of another app would pass")
    try:
        scopes = frozenset(map(Scope, values["scope"].split(","))) if "scope" in values else _SCOPES
    except ValueError:
        raise BadRequest(f"scope should be {', '.join(sorted(_SCOPES))}, or several with commas between") from None
    return Constraints(scopes, values.get("app"), values.get("integration"))


@lru_cache(1000)  # a gateway asks about the same callers
def answer(actor: Actor) -> File:
    """Return who the caller is, in headers and in the body. A header without a value replaces one that a caller has invented."""
    names = {
        "keyId": actor.key_id,
        "scope": actor.scope.value,
        "appId": actor.app_id or "",
        "integrationId": actor.integration_id or "",
    }
    headers = zip(_HEADERS, names.values(), strict=True)
    body = {name: value for name, value in names.items() if value}
    return File([_CONTENT_TYPE, *((name, value.encode()) for name, value in headers)], msgspec.json.encode(body))


_CONTENT_TYPE = (b"content-type", b"application/json; charset=utf-8")
_HEADERS = (b"x-sunshine-key-id", b"x-sunshine-scope", b"x-sunshine-app-id", b"x-sunshine-integration-id")
