"""The ring of sealing keys in a process: held against what the store needs, and read again when that has changed."""

from __future__ import annotations

import asyncio
import logging
import time

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.sealing.sources import FolderFile, Source
from sunshine_keys.store import StoreError
from sunshine_keys.store.sealing import Sealing

logger = logging.getLogger("sunshine_keys.sealing")

PATIENCE_SECONDS = 10.0
"""How long a key that was not found is not looked for again: a damaged row could ask for one at every request."""

_MISSED_LIMIT = 1000


def sealer_of(source: Source, sealing: Sealing | None) -> Sealer:
    """The sealer of a store (`sealing` None: an empty one, whose key is made if it has to be).

    Raises StoreError where a key is missing that the store's secrets may be sealed under.
    """
    keys = source.read()
    if sealing is None:
        if not keys and isinstance(source, FolderFile):
            keys = source.make()
        return Sealer(*keys)
    held = Sealer(*keys).key_ids if keys else []
    lacking = [key_id for key_id in sealing.needed if key_id not in held]
    if lacking:
        retire = "" if sealing.current in lacking else " (or, if nothing needs it any more: sunshine-keys seal retire)"
        said = f"the secrets in this store are sealed under key {' and '.join(lacking)}"
        raise StoreError(said + _hint(source, held) + retire)
    sealer = Sealer(*keys)
    sealer.use(sealing.current)
    return sealer


def _hint(source: Source, held: list[str]) -> str:
    if not held:
        return f", and {source.name} is missing: put it back, or name it in SUNSHINE_KEYS_SEALING_KEY_FILE"
    return f"; {source.name} holds key {' and '.join(held)}"


class Renewal:
    """Reads the source of the sealer's ring again when a key is missing, in a thread: it may be a command."""

    def __init__(self, sealer: Sealer, source: Source) -> None:
        self._sealer = sealer
        self._source = source
        self._lock = asyncio.Lock()
        self._missed: dict[str, float] = {}

    async def require(self, key_id: str) -> None:
        """See that the ring holds this key. Raises StoreUnavailable; the log then says what to do."""
        async with self._lock:
            if key_id not in self._sealer.key_ids and self._may_look_for(key_id):
                await self._read()
                if key_id not in self._sealer.key_ids:
                    self._miss(key_id)
            if key_id not in self._sealer.key_ids:
                raise StoreUnavailable("The service lacks a sealing key at the moment")

    def _may_look_for(self, key_id: str) -> bool:
        missed = self._missed.get(key_id)
        return missed is None or time.monotonic() - missed >= PATIENCE_SECONDS

    async def _read(self) -> None:
        if not self._source.renewable:
            return
        try:
            keys = await asyncio.to_thread(self._source.read)
        except StoreError as error:
            logger.error("cannot read the ring of sealing keys again: %s", error)
        else:
            self._sealer.add(keys)

    def _miss(self, key_id: str) -> None:
        if len(self._missed) >= _MISSED_LIMIT:
            self._missed.clear()
        self._missed[key_id] = time.monotonic()
        remedy = "add it there" if self._source.renewable else "restart the service with that key, too"
        logger.error("sealing key %s is not in %s: %s", key_id, self._source.name, remedy)
