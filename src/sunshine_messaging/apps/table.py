"""The apps that the plane has rows of: an app is deleted from the store of keys first, and then from here."""

from __future__ import annotations

import msgspec

from sunshine_keys.store.statements import Statements
from sunshine_keys.store.table import Table


class AppRow(msgspec.Struct, frozen=True):
    id: str


APPS = Table("apps", AppRow)


def register(app_id: str) -> Statements[None]:
    """Add the app, unless it is here already."""
    if (yield from APPS.get(app_id)) is None:
        yield from APPS.insert(AppRow(app_id))


def apps_after(app_id: str, limit: int) -> Statements[list[AppRow]]:
    """Return at most `limit` apps, in order of id, from the one that follows `app_id`."""
    return APPS.select("WHERE id > $1 ORDER BY id LIMIT $2", app_id, limit)
