"""Fills a store with any number of keys by direct SQL: what growth is measured on.

    python benchmarks/fill.py FOLDER KEYS

Each integration has ten keys, sealed like any others, and each app a key of its own. An integration's keys are as far
apart in the table as they would be had they been made over years, so that a list touches as many pages as it may have to.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import create_first_objects, open_engine
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.settings import STORE_FILE, Settings

INTEGRATIONS_PER_APP = 100
_BEGAN = 0x60000000  # the first of the seconds that ids begin with
_INDEXES = ("keys_by_app", "keys_by_integration", "integrations_by_app", "webhooks_by_integration")


class Owner(NamedTuple):
    """An integration by its number. Ids are computed from it, so that a million of them need no memory."""

    place: int

    @property
    def app_id(self) -> str:
        return _id(self.place // INTEGRATIONS_PER_APP, 0xA)

    @property
    def app_key_id(self) -> str:
        return "app_" + _id(self.place // INTEGRATIONS_PER_APP, 0xB)

    @property
    def integration_id(self) -> str:
        return _id(self.place, 0xC)

    @property
    def keys_path(self) -> str:
        return f"/v2/apps/{self.app_id}/integrations/{self.integration_id}/keys"


class Filled(NamedTuple):
    """`full` integrations have ten keys each; the `empty` ones, spread between them, have none."""

    data: Path
    full: int
    empty: int

    def owner(self, number: int) -> Owner:
        """Return the owner with a number: the full ones begin at 0, the empty ones follow."""
        total = self.full + self.empty
        return Owner(number * _stride(total) % total)

    def full_owners(self) -> Iterator[tuple[int, Owner]]:
        return ((number, self.owner(number)) for number in range(self.full))

    def empty_owners(self) -> list[Owner]:
        return [self.owner(self.full + number) for number in range(self.empty)]

    def key_id(self, number: int, round: int) -> str:
        """Return the id of the key that the full integration `number` got in round 0 to 9."""
        return "int_" + _id(round * self.full + number, 0xD)

    def secrets(self, key_ids: Iterable[str]) -> dict[str, str]:
        sealer = sealer_of(self.data)
        with contextlib.closing(sqlite3.connect(self.data / STORE_FILE)) as store:
            select = "SELECT sealed_secret FROM keys WHERE id = ?"
            return {
                key_id: sealer.open(store.execute(select, (key_id,)).fetchone()[0], key_id) for key_id in set(key_ids)
            }


def sealer_of(data: Path) -> Sealer:
    """Return the sealer of the store in a folder."""

    async def opened() -> Sealer:
        engine = await open_engine(Settings(data))
        await engine.store.close()
        return engine.sealer

    return asyncio.run(opened())


def fill(data: Path, keys: int, empty: int = 0) -> Filled:
    """Create a store in the folder `data` with `keys` keys of integrations, and `empty` integrations without keys."""
    create_first_objects(Settings(data))
    filled = Filled(data, max(keys // KEYS_PER_OWNER, 1), empty)
    sealer = sealer_of(data)
    store = sqlite3.connect(data / STORE_FILE, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF"):  # if it fails, the whole store is thrown away
        store.execute(f"PRAGMA {pragma}")
    indexes = store.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    store.execute("BEGIN")
    for name, _ in indexes:
        if name in _INDEXES:
            store.execute(f"DROP INDEX {name}")
    _insert(store, filled, sealer)
    for name, sql in indexes:
        if name in _INDEXES:
            store.execute(sql)
    store.execute("COMMIT")
    store.execute("PRAGMA journal_mode = WAL")
    store.close()
    return filled


def _insert(store: sqlite3.Connection, filled: Filled, sealer: Sealer) -> None:
    owners = [Owner(place) for place in range(filled.full + filled.empty)]
    firsts = owners[::INTEGRATIONS_PER_APP]
    store.executemany("INSERT INTO apps VALUES (?, 'App', '{}', NULL)", ((owner.app_id,) for owner in firsts))
    store.executemany(
        "INSERT INTO integrations VALUES (?, ?, 'custom', '{}')",
        ((owner.integration_id, owner.app_id) for owner in owners),
    )
    rows = itertools.chain(
        ((owner.app_key_id, Scope.APP.value, owner.app_id, None) for owner in firsts),
        (
            (filled.key_id(number, round), Scope.INTEGRATION.value, owner.app_id, owner.integration_id)
            for round in range(KEYS_PER_OWNER)
            for number, owner in filled.full_owners()
        ),
    )
    store.executemany(
        "INSERT INTO keys (id, scope, app_id, integration_id, display_name, sealed_secret) VALUES (?, ?, ?, ?, 'Key', ?)",
        ((*row, sealer.seal(new_secret(), row[0])) for row in rows),
    )


def _id(number: int, kind: int) -> str:
    """Return 24 hex digits that sort by `number`, and otherwise differ as those of real ids do."""
    return f"{_BEGAN + number:08x}{(number * 0x9E3779B97F4A7C15 + kind) % 2**60:015x}{kind:x}"


def _stride(total: int) -> int:
    """Return a step that visits every integration once, each far from the one before."""
    stride = int(total * 0.618) or 1
    while math.gcd(stride, total) != 1:
        stride += 1
    return stride


if __name__ == "__main__":
    print(fill(Path(sys.argv[1]), int(sys.argv[2])))
