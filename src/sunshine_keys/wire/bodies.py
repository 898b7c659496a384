"""What request bodies may hold. A body's every fault is reported, in the words the API documents for its own.

Each check says the same as a JSON Schema too, for the service's own description of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from sunshine_keys.apps.model import METADATA_BYTES, METADATA_DEPTH, AppPatch
from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import DISPLAY_NAME_LENGTH
from sunshine_keys.integrations.model import INTEGRATION_TYPES
from sunshine_keys.webhooks.model import WebhookPatch
from sunshine_keys.webhooks.operations import WebhookSpec
from sunshine_keys.wire.strict_json import deeper_than

Values = dict[str, Any]
_FAULTS_SHOWN = 20

Schema = dict[str, Any]


class Check(Protocol):
    """What the value of a property may be."""

    @property
    def schema(self) -> Schema:
        """The same as a JSON Schema, as far as one can say it."""
        ...

    def __call__(self, name: str, value: Any) -> list[str]:
        """Given a property's name and value, what is wrong with it."""
        ...


class _Check(msgspec.Struct, frozen=True):
    schema: Schema
    faults: Callable[[str, Any], list[str]]

    def __call__(self, name: str, value: Any) -> list[str]:
        return self.faults(name, value)


def check(schema: Schema) -> Callable[[Callable[[str, Any], list[str]]], Check]:
    """Make a check of a function, and of the schema that says the same."""
    return lambda faults: _Check(schema, faults)


def text(minimum: int = 0, maximum: int | None = None) -> Check:
    lengths = {"minLength": minimum} if maximum is None else {"minLength": minimum, "maxLength": maximum}

    @check({"type": "string", **lengths, "pattern": "^[^\\u0000]*$"})
    def faults(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} should be string"]
        if len(value) < minimum:
            return [f"{name} should NOT be shorter than {minimum} characters"]
        if maximum is not None and len(value) > maximum:
            return [f"{name} should NOT be longer than {maximum} characters"]
        if "\0" in value:
            return [f"{name} should NOT contain U+0000"]
        return []

    return faults


def one_of(values: Iterable[str], title: str) -> Check:
    """One of a few strings; `title` is the fault of any other."""
    known = sorted(values)

    @check({"type": "string", "enum": known})
    def faults(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} should be string"]
        return [] if value in known else [title]

    return faults


def nullable(given: Check) -> Check:
    @check(given.schema | {"type": [given.schema["type"], "null"]})
    def faults(name: str, value: Any) -> list[str]:
        return [] if value is None else given(name, value)

    return faults


@check({"type": "boolean"})
def boolean(name: str, value: Any) -> list[str]:
    return [] if isinstance(value, bool) else [f"{name} should be boolean"]


@check({"type": "integer", "minimum": 0, "maximum": 2**53 - 1})
def seconds(name: str, value: Any) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, int):
        return [f"{name} should be integer"]
    return [] if 0 <= value < 2**53 else [f"{name} should be >= 0 and < 2^53"]


@check(
    {
        "type": "object",
        "description": f"At most {METADATA_BYTES} bytes of JSON, nested at most {METADATA_DEPTH} deep.",
    }
)
def metadata(name: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"{name} should be object"]
    if deeper_than(METADATA_DEPTH, value):
        return [f"{name} should NOT be nested deeper than {METADATA_DEPTH}"]
    size = len(msgspec.json.encode(value))
    return [f"App metadata is limited to {METADATA_BYTES} bytes in size."] if size > METADATA_BYTES else []


@check(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 2048,
        "description": "An http or https URL with a host.",
        "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^\\u0000-\\u0020\\u007f]+$",
    }
)
def url(name: str, value: Any) -> list[str]:
    if faults := text(1, 2048)(name, value):
        return faults
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and not any(character <= " " or character == "\x7f" for character in value)
    except ValueError:
        usable = False
    return [] if usable else [f"{name} should be an http or https URL"]


def list_of(item: Check, minimum: int = 0, maximum: int | None = None) -> Check:
    lengths = {"minItems": minimum} if maximum is None else {"minItems": minimum, "maxItems": maximum}

    @check({"type": "array", "items": item.schema, **lengths})
    def faults(name: str, value: Any) -> list[str]:
        if not isinstance(value, list):
            return [f"{name} should be array"]
        if len(value) < minimum:
            return [f"{name} should NOT have fewer than {minimum} items"]
        if maximum is not None and len(value) > maximum:
            return [f"{name} should NOT have more than {maximum} items"]
        return [fault for i, each in enumerate(value) for fault in item(f"{name}[{i}]", each)]

    return faults


class RequestBody(Protocol):
    @property
    def schema(self) -> Schema: ...

    def values(self, body: Any) -> Values:
        """The known properties of a decoded body. Raises BadRequest with all that is wrong with it."""
        ...


class Body(msgspec.Struct, frozen=True):
    """An object with known properties. Others are ignored, as the API's own additions must be."""

    properties: dict[str, Check]
    required: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        required = {"required": list(self.required)} if self.required else {}
        properties = {name: each.schema for name, each in self.properties.items()}
        return {"type": "object", "properties": properties, **required}

    def __call__(self, name: str, value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [f"{name} should be object"]
        prefix, subject = ("", "") if name == "body" else (f"{name}.", f"{name} ")
        faults = [f"{subject}should have required property '{each}'" for each in self.required if each not in value]
        for each, its_check in self.properties.items():
            if each in value:
                faults += its_check(f"{prefix}{each}", value[each])
        return faults

    def values(self, body: Any) -> Values:
        """The known properties of a decoded body. Raises BadRequest with all that is wrong with it."""
        if faults := self("body", body):
            raise BadRequest(*faults[:_FAULTS_SHOWN])
        return {name: body[name] for name in self.properties if name in body}


_DISPLAY_NAME = text(1, DISPLAY_NAME_LENGTH)
SETTINGS = Body(
    {
        "conversationRetentionSeconds": seconds,
        "maskCreditCardNumbers": boolean,
        "useAnimalNames": boolean,
        "echoPostback": boolean,
        "ignoreAutoConversationStart": boolean,
        "multiConvoEnabled": boolean,
        "appLocalizationEnabled": boolean,
        "endSessionEnabled": boolean,
        "disableConversationReopen": boolean,
    }
)
_APP: dict[str, Check] = {"displayName": _DISPLAY_NAME, "settings": SETTINGS, "metadata": nullable(metadata)}
_WEBHOOK: dict[str, Check] = {
    "target": url,
    "triggers": list_of(text(1, 128), maximum=100),
    "includeFullUser": boolean,
    "includeFullSource": boolean,
}

KEY = Body({"displayName": _DISPLAY_NAME}, required=("displayName",))
APP_CREATE = Body(_APP, required=("displayName",))
APP_UPDATE = Body(_APP)
WEBHOOK_CREATE = Body(_WEBHOOK, required=("target", "triggers"))
WEBHOOK_UPDATE = Body(_WEBHOOK)

_COMMON: dict[str, Check] = {"defaultResponderId": nullable(text()), "showAIDisclaimer": boolean}
_ATTRIBUTES: dict[str, Check] = {"displayName": nullable(text(0, DISPLAY_NAME_LENGTH)), **_COMMON}
_KIND = one_of(INTEGRATION_TYPES - {"custom"}, "Invalid integration type")
_INTEGRATION = Body({"type": _KIND, **_ATTRIBUTES}, required=("type",))
_CUSTOM = Body(
    {
        "type": one_of(["custom"], "Invalid integration type"),
        "displayName": nullable(text(0, DISPLAY_NAME_LENGTH)),
        "webhooks": list_of(WEBHOOK_CREATE, minimum=1, maximum=1),
    },
    required=("type", "webhooks"),
)


class _NewIntegration:
    """Which properties there are depends on the type."""

    schema: Schema = {"oneOf": [_CUSTOM.schema, _INTEGRATION.schema]}  # noqa: RUF012 - what a schema is

    def values(self, body: Any) -> Values:
        kind = body.get("type") if isinstance(body, dict) else None
        return (_CUSTOM if kind == "custom" else _INTEGRATION).values(body)


INTEGRATION_CREATE = _NewIntegration()
"""What an integration of any type may have come to have."""
INTEGRATION_UPDATE = Body({"displayName": nullable(_DISPLAY_NAME), **_COMMON})


def known_settings(values: Values) -> Values:
    """The settings the API knows, out of a checked body."""
    return SETTINGS.values(values.get("settings", {}))


def app_patch(values: Values) -> AppPatch:
    return AppPatch(
        display_name=values.get("displayName", msgspec.UNSET),
        settings=known_settings(values) if "settings" in values else msgspec.UNSET,
        metadata=values.get("metadata", msgspec.UNSET),
    )


def webhook_spec(values: Values) -> WebhookSpec:
    return WebhookSpec(
        values["target"],
        values["triggers"],
        values.get("includeFullUser", False),
        values.get("includeFullSource", False),
    )


def webhook_patch(values: Values) -> WebhookPatch:
    return WebhookPatch(
        target=values.get("target", msgspec.UNSET),
        triggers=values.get("triggers", msgspec.UNSET),
        include_full_user=values.get("includeFullUser", msgspec.UNSET),
        include_full_source=values.get("includeFullSource", msgspec.UNSET),
    )
