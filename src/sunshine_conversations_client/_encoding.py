"""The parts of a request that depend on the operation: its path, its query and its body."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    from sunshine_conversations_client._model import Model

_PLAIN_ID = re.compile("(?!\\.{1,2}$)[A-Za-z0-9_.~-]+")
_UNSAFE_IN_ID = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")


def fill_path(template: str, ids: dict[str, Any], safe: str = "") -> str:
    """Return a path with its `{names}` replaced by ids.

    Raises ApiArgumentError for an id that would lead to another path.
    """
    path = template
    for name, value in ids.items():
        placeholder = f"{{{name}}}"
        if placeholder not in template:
            continue
        if isinstance(value, str) and _PLAIN_ID.fullmatch(value):
            path = path.replace(placeholder, value)
            continue
        segment = quote(_checked_id(name, value), safe=safe)
        if not {".", ".."}.isdisjoint(segment.split("/")):
            raise ApiArgumentError(
                f"{name} should not be . or .., nor hold them as segments: HTTP libraries make another path of it"
            )
        path = path.replace(placeholder, segment)
    return path


def _checked_id(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ApiArgumentError(f"{name} should be a string, not {type(value).__name__}")
    if not value:
        raise ApiArgumentError(f"{name} should not be empty: the path would be another one")
    if _UNSAFE_IN_ID.search(value):
        raise ApiArgumentError(f"{name} should not hold control characters")
    return value


def query_pairs(parameters: dict[str, type[Model] | None], values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of a query. A parameter that has a model is sent as one pair for each field: `page[size]=10`.

    Raises ApiArgumentError.
    """
    query: list[tuple[str, str]] = []
    for name, value in values.items():
        if value is None:
            continue
        model = parameters[name]
        if model is None:
            query.append((name, _query_text(value)))
        else:
            fields = _wire_dict(name, model, value).items()
            query += [(f"{name}[{field}]", _query_text(content)) for field, content in fields if content is not None]
    return query


def _query_text(value: Any) -> str:
    if isinstance(value, list | tuple | set | dict | bytes):
        raise ApiArgumentError(f"a query parameter should be text or a number, not {type(value).__name__}")
    with contextlib.suppress(ValueError):  # its exception would hold the text
        text = str(value).lower() if isinstance(value, bool) else str(value)
        text.encode()
        return text
    raise ApiArgumentError("a query parameter should be text that UTF-8 can hold, or a number")


def query_string(query: list[tuple[str, str]]) -> str:
    """Return a query with its question mark; "" for an empty query."""
    if not query:
        return ""
    pairs = "&".join(f"{quote(name, safe='[]')}={quote(value, safe=',')}" for name, value in query)
    return f"?{pairs}"


def json_body(model: type[Model], body: Any, content_type: str | None) -> tuple[bytes, str]:
    """Return a body as JSON, and its content type. Raises ApiArgumentError."""
    kind = content_type or "application/json"
    if not isinstance(kind, str) or "json" not in kind.lower():
        raise ApiArgumentError("_content_type should be application/json; the API accepts no other type")
    return json_bytes(_wire_dict("the body", model, body)), kind


def _wire_dict(name: str, model: type[Model], value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        value = model.from_argument(value)
    if isinstance(value, model):
        return value.to_body()
    raise ApiArgumentError(f"{name} should be {model.__name__} or a dict, not {type(value).__name__}")


def json_bytes(content: Any) -> bytes:
    """Return JSON. Raises ApiArgumentError for a value that JSON cannot hold."""
    try:
        return json.dumps(content, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        fault = type(error).__name__
    raise ApiArgumentError(f"the body cannot be written as JSON ({fault})")
