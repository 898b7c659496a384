"""What the service keeps: apps, integrations, webhooks and keys, as plain frozen structs, and their ids."""

from __future__ import annotations

import os
import re
import time
from enum import StrEnum
from typing import Any

import msgspec

KEYS_PER_OWNER = 10
"""The most keys an app or an integration may have (documented)."""

DISPLAY_NAME_LENGTH = 100
"""The most characters in the name of a key, an app or an integration (documented)."""

METADATA_BYTES = 4096
"""The most bytes of JSON an app's metadata may take (documented)."""


METADATA_DEPTH = 32
"""How deep metadata may be nested; ours to choose, and far below what any reader of JSON can take."""


class Scope(StrEnum):
    """What a key is for: an account, one app, or one custom integration."""

    ACCOUNT = "account"
    APP = "app"
    INTEGRATION = "integration"


ID_PREFIX = {Scope.ACCOUNT: "act_", Scope.APP: "app_", Scope.INTEGRATION: "int_"}

INTEGRATION_TYPES = frozenset(
    {
        "android", "apple", "custom", "instagram", "ios", "line", "mailgun", "messagebird", "messenger",
        "telegram", "twilio", "twitter", "unity", "viber", "web", "whatsapp",
    }
)  # fmt: skip

DEFAULT_SETTINGS: dict[str, Any] = {
    "appLocalizationEnabled": True,
    "echoPostback": False,
    "maskCreditCardNumbers": True,
    "multiConvoEnabled": False,
    "useAnimalNames": False,
}
"""The settings of an app made without any, as the published examples show them."""

SEALING_KEY_ID_BYTES = 4
"""What is sealed begins with so many bytes that name the key it is sealed under."""

OBJECT_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
KEY_ID = re.compile(f"(?:{'|'.join(ID_PREFIX.values())}){OBJECT_ID.pattern}", re.ASCII)


class App(msgspec.Struct, frozen=True):
    id: str
    display_name: str
    settings: dict[str, Any]
    metadata: dict[str, Any] | None = None


class AppPatch(msgspec.Struct, frozen=True):
    """What a PATCH names; UNSET leaves a field as it is. Settings are merged, metadata is replaced."""

    display_name: str | msgspec.UnsetType = msgspec.UNSET
    settings: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET

    def apply(self, app: App) -> App:
        return App(
            id=app.id,
            display_name=app.display_name if self.display_name is msgspec.UNSET else self.display_name,
            settings=app.settings if self.settings is msgspec.UNSET else app.settings | self.settings,
            metadata=app.metadata if self.metadata is msgspec.UNSET else self.metadata,
        )


class Integration(msgspec.Struct, frozen=True):
    """`attributes` holds the common optional properties by their wire names (displayName, …)."""

    id: str
    app_id: str
    type: str
    attributes: dict[str, Any]

    def patched(self, attributes: dict[str, Any]) -> Integration:
        merged = {name: value for name, value in (self.attributes | attributes).items() if value is not None}
        return Integration(self.id, self.app_id, self.type, merged)


class Webhook(msgspec.Struct, frozen=True):
    id: str
    integration_id: str
    target: str
    triggers: list[str]
    include_full_user: bool
    include_full_source: bool
    sealed_secret: bytes


class WebhookPatch(msgspec.Struct, frozen=True):
    target: str | msgspec.UnsetType = msgspec.UNSET
    triggers: list[str] | msgspec.UnsetType = msgspec.UNSET
    include_full_user: bool | msgspec.UnsetType = msgspec.UNSET
    include_full_source: bool | msgspec.UnsetType = msgspec.UNSET

    def apply(self, webhook: Webhook) -> Webhook:
        named = {name: getattr(self, name) for name in self.__struct_fields__}
        return msgspec.structs.replace(
            webhook, **{name: value for name, value in named.items() if value is not msgspec.UNSET}
        )


class Key(msgspec.Struct, frozen=True):
    """An API key. `app_id` is None for account keys, `integration_id` for account and app keys."""

    id: str
    scope: Scope
    app_id: str | None
    integration_id: str | None
    display_name: str
    sealed_secret: bytes


class ConsoleSession(msgspec.Struct, frozen=True):
    """Somebody signed in to the console by the key `key_id`. `id` is the SHA-256 of what the browser holds; times are
    in seconds since 1970."""

    id: bytes
    key_id: str
    created: int
    last_seen: int


class Counts(msgspec.Struct, frozen=True):
    """How many there are of each."""

    apps: int = 0
    integrations: int = 0
    webhooks: int = 0
    keys: int = 0

    def __str__(self) -> str:
        counted = ((getattr(self, each), each) for each in self.__struct_fields__)
        return ", ".join(f"{count} {name.removesuffix('s') if count == 1 else name}" for count, name in counted)


USAGE_DAYS = 30
"""How long it is kept how often a key was used in an hour. When it was used last is kept as long as the key."""


class Usage(msgspec.Struct, frozen=True):
    """What a key was used for: requests that it authenticated, whatever came of them.

    `last_used` is in seconds since 1970, `last_source` an address, empty where it was not known. `hours` has the
    requests by the start of their hour, in seconds since 1970.
    """

    last_used: float | None
    last_source: str
    hours: dict[int, int]


class KeyHour(msgspec.Struct, frozen=True):
    """What is to be added to a key's usage: requests within the hour that begins at `hour`, and the last of them."""

    key_id: str
    hour: int
    requests: int
    last_used: float
    last_source: str


class Page(msgspec.Struct, frozen=True):
    """A cursor-paginated request: at most one of `after` and `before`, and a size of 1 to 100."""

    after: str | None = None
    before: str | None = None
    size: int = 25

    def neighbours(self, ids: list[str], more: bool) -> tuple[str | None, str | None]:
        """The cursors of the pages before and after this one, which holds `ids`; None where there is no such page.

        `more` is whether there are more in the direction that was asked for.
        """
        if not ids:
            return None, None
        has_before, has_after = (self.after is not None, more) if self.before is None else (more, True)
        return ids[0] if has_before else None, ids[-1] if has_after else None


def sealed_under(sealed: bytes) -> str:
    """The id of the key that `sealed` is sealed under, in hex."""
    return sealed[:SEALING_KEY_ID_BYTES].hex()


def new_object_id() -> str:
    """24 hex digits that sort by creation: 4 bytes of seconds (as the vendor's begin), 3 of the fraction, 5 random."""
    seconds, fraction = divmod(time.time_ns(), 1_000_000_000)
    return f"{seconds & 0xFFFFFFFF:08x}{fraction >> 6:06x}{os.urandom(5).hex()}"


def new_key_id(scope: Scope) -> str:
    return ID_PREFIX[scope] + new_object_id()
