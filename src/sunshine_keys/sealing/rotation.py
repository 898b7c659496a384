"""Rotating the sealing key: making another one current, and sealing everything that is there under it.

Once the store has another current key, no server seals anything under the one before. So one pass over what is there
reseals all of it, whatever is made and deleted meanwhile; and a pass that was killed can be made again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Generator
from enum import StrEnum

import msgspec

from sunshine_keys.sealing.changes import FinishResealing, Reseal, RetireSealingKey, RotateSealing
from sunshine_keys.sealing.ring import sealer_of
from sunshine_keys.sealing.sealer import Sealer, SealError, sealing_key_id
from sunshine_keys.sealing.sources import FolderFile, Source
from sunshine_keys.store import OPERATOR, Store, StoreError
from sunshine_keys.store.counts import phrase
from sunshine_keys.store.sealing import Resealed, Sealed, Sealing, SealingKeyChanged

_BATCH = 200
"""Rows that one transaction reseals: a few milliseconds, for which servers' writes wait."""


class KeyStatus(msgspec.Struct, frozen=True):
    """A sealing key: `state` is `current`, `older`, or empty where the store does not know it."""

    id: str
    state: str
    in_ring: bool
    sealed: dict[str, int]

    @property
    def is_missing(self) -> bool:
        """Whether something may need it and the ring does not hold it."""
        return not self.in_ring and bool(self.state or any(self.sealed.values()))


class Status(msgspec.Struct, frozen=True):
    source: str
    resealing: bool
    keys: list[KeyStatus]


class Start(StrEnum):
    """How a rotation has begun."""

    NEW_KEY = "new key"
    FIRST_KEY = "first key"
    CONTINUED = "continued"


class Done(msgspec.Struct, frozen=True):
    """What a pass has resealed, and the ids of what it could not open."""

    resealed: dict[str, int]
    unopened: list[str]

    def __str__(self) -> str:
        return phrase(self.resealed)


async def status(store: Store, source: Source) -> Status:
    """Reads the whole store. Raises StoreError."""
    sealing, counts = await _required(store), await store.sealed_counts()
    ring = [sealing_key_id(key) for key in source.read()]
    ids = dict.fromkeys([*sealing.needed, *ring, *(each for by_key in counts.values() for each in by_key)])
    states = {sealing.current: "current"} | dict.fromkeys(sealing.older, "older")
    keys = [
        KeyStatus(
            each, states.get(each, ""), each in ring, {title: by_key.get(each, 0) for title, by_key in counts.items()}
        )
        for each in ids
    ]
    return Status(source.name, sealing.resealing, keys)


async def begin(store: Store, source: Source) -> tuple[Sealer, Start]:
    """Make the ring's first key the store's current one, and return the sealer that seals under it.

    Where it is that already, there is a rotation to be continued; or else, in the data folder's file, a new key is
    made; a ring that the operator keeps has to begin with another. Raises StoreError.
    """
    sealing, ring = await _required(store), source.read()
    sealer, start = sealer_of(source, sealing), Start.FIRST_KEY
    first = sealing_key_id(ring[0])
    if first == sealing.current:
        if sealing.resealing or _otherwise(await store.sealed_counts(), first):
            return sealer, Start.CONTINUED
        if not isinstance(source, FolderFile):
            raise StoreError(f"the first key of {source.name}, {first}, is current already: put another before it")
        key = _new_key({*sealing.needed, *sealer.key_ids})
        source.write([key, *ring])
        sealer.add([key])
        first, start = sealing_key_id(key), Start.NEW_KEY
    try:
        await store.transact(OPERATOR, RotateSealing(first, sealing.current))
    except SealingKeyChanged as changed:
        raise _overtaken(changed) from None
    sealer.use(first)
    return sealer, start


async def reseal(store: Store, sealer: Sealer, progress: Callable[[int, int], None]) -> Done:
    """Seal under the sealer's current key what is sealed under others; `progress` is told how much of how much is done.

    What cannot be opened stays as it is, and the rotation unfinished. Raises StoreError where another rotation begins.
    """
    total = _otherwise(await store.sealed_counts(), sealer.key_id)
    done = Done({table.title: 0 for table in store.catalog.sealed}, [])
    try:
        for table in store.catalog.sealed:
            after = table.first
            while found := await store.sealed_otherwise(table, sealer.key_id, after, _BATCH):
                after = found[-1].id
                started = time.monotonic()
                rows = list(_resealed(sealer, found, done.unopened))
                done.resealed[table.title] += await store.transact(OPERATOR, Reseal(table, rows))
                progress(sum(done.resealed.values()), total)
                await asyncio.sleep(time.monotonic() - started)  # half of the time is for the servers' writes
        if not done.unopened:
            await store.transact(OPERATOR, FinishResealing(sealer.key_id, f"resealed {done}"))
    except SealingKeyChanged as changed:
        raise _overtaken(changed) from None
    return done


async def retire(store: Store, source: Source, key_id: str) -> None:
    """Forget an older key that nothing is sealed under, and take it from the data folder's file.

    Raises StoreError, changing nothing, where something is or it is the current one.
    """
    sealing = await _required(store)
    ring = {sealing_key_id(key): key for key in source.read()}
    if key_id not in {*sealing.needed, *ring}:
        raise StoreError(f"there is no sealing key {key_id}, neither in the store nor in {source.name}")
    if key_id == sealing.current:
        raise StoreError(f"sealing key {key_id} is the current one: sunshine-keys seal rotate makes another current")
    counts = await store.sealed_counts()
    sealed = {title: by_key.get(key_id, 0) for title, by_key in counts.items()}
    if any(sealed.values()):
        raise StoreError(f"sealed under {key_id} are still {phrase(sealed)}: sunshine-keys seal rotate mends that")
    if key_id in sealing.older:
        try:
            await store.transact(OPERATOR, RetireSealingKey(key_id, sealing.current))
        except SealingKeyChanged as changed:
            raise _overtaken(changed) from None
    if isinstance(source, FolderFile) and key_id in ring:
        source.write([key for each, key in ring.items() if each != key_id])


async def _required(store: Store) -> Sealing:
    sealing = await store.sealing()
    if sealing is None:
        raise StoreError("nothing is sealed in this store yet: sunshine-keys init makes its first key")
    return sealing


def _new_key(taken: set[str]) -> bytes:
    while True:
        key = secrets.token_bytes(32)
        if sealing_key_id(key) not in taken:
            return key


def _otherwise(counts: dict[str, dict[str, int]], key_id: str) -> int:
    return sum(count for by_key in counts.values() for under, count in by_key.items() if under != key_id)


def _resealed(sealer: Sealer, rows: list[Sealed], unopened: list[str]) -> Generator[Resealed]:
    for row in rows:
        try:
            secret = sealer.open(row.sealed, row.owner_id)
        except SealError:
            unopened.append(row.owner_id)
        else:
            yield Resealed(row.id, row.sealed, sealer.seal(secret, row.owner_id))


def _overtaken(changed: SealingKeyChanged) -> StoreError:
    return StoreError(f"sealing key {changed.current} has become current meanwhile: another rotation is under way")
