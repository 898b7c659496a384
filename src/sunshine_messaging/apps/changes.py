"""Delete an app from the plane, in steps that are short enough for the changes that wait behind them."""

from __future__ import annotations

from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from sunshine_messaging.apps.table import APPS


class DeleteApp(Change[bool], frozen=True):
    """Delete a part of what the plane holds of an app. Return True if something is left."""

    action = "messaging.delete_app"
    audited = False
    app_id: str

    def apply(self) -> Statements[bool]:
        yield from APPS.delete("id = $1", self.app_id)
        return False
