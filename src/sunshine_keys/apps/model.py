"""Apps: the struct that the store holds, a patch of it, and its JSON."""

from __future__ import annotations

from typing import Any

import msgspec

METADATA_BYTES = 4096
"""The most bytes of JSON an app's metadata may take (documented)."""

METADATA_DEPTH = 32
"""The deepest nesting of metadata. The limit is this service's own, and far below the limit of any JSON parser."""

DEFAULT_SETTINGS: dict[str, Any] = {
    "appLocalizationEnabled": True,
    "echoPostback": False,
    "maskCreditCardNumbers": True,
    "multiConvoEnabled": False,
    "useAnimalNames": False,
}
"""The settings of an app that was created without settings, as the published examples show them."""


class App(msgspec.Struct, frozen=True):
    id: str
    display_name: str
    settings: dict[str, Any]
    metadata: dict[str, Any] | None = None


class AppPatch(msgspec.Struct, frozen=True):
    """The properties that a PATCH names; UNSET leaves a field as it is. Settings are merged, metadata is replaced."""

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


def app_view(app: App) -> dict[str, Any]:
    """Return the app as JSON of the API. `metadata` is left out if the app has none."""
    view: dict[str, Any] = {"id": app.id, "displayName": app.display_name, "settings": app.settings}
    if app.metadata is not None:
        view["metadata"] = app.metadata
    return view
