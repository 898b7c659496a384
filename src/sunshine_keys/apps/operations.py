"""The operations on apps, and `tokenInfo`: the app that the credentials belong to."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.apps.changes import CreateApp, DeleteApp, UpdateApp
from sunshine_keys.apps.model import DEFAULT_SETTINGS, METADATA_BYTES, METADATA_DEPTH, App, AppPatch, app_view
from sunshine_keys.apps.table import APPS, apps_page, require_app
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Forbidden
from sunshine_keys.ids import new_object_id
from sunshine_keys.store import Origin
from sunshine_keys.wire import paging
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import FACTS, Call, operation
from sunshine_keys.wire.strict_json import deeper_than

_SETTINGS = tuple(FACTS["schemas"]["App"]["properties"]["settings"]["properties"])


async def create(
    engine: Engine, origin: Origin, display_name: str, settings: Values, metadata: Values | None
) -> Values | msgspec.Raw:
    app = App(new_object_id(), display_name, DEFAULT_SETTINGS | settings, metadata)
    return await engine.create(origin, lambda _: (CreateApp(app), app_view(app)))


def limited_metadata(name: str, value: Values) -> list[str]:
    """Check the size and depth of metadata."""
    if deeper_than(METADATA_DEPTH, value):
        return [f"{name} should NOT be nested deeper than {METADATA_DEPTH}"]
    size = len(msgspec.json.encode(value))
    return [f"App metadata is limited to {METADATA_BYTES} bytes in size."] if size > METADATA_BYTES else []


def _known_settings(settings: Values) -> Values:
    """Return the settings that the API has, in the order of its description. Others are ignored."""
    return {name: settings[name] for name in _SETTINGS if name in settings}


async def create_app(call: Call) -> Any:
    settings = _known_settings(call.body.get("settings", {}))
    created = await create(call.engine, call.origin, call.body["displayName"], settings, call.body.get("metadata"))
    return {"app": created}


async def list_apps(call: Call) -> Any:
    query = call.request.query()
    page = paging.page(query, "Invalid page query parameters")
    if "serviceAccountId" in paging.nested(query, "filter"):
        raise Forbidden("The serviceAccountId provided does not match supplied credentials")
    apps, more = await call.engine.store.read(apps_page(page))
    neighbours = paging.neighbours(call.request.url(), page, query, [app.id for app in apps], more)
    return {"apps": [app_view(app) for app in apps], **neighbours}


async def get_app(call: Call) -> Any:
    return {"app": app_view(await call.engine.store.read(require_app(call.ids["appId"])))}


async def update_app(call: Call) -> Any:
    body = call.body
    patch = AppPatch(
        display_name=body.get("displayName", msgspec.UNSET),
        settings=_known_settings(body["settings"]) if "settings" in body else msgspec.UNSET,
        metadata=body.get("metadata", msgspec.UNSET),
    )
    return {"app": app_view(await call.engine.store.transact(call.origin, UpdateApp(call.ids["appId"], patch)))}


async def delete_app(call: Call) -> Any:
    await call.engine.delete_app(call.origin, DeleteApp(call.ids["appId"]))
    return {}


async def get_token_info(call: Call) -> Any:
    """Return the app of the key that authenticated. Raises Forbidden for an account's key, which belongs to no app."""
    if call.actor.app_id is None:
        raise Forbidden
    return {"app": app_view(await call.engine.store.read(require_app(call.actor.app_id)))}


_RULES = {"metadata": limited_metadata}

TABLES = (APPS,)

OPERATIONS = [
    operation("ListApps", list_apps),
    operation("CreateApp", create_app, rules=_RULES),
    operation("GetApp", get_app),
    operation("UpdateApp", update_app, rules=_RULES),
    operation("DeleteApp", delete_app),
    operation("GetTokenInfo", get_token_info),
]
