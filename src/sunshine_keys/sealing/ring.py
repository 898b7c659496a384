"""Build a store's sealer from its ring, and reload the ring when the store names a sealing key that it lacks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.sealing.sources import FolderFile, Source
from sunshine_keys.store import StoreError
from sunshine_keys.store.sealing import Sealing

logger = logging.getLogger("sunshine_keys.sealing")

PATIENCE_SECONDS = 10.0
"""Seconds between two reloads for one missing key. A damaged row could otherwise cause a reload at every request."""

_MAX_MISSES = 1000


def sealer_of(source: Source, sealing: Sealing | None) -> Sealer:
    """Return the sealer for a store.

    If `sealing` is None, the store is empty. A source without keys then creates its first key, if it can. Raises StoreError
    if the ring lacks a key under which secrets of the store may be sealed.
    """
    keys = source.read()
    if sealing is None:
        if not keys and isinstance(source, FolderFile):
            keys = source.create()
        return Sealer(*keys)
    key_ids = Sealer(*keys).key_ids if keys else []
    missing = [key_id for key_id in sealing.needed if key_id not in key_ids]
    if missing:
        retire = "" if sealing.current in missing else " (or, if nothing needs it any more: sunshine-keys seal retire)"
        message = f"the secrets in this store are sealed under key {' and '.join(missing)}"
        raise StoreError(message + _hint(source, key_ids) + retire)
    sealer = Sealer(*keys)
    sealer.use(sealing.current)
    return sealer


def _hint(source: Source, key_ids: list[str]) -> str:
    if not key_ids:
        return f", and {source.name} is missing: put it back, or name it in SUNSHINE_KEYS_SEALING_KEY_FILE"
    return f"; {source.name} holds key {' and '.join(key_ids)}"


class KeyRingReloader:
    """Reloads the sealer's ring if a key is missing. It reads the source in a thread, because the source may be a command."""

    def __init__(self, sealer: Sealer, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._sealer = sealer
        self._clock = clock
        self._source = source
        self._lock = asyncio.Lock()
        self._misses: dict[str, float] = {}

    async def require(self, key_id: str) -> None:
        """Reload the ring if it lacks the key `key_id`. If it still does, log what to do, and raise StoreUnavailable."""
        async with self._lock:
            if key_id not in self._sealer.key_ids and self._may_reload_for(key_id):
                await self._reload()
                if key_id not in self._sealer.key_ids:
                    self._record_missing(key_id)
            if key_id not in self._sealer.key_ids:
                raise StoreUnavailable("The service lacks a sealing key at the moment")

    def _may_reload_for(self, key_id: str) -> bool:
        last_miss = self._misses.get(key_id)
        return last_miss is None or self._clock() - last_miss >= PATIENCE_SECONDS

    async def _reload(self) -> None:
        if not self._source.is_reloadable:
            return
        try:
            keys = await asyncio.to_thread(self._source.read)
        except StoreError as error:
            logger.error("cannot reload the ring of sealing keys: %s", error)
        else:
            self._sealer.add(keys)

    def _record_missing(self, key_id: str) -> None:
        if len(self._misses) >= _MAX_MISSES:
            self._misses.clear()
        self._misses[key_id] = self._clock()
        remedy = "add it there" if self._source.is_reloadable else "restart the service with that key as well"
        logger.error("sealing key %s is not in %s: %s", key_id, self._source.name, remedy)
