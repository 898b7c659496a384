"""Operations on apps."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.apps.model import DEFAULT_SETTINGS, App, AppPatch, app_view
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Forbidden
from sunshine_keys.ids import new_object_id
from sunshine_keys.store import Origin
from sunshine_keys.store.changes import CreateApp, DeleteApp, UpdateApp
from sunshine_keys.store.page import Page


async def create(
    engine: Engine, origin: Origin, display_name: str, settings: dict[str, Any], metadata: dict[str, Any] | None
) -> dict[str, Any] | msgspec.Raw:
    app = App(new_object_id(), display_name, DEFAULT_SETTINGS | settings, metadata)
    return await engine.create(origin, lambda: (CreateApp(app), app_view(app)))


async def of_actor(engine: Engine, actor: Actor) -> App:
    """The app a key belongs to. Raises Forbidden for an account's key, which belongs to none."""
    if actor.app_id is None:
        raise Forbidden
    return await engine.require_app(actor.app_id)


async def page(engine: Engine, page: Page) -> tuple[list[App], bool]:
    return await engine.store.apps(page)


async def update(engine: Engine, origin: Origin, app_id: str, patch: AppPatch) -> App:
    return await engine.store.transact(origin, UpdateApp(app_id, patch))


async def delete(engine: Engine, origin: Origin, app_id: str) -> None:
    await engine.store.transact(origin, DeleteApp(app_id))
