"""Rotate the sealing key: make another key current, and seal everything in the store under it.

Once the store has another current key, no server seals anything under the previous one. One pass over the store
therefore reseals everything, whatever is created and deleted in the meantime. A pass that was killed can be repeated.
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
"""Rows that one transaction reseals. The servers' writes wait for the few milliseconds that it takes."""


class KeyStatus(msgspec.Struct, frozen=True):
    """A sealing key. `state` is `current`, `older`, or empty if the store has no record of it.

    `sealed` has the number of values that are sealed under the key, by the title of their table.
    """

    id: str
    state: str
    in_ring: bool
    sealed: dict[str, int]

    @property
    def is_missing(self) -> bool:
        """True if a value may be sealed under the key and the ring lacks it."""
        return not self.in_ring and bool(self.state or any(self.sealed.values()))


class Status(msgspec.Struct, frozen=True):
    """The sealing keys of a store and its ring. `source` names the ring's source."""

    source: str
    resealing: bool
    keys: list[KeyStatus]


class Start(StrEnum):
    """The beginning of a rotation: a new key, the ring's first key, or the continuation of an unfinished rotation."""

    NEW_KEY = "new key"
    FIRST_KEY = "first key"
    CONTINUED = "continued"


class Result(msgspec.Struct, frozen=True):
    """The numbers of values that a pass resealed, by table, and the ids of those that could not be unsealed."""

    resealed: dict[str, int]
    failed_ids: list[str]

    def __str__(self) -> str:
        return phrase(self.resealed)


async def status(store: Store, source: Source) -> Status:
    """Return the status of all sealing keys. Reads the whole store. Raises StoreError."""
    sealing, counts = await _require_sealing(store), await store.sealed_counts()
    ring = [sealing_key_id(key) for key in source.read()]
    key_ids = dict.fromkeys([*sealing.needed, *ring, *(key_id for by_key in counts.values() for key_id in by_key)])
    states = {sealing.current: "current"} | dict.fromkeys(sealing.older, "older")
    keys = [
        KeyStatus(
            key_id,
            states.get(key_id, ""),
            key_id in ring,
            {title: by_key.get(key_id, 0) for title, by_key in counts.items()},
        )
        for key_id in key_ids
    ]
    return Status(source.name, sealing.resealing, keys)


async def begin(store: Store, source: Source) -> tuple[Sealer, Start]:
    """Make the ring's first key the store's current key, and return the sealer that seals under it.

    If the first key is already current, continue an unfinished rotation if there is one. Otherwise, if the ring is the file
    in the data folder, create a new key. A ring of the operator's has to begin with another key, else this raises
    StoreError.
    """
    sealing, ring = await _require_sealing(store), source.read()
    sealer, start = sealer_of(source, sealing), Start.FIRST_KEY
    first = sealing_key_id(ring[0])
    if first == sealing.current:
        if sealing.resealing or _count_others(await store.sealed_counts(), first):
            return sealer, Start.CONTINUED
        if not isinstance(source, FolderFile):
            raise StoreError(f"the first key of {source.name}, {first}, is already current: put another key before it")
        key = _new_key({*sealing.needed, *sealer.key_ids})
        source.write([key, *ring])
        sealer.add([key])
        first, start = sealing_key_id(key), Start.NEW_KEY
    try:
        await store.transact(OPERATOR, RotateSealing(first, sealing.current))
    except SealingKeyChanged as changed:
        raise _other_rotation(changed) from None
    sealer.use(first)
    return sealer, start


async def reseal(store: Store, sealer: Sealer, progress: Callable[[int, int], None]) -> Result:
    """Reseal, under the sealer's current key, all values that are sealed under other keys. Call `progress(done, total)`.

    A value that cannot be unsealed stays unchanged, and the rotation is then not recorded as finished. Raises StoreError if
    another rotation begins.
    """
    total = _count_others(await store.sealed_counts(), sealer.key_id)
    result = Result({table.title: 0 for table in store.catalog.sealed}, [])
    try:
        for table in store.catalog.sealed:
            after = table.first
            while batch := await store.sealed_otherwise(table, sealer.key_id, after, _BATCH):
                after = batch[-1].id
                started = time.monotonic()
                rows = list(_reseal(sealer, batch, result.failed_ids))
                result.resealed[table.title] += await store.transact(OPERATOR, Reseal(table, rows))
                progress(sum(result.resealed.values()), total)
                await asyncio.sleep(time.monotonic() - started)  # Leave half of the time for the servers' writes.
        if not result.failed_ids:
            await store.transact(OPERATOR, FinishResealing(sealer.key_id, f"resealed {result}"))
    except SealingKeyChanged as changed:
        raise _other_rotation(changed) from None
    return result


async def retire(store: Store, source: Source, key_id: str) -> None:
    """Remove an older key from the store's record and from the data folder's file.

    Raises StoreError, and changes nothing, if the key is current or a value is still sealed under it.
    """
    sealing = await _require_sealing(store)
    ring = {sealing_key_id(key): key for key in source.read()}
    if key_id not in {*sealing.needed, *ring}:
        raise StoreError(f"there is no sealing key {key_id}, neither in the store nor in {source.name}")
    if key_id == sealing.current:
        raise StoreError(
            f"sealing key {key_id} is the current one: run sunshine-keys seal rotate to make another one current"
        )
    counts = await store.sealed_counts()
    sealed = {title: by_key.get(key_id, 0) for title, by_key in counts.items()}
    if any(sealed.values()):
        raise StoreError(
            f"{phrase(sealed)} are still sealed under {key_id}: run sunshine-keys seal rotate to reseal them"
        )
    if key_id in sealing.older:
        try:
            await store.transact(OPERATOR, RetireSealingKey(key_id, sealing.current))
        except SealingKeyChanged as changed:
            raise _other_rotation(changed) from None
    if isinstance(source, FolderFile) and key_id in ring:
        source.write([key for other_id, key in ring.items() if other_id != key_id])


async def _require_sealing(store: Store) -> Sealing:
    sealing = await store.sealing()
    if sealing is None:
        raise StoreError("nothing is sealed in this store yet: run sunshine-keys init to create its first key")
    return sealing


def _new_key(used_ids: set[str]) -> bytes:
    """Return a random key whose id is not in `used_ids`."""
    while True:
        key = secrets.token_bytes(32)
        if sealing_key_id(key) not in used_ids:
            return key


def _count_others(counts: dict[str, dict[str, int]], key_id: str) -> int:
    """Return how many values are sealed under other keys than `key_id`."""
    return sum(count for by_key in counts.values() for other_id, count in by_key.items() if other_id != key_id)


def _reseal(sealer: Sealer, rows: list[Sealed], failed_ids: list[str]) -> Generator[Resealed]:
    """Yield the rows with their new sealed values. Add the ids of rows that cannot be unsealed to `failed_ids`."""
    for row in rows:
        try:
            secret = sealer.open(row.sealed, row.owner_id)
        except SealError:
            failed_ids.append(row.owner_id)
        else:
            yield Resealed(row.id, row.sealed, sealer.seal(secret, row.owner_id))


def _other_rotation(changed: SealingKeyChanged) -> StoreError:
    return StoreError(
        f"sealing key {changed.current} has become current in the meantime: another rotation is in progress"
    )
