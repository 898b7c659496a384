"""What request bodies may hold. A body's every fault is reported, in the words the API documents for its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.models import INTEGRATION_TYPES, METADATA_BYTES, METADATA_DEPTH, AppPatch, WebhookPatch
from sunshine_keys.service.webhooks import WebhookSpec

Values = dict[str, Any]
_FAULTS_SHOWN = 20

Check = Callable[[str, Any], list[str]]
"""Given a property's name and value, what is wrong with it."""


def text(minimum: int = 0, maximum: int | None = None) -> Check:
    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} should be string"]
        if len(value) < minimum:
            return [f"{name} should NOT be shorter than {minimum} characters"]
        if maximum is not None and len(value) > maximum:
            return [f"{name} should NOT be longer than {maximum} characters"]
        if "\0" in value:
            return [f"{name} should NOT contain U+0000"]
        return []

    return check


def nullable(check: Check) -> Check:
    return lambda name, value: [] if value is None else check(name, value)


def boolean(name: str, value: Any) -> list[str]:
    return [] if isinstance(value, bool) else [f"{name} should be boolean"]


def seconds(name: str, value: Any) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, int):
        return [f"{name} should be integer"]
    return [] if 0 <= value < 2**53 else [f"{name} should be >= 0 and < 2^53"]


def metadata(name: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"{name} should be object"]
    if _deeper_than(METADATA_DEPTH, value):
        return [f"{name} should NOT be nested deeper than {METADATA_DEPTH}"]
    try:
        size = len(msgspec.json.encode(value))
    except (OverflowError, RecursionError, UnicodeEncodeError):
        return [f"{name} should hold numbers of at most 64 bits"]
    return [f"App metadata is limited to {METADATA_BYTES} bytes in size."] if size > METADATA_BYTES else []


def _deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


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


def list_of(check: Check, minimum: int = 0, maximum: int | None = None) -> Check:
    def check_list(name: str, value: Any) -> list[str]:
        if not isinstance(value, list):
            return [f"{name} should be array"]
        if len(value) < minimum:
            return [f"{name} should NOT have fewer than {minimum} items"]
        if maximum is not None and len(value) > maximum:
            return [f"{name} should NOT have more than {maximum} items"]
        return [fault for i, each in enumerate(value) for fault in check(f"{name}[{i}]", each)]

    return check_list


class Body(msgspec.Struct, frozen=True):
    """An object with known properties. Others are ignored, as the API's own additions must be."""

    properties: dict[str, Check]
    required: tuple[str, ...] = ()

    def __call__(self, name: str, value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [f"{name} should be object"]
        prefix, subject = ("", "") if name == "body" else (f"{name}.", f"{name} ")
        faults = [f"{subject}should have required property '{each}'" for each in self.required if each not in value]
        for each, check in self.properties.items():
            if each in value:
                faults += check(f"{prefix}{each}", value[each])
        return faults

    def values(self, body: Any) -> Values:
        """The known properties of a decoded body. Raises BadRequest with all that is wrong with it."""
        if faults := self("body", body):
            raise BadRequest(*faults[:_FAULTS_SHOWN])
        return {name: body[name] for name in self.properties if name in body}


_DISPLAY_NAME = text(1, 100)
_SETTINGS = Body(
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
_APP: dict[str, Check] = {"displayName": _DISPLAY_NAME, "settings": _SETTINGS, "metadata": nullable(metadata)}
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
_INTEGRATION = Body({"type": text(), "displayName": nullable(text(0, 100)), **_COMMON}, required=("type",))
_CUSTOM = Body(
    {
        "type": text(),
        "displayName": nullable(text(0, 100)),
        "webhooks": list_of(WEBHOOK_CREATE, minimum=1, maximum=1),
    },
    required=("type", "webhooks"),
)
INTEGRATION_UPDATE = Body({"displayName": nullable(_DISPLAY_NAME), **_COMMON})


def known_settings(values: Values) -> Values:
    """The settings the API knows, out of a checked body."""
    return _SETTINGS.values(values.get("settings", {}))


def app_patch(values: Values) -> AppPatch:
    return AppPatch(
        display_name=values.get("displayName", msgspec.UNSET),
        settings=known_settings(values) if "settings" in values else msgspec.UNSET,
        metadata=values.get("metadata", msgspec.UNSET),
    )


def integration_values(body: Any) -> Values:
    """The properties of a new integration. Raises BadRequest; which properties there are depends on its type."""
    kind = body.get("type") if isinstance(body, dict) else None
    if isinstance(kind, str) and kind not in INTEGRATION_TYPES:
        raise BadRequest("Invalid integration type")
    return (_CUSTOM if kind == "custom" else _INTEGRATION).values(body)


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
