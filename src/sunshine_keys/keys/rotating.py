"""The operations on rotations of keys. An integration id of None means the app's own keys."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.errors import NotFound
from sunshine_keys.keys.changes import DeleteKey, IsSuccessor
from sunshine_keys.keys.model import Key, key_view, moment_text, new_key_id
from sunshine_keys.keys.rotations import ROTATIONS, KeepKey, Rotated, RotateKey, Rotation, Unchanged, rotation_to
from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.keys.table import KEYS, read_key
from sunshine_keys.keys.usage import SourceOfUse, sources_of, usage_of
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.store import Origin, Store
from sunshine_keys.store.change import Superseded
from sunshine_keys.wire.operation import Call

SOURCE_SECONDS = 86400
"""The time before now whose uses are shown."""

_MOST_SOURCES = 100
_HOUR = 3600


async def rotate(
    engine: Engine,
    origin: Origin,
    app_id: str | None,
    integration_id: str | None,
    key_id: str,
    *,
    grace_seconds: int | UnsetType = UNSET,
    quiet_seconds: int | UnsetType | None = UNSET,
) -> Rotated:
    """Rotate a key, or change the end of a rotation that has begun. Raises what `RotateKey` raises, but not Unchanged."""
    scope = Scope.INTEGRATION if integration_id else Scope.APP if app_id else Scope.ACCOUNT
    successor_id, secret = new_key_id(scope), new_secret()

    def change(sealer: Sealer) -> RotateKey:
        sealed, now = sealer.seal(secret, successor_id), engine.store.now()
        return RotateKey(app_id, integration_id, key_id, successor_id, sealed, grace_seconds, quiet_seconds, now)

    try:
        return await engine.transact_sealed(origin, change)
    except Unchanged as unchanged:
        return unchanged.rotated


async def delete(
    store: Store,
    origin: Origin,
    app_id: str | None,
    integration_id: str | None,
    key_id: str,
    *,
    even_last: bool = False,
) -> None:
    """Delete a key. If it is the successor of another key, that one gets its own end back first, as in `KeepKey`.

    Nearly no key is one, so the deletion itself looks for that. Raises what `DeleteKey` raises.
    """
    deletion = DeleteKey(app_id, integration_id, key_id, even_last=even_last, now=store.now())
    if app_id is not None:
        with suppress(IsSuccessor):
            await store.transact(origin, msgspec.structs.replace(deletion, unless_successor=True))
            return
    rotation = await store.read(rotation_to(key_id))
    key = None if rotation is None else await store.get(KEYS, rotation.key_id)
    if key is not None and (key.app_id, key.integration_id) == (app_id, integration_id):
        with suppress(Superseded):  # one of the two keys was deleted just now
            await store.transact(origin, KeepKey(key, key_id, store.now()))
    await store.transact(origin, deletion)


async def status(engine: Engine, rotation: Rotation, key: Key) -> dict[str, Any]:
    """Return a rotation as JSON: the ends of both keys, their last uses, and who has used the first within a day."""
    store, now = engine.store, engine.store.now()
    usage = await store.read(usage_of([rotation.key_id, rotation.successor_id], now))
    sources = await store.read(sources_of(rotation.key_id, now - SOURCE_SECONDS))
    last_used = {key_id: moment_text(use.last_used) for key_id, use in usage.items()}
    values = {
        "keyId": rotation.key_id,
        "successorId": rotation.successor_id,
        "beganAt": moment_text(rotation.began),
        "endsAt": moment_text(key.expires_at),
        "hasEnded": key.has_ended(now),
        "whenQuietSeconds": rotation.quiet_seconds,
        "lastUsedAt": last_used.get(rotation.key_id),
        "successorLastUsedAt": last_used.get(rotation.successor_id),
        "sources": [_source_view(source, now) for source in sources[:_MOST_SOURCES]],
    }
    return {name: value for name, value in values.items() if value is not None}


def _source_view(source: SourceOfUse, now: float) -> dict[str, Any]:
    hours = max(now - source.hour, _HOUR) / _HOUR
    return {
        "address": source.source,
        "userAgent": source.agent,
        "lastUsedAt": moment_text(source.last_used),
        "requests": source.requests,
        "requestsPerHour": round(source.requests / hours, 1),
    }


async def rotate_key(call: Call) -> Any:
    rotated = await rotate(
        call.engine,
        call.origin,
        call.ids["appId"],
        call.ids.get("integrationId"),
        call.ids["keyId"],
        grace_seconds=call.body.get("graceSeconds", UNSET),
        quiet_seconds=call.body.get("whenQuietSeconds", UNSET),
    )
    return {
        "rotation": await status(call.engine, rotated.rotation, rotated.key),
        "key": key_view(rotated.successor, call.engine.sealer),
    }


async def get_rotation(call: Call) -> Any:
    store = call.engine.store
    key = await read_key(store, call.ids["appId"], call.ids.get("integrationId"), call.ids["keyId"])
    rotation = await store.get(ROTATIONS, key.id)
    if rotation is None:
        raise NotFound("The key is not being rotated")
    return {"rotation": await status(call.engine, rotation, key)}
