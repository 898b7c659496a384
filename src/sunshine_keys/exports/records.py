"""The lines of an export: the header, and each row by the names it has on the wire."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.models import ID_PREFIX, INTEGRATION_TYPES, OBJECT_ID, App, Integration, Key, Scope, Webhook
from sunshine_keys.wire import bodies

FORMAT = "sunshine-keys-export"
VERSION = 1

Row: TypeAlias = App | Integration | Webhook | Key
"""As the store keeps it, but that what is read has no sealed secret yet."""

_SECRET = bodies.Body({"secret": bodies.text(1, 1000)}, required=("secret",))
_KEY_ID = re.compile(r"(act_|app_|int_)[0-9a-f]{24}", re.ASCII)


class ExportError(Exception):
    """A file that is no good export; the message says why, in one line."""


def line(record: dict[str, Any]) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def record(row: Row, secret: str | None) -> dict[str, Any]:
    """`secret` is the row's, sealed for the export and in base64; None where secrets are left out."""
    if isinstance(row, App):
        return {
            "app": _without_none(id=row.id, displayName=row.display_name, settings=row.settings, metadata=row.metadata)
        }
    if isinstance(row, Integration):
        return {"integration": {"id": row.id, "appId": row.app_id, "type": row.type, "attributes": row.attributes}}
    if isinstance(row, Webhook):
        return {
            "webhook": _without_none(
                id=row.id,
                integrationId=row.integration_id,
                target=row.target,
                triggers=row.triggers,
                includeFullUser=row.include_full_user,
                includeFullSource=row.include_full_source,
                secret=secret,
            )
        }
    return {
        "key": _without_none(
            id=row.id,
            scope=row.scope.value,
            appId=row.app_id,
            integrationId=row.integration_id,
            displayName=row.display_name,
            secret=secret,
        )
    }


def row(read: Any, *, secrets: bool) -> tuple[Row, str]:
    """A decoded line's row, and its secret as `record` was given it ("" where it has none).

    All that the API asks of a body is asked of it. Raises ExportError.
    """
    if not isinstance(read, dict) or len(read) != 1:
        raise ExportError("should be an object with one property, which names its kind")
    ((kind, value),) = read.items()
    if kind not in _ROWS or not isinstance(value, dict):
        raise ExportError("should hold an app, integration, webhook or key")
    try:
        made: Row = _ROWS[kind](value)
        if secrets and isinstance(made, Webhook | Key):
            return made, _SECRET.values(value)["secret"]
    except BadRequest as error:
        raise ExportError("; ".join(error.titles)) from None
    return made, ""


def _app(value: dict[str, Any]) -> App:
    values = bodies.APP_CREATE.values(value)
    return App(_id(value, "id"), values["displayName"], bodies.known_settings(values), values.get("metadata"))


def _integration(value: dict[str, Any]) -> Integration:
    attributes = value.get("attributes")
    if value.get("type") not in INTEGRATION_TYPES or not isinstance(attributes, dict):
        raise ExportError("an integration should have a type and attributes")
    known = bodies.INTEGRATION_ATTRIBUTES.values(attributes)
    return Integration(_id(value, "id"), _id(value, "appId"), value["type"], known)


def _webhook(value: dict[str, Any]) -> Webhook:
    spec = bodies.webhook_spec(bodies.WEBHOOK_CREATE.values(value))
    return Webhook(
        _id(value, "id"),
        _id(value, "integrationId"),
        spec.target,
        spec.triggers,
        spec.include_full_user,
        spec.include_full_source,
        b"",
    )


def _key(value: dict[str, Any]) -> Key:
    name = bodies.KEY.values(value)["displayName"]
    key_id = value.get("id")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise ExportError("id should be a key's")
    scope = next(scope for scope, prefix in ID_PREFIX.items() if key_id.startswith(prefix))
    if value.get("scope") != scope.value:
        raise ExportError("scope should be that of the id")
    app_id = None if scope is Scope.ACCOUNT else _id(value, "appId")
    integration_id = _id(value, "integrationId") if scope is Scope.INTEGRATION else None
    return Key(key_id, scope, app_id, integration_id, name, b"")


_ROWS: dict[str, Any] = {"app": _app, "integration": _integration, "webhook": _webhook, "key": _key}


def _id(value: dict[str, Any], name: str) -> str:
    given = value.get(name)
    if not isinstance(given, str) or not OBJECT_ID.fullmatch(given):
        raise ExportError(f"{name} should be 24 hex digits")
    return given


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
