"""Operations on the keys of apps (integration id None) and of custom integrations."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.errors import NotFound
from sunshine_keys.keys.model import Key, KeyView, key_view, new_key_id
from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.store import Origin
from sunshine_keys.store.changes import CreateKey, DeleteKey
from sunshine_keys.store.rules import require_keys_allowed

_PAGE = 1000


def issue(
    sealer: Sealer,
    scope: Scope,
    app_id: str | None,
    integration_id: str | None,
    display_name: str,
    *,
    key_id: str | None = None,
) -> tuple[Key, KeyView]:
    """A new key as it is stored, sealed, and as it is shown to its owner."""
    key_id, secret = key_id or new_key_id(scope), new_secret()
    key = Key(key_id, scope, app_id, integration_id, display_name, sealer.seal(secret, key_id))
    return key, KeyView(key_id, display_name, secret)


async def create(
    engine: Engine, origin: Origin, app_id: str, integration_id: str | None, display_name: str
) -> KeyView | msgspec.Raw:
    scope = Scope.APP if integration_id is None else Scope.INTEGRATION

    def make() -> tuple[CreateKey, KeyView]:
        key, view = issue(engine.sealer, scope, app_id, integration_id, display_name)
        return CreateKey(key), view

    return await engine.create(origin, make)


async def get(engine: Engine, app_id: str, integration_id: str | None, key_id: str) -> KeyView:
    """One read where the key is there; only where it is not is the reason looked for."""
    key = await engine.store.key(key_id)
    if key is None or key.app_id != app_id or key.integration_id != integration_id:
        await _require_owner(engine, app_id, integration_id)
        raise NotFound
    return key_view(key, engine.sealer)


async def list_all(engine: Engine, app_id: str, integration_id: str | None) -> list[KeyView]:
    if integration_id is None:
        found = await engine.store.app_keys(app_id)
    else:
        found = [key for key in await engine.store.integration_keys(integration_id) if key.app_id == app_id]
    if not found:
        await _require_owner(engine, app_id, integration_id)
    return [key_view(key, engine.sealer) for key in found]


async def every(engine: Engine) -> AsyncIterator[tuple[Key, str]]:
    """Every key there is, whosever, with its secret, in order of id. Reads the whole store."""
    page = await engine.store.keys_after("", _PAGE)
    while page:
        for key in page:
            yield key, await engine.opened(key.sealed_secret, key.id)
        page = await engine.store.keys_after(page[-1].id, _PAGE)


async def delete(engine: Engine, origin: Origin, app_id: str, integration_id: str | None, key_id: str) -> None:
    await engine.store.transact(origin, DeleteKey(app_id, integration_id, key_id))


async def _require_owner(engine: Engine, app_id: str, integration_id: str | None) -> None:
    if integration_id is None:
        await engine.require_app(app_id)
    else:
        require_keys_allowed(await engine.require_integration(app_id, integration_id))
