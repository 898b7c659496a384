"""The table of apps, and its reads."""

from __future__ import annotations

from collections.abc import Sequence

from sunshine_keys.apps.model import App
from sunshine_keys.errors import AppNotFound
from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Statements, placeholders
from sunshine_keys.store.store import Reader
from sunshine_keys.store.table import Table

APPS = Table("apps", App, remembered=True)


def require_app(app_id: str) -> Statements[App]:
    """Return the app. Raises AppNotFound."""
    app = yield from APPS.get(app_id)
    if app is None:
        raise AppNotFound
    return app


async def read_app(store: Reader, app_id: str) -> App:
    """Return the app, from memory if nothing has changed since it was read. Raises AppNotFound."""
    app = await store.get(APPS, app_id)
    if app is None:
        raise AppNotFound
    return app


def apps_with(ids: Sequence[str]) -> Statements[list[App]]:
    """Return the apps with these ids that exist."""
    return APPS.select(f"WHERE id IN ({placeholders(len(ids))})", *ids)


def apps_page(page: Page) -> Statements[tuple[list[App], bool]]:
    """Return one page of apps in order of id, and whether more follow in its direction."""
    return APPS.page("1 = 1", (), page)
