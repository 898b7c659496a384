"""The operations on the keys of apps and of custom integrations. An integration id of None means the app's own keys."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.errors import BadRequest
from sunshine_keys.keys import rotating
from sunshine_keys.keys.changes import INVALID_END, CreateKey
from sunshine_keys.keys.lifetime import LATEST_END, UNLIMITED, Lifetime
from sunshine_keys.keys.model import Key, KeyView, key_view, moment_of, moment_text, new_key_id
from sunshine_keys.keys.rotations import ROTATIONS
from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.keys.table import KEYS, keys_after, keys_of_app, keys_of_integration, read_key, require_owner
from sunshine_keys.keys.usage import FORMER_HOURS, HOURS, LAST_USES, SOURCES, Usage, usage_of
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.store import Origin, audit
from sunshine_keys.wire.operation import Call, operation

RECENT_SECONDS = 7 * 86400

_BATCH = 1000


def issue(
    sealer: Sealer,
    scope: Scope,
    app_id: str | None,
    integration_id: str | None,
    display_name: str,
    *,
    key_id: str | None = None,
    lifetime: Lifetime = UNLIMITED,
) -> tuple[Key, KeyView]:
    """Return a new key twice: with its secret sealed, for the store, and as its owner sees it."""
    key_id, secret = key_id or new_key_id(scope), new_secret()
    sealed, end = sealer.seal(secret, key_id), lifetime.end
    key = Key(key_id, scope, app_id, integration_id, display_name, sealed, end, lifetime.notice)
    return key, KeyView(key_id, display_name, secret, moment_text(end))


def creation(
    sealer: Sealer,
    scope: Scope,
    app_id: str | None,
    integration_id: str | None,
    display_name: str,
    lifetime: Lifetime = UNLIMITED,
) -> tuple[CreateKey, KeyView]:
    """Return the change that creates a key, and the key as its owner sees it."""
    key, view = issue(sealer, scope, app_id, integration_id, display_name, lifetime=lifetime)
    return CreateKey(key, lifetime.now), view


async def every(engine: Engine) -> AsyncIterator[tuple[Key, str]]:
    """Yield every key of every owner with its secret, in order of id, and every access token with the hash of its secret.

    Reads the whole store.
    """
    batch = await engine.store.read(keys_after("", _BATCH))
    while batch:
        for key in batch:
            yield key, await engine.unseal(key.sealed_secret, key.id)
        batch = await engine.store.read(keys_after(batch[-1].id, _BATCH))


async def create(
    engine: Engine,
    origin: Origin,
    app_id: str,
    integration_id: str | None,
    display_name: str,
    expires_at: float | None = None,
) -> KeyView | msgspec.Raw:
    """Create a key of an app (`integration_id` is None) or of an integration, which ends at `expires_at` unless that is None.

    Raises BadRequest if that is not in the future, and what `CreateKey` raises.
    """
    scope = Scope.APP if integration_id is None else Scope.INTEGRATION
    lifetime = Lifetime(engine.store.now(), expires_at)
    # A repetition may arrive after the end, so the change compares it with the time.
    if expires_at is not None and not 0 < expires_at < LATEST_END:
        raise BadRequest(INVALID_END)
    return await engine.create(
        origin, lambda sealer: creation(sealer, scope, app_id, integration_id, display_name, lifetime)
    )


async def create_key(call: Call) -> Any:
    name, end = call.body["displayName"], call.body.get("expiresAt")
    app_id, integration_id = call.ids["appId"], call.ids.get("integrationId")
    expires_at = None if end is None else moment_of(end)
    return {"key": await create(call.engine, call.origin, app_id, integration_id, name, expires_at)}


async def list_keys(call: Call) -> Any:
    app_id, integration_id = call.ids["appId"], call.ids.get("integrationId")
    if integration_id is None:
        keys = await keys_of_app(call.engine.store, app_id)
    else:
        keys = [key for key in await keys_of_integration(call.engine.store, integration_id) if key.app_id == app_id]
    if not keys:
        await call.engine.store.read(require_owner(app_id, integration_id))
    return {"keys": [key_view(key, call.engine.sealer) for key in keys]}


async def list_uses(call: Call) -> Any:
    """Answer with the uses of an owner's keys. Keys that were never used are absent."""
    app_id, integration_id = call.ids["appId"], call.ids.get("integrationId")
    store = call.engine.store
    await store.read(require_owner(app_id, integration_id))
    keys = await (keys_of_app(store, app_id) if integration_id is None else keys_of_integration(store, integration_id))
    usage = await store.read(usage_of([key.id for key in keys], time.time() - RECENT_SECONDS))
    return {"keyUses": [_use_view(key_id, use) for key_id, use in sorted(usage.items())]}


def _use_view(key_id: str, use: Usage) -> dict[str, Any]:
    used = "" if use.last_used is None else audit.format_time(datetime.fromtimestamp(use.last_used, UTC))
    return {"id": key_id, "lastUsedAt": used, "lastSource": use.last_source, "requests": sum(use.hours.values())}


async def get_key(call: Call) -> Any:
    app_id, integration_id = call.ids["appId"], call.ids.get("integrationId")
    key = await read_key(call.engine.store, app_id, integration_id, call.ids["keyId"])
    return {"key": key_view(key, call.engine.sealer)}


async def delete_key(call: Call) -> Any:
    app_id, integration_id = call.ids["appId"], call.ids.get("integrationId")
    await rotating.delete(call.engine.store, call.origin, app_id, integration_id, call.ids["keyId"])
    return {}


TABLES = (KEYS, LAST_USES, FORMER_HOURS, SOURCES, ROTATIONS, HOURS)

OPERATIONS = [
    operation("ListAppKeys", list_keys),
    operation("CreateAppKey", create_key),
    operation("GetAppKey", get_key),
    operation("DeleteAppKey", delete_key),
    operation("ListCustomIntegrationKeys", list_keys),
    operation("CreateCustomIntegrationKey", create_key),
    operation("GetCustomIntegrationKey", get_key),
    operation("DeleteCustomIntegrationKey", delete_key),
    operation("RotateAppKey", rotating.rotate_key),
    operation("GetAppKeyRotation", rotating.get_rotation),
    operation("RotateIntegrationKey", rotating.rotate_key),
    operation("GetIntegrationKeyRotation", rotating.get_rotation),
    operation("ListAppKeyUses", list_uses),
    operation("ListIntegrationKeyUses", list_uses),
]
