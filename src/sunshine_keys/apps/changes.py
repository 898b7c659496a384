"""Changes of apps."""

from __future__ import annotations

from sunshine_keys.apps.model import App, AppPatch
from sunshine_keys.apps.table import APPS, require_app
from sunshine_keys.errors import AppNotFound
from sunshine_keys.store.change import Change, Revokes
from sunshine_keys.store.statements import Statements


class CreateApp(Change[App], frozen=True):
    action = "app.create"
    path = "apps/{0.app.id}"
    app: App

    def apply(self) -> Statements[App]:
        yield from APPS.insert(self.app)
        return self.app


class UpdateApp(Change[App], frozen=True):
    """Write the properties in the patch. Raises AppNotFound."""

    action = "app.update"
    path = "apps/{0.app_id}"
    app_id: str
    patch: AppPatch

    def apply(self) -> Statements[App]:
        app = self.patch.apply((yield from require_app(self.app_id)))
        yield from APPS.update(app, "display_name", "settings", "metadata")
        return app


class DeleteApp(Change[None], frozen=True):
    """Delete the app with its keys and integrations, and their keys and webhooks. Raises AppNotFound."""

    action = "app.delete"
    path = "apps/{0.app_id}"
    revokes = Revokes.KEYS_OF_APP
    app_id: str

    def apply(self) -> Statements[None]:
        if not (yield from APPS.delete("id = $1", self.app_id)):
            raise AppNotFound
