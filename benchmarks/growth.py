"""Measures what keys cost as a store grows: the same operations on stores of different sizes, interleaved.

    python benchmarks/growth.py [--sizes N …] [--rounds N] [--stores FOLDER]

Requests read random keys of the whole store. A round deletes the keys that it creates.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sqlite3
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import growth_floor
import targets
from cases import create, credentials
from fill import Filled, Owner, fill
from load import Request, require_tools, write_requests, wrk

from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.settings import STORE_FILE

SIZES = (10**3, 10**5, 10**7)
OPERATIONS = ("get", "list", "create", "delete")
SAMPLE = 20_000
CHANGES = 2000
EMPTY = 1000
BYTES_PER_KEY = 700
"""Free disk space to require per key; the results print what was measured."""


class Grown(NamedTuple):
    keys: int
    filled: Filled
    target: targets.Target
    known: dict[str, str]
    reads: list[tuple[str, str]]
    """The ids of random keys, each with that of its integration."""
    bytes_per_key: float
    samples: dict[str, list[float]]
    """Microseconds per request, by operation; `start` is in seconds."""
    cpu: dict[str, list[float]]
    floor: dict[str, list[float]]
    """The CPU time of SQLite alone for the same keys, by operation."""

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("keys", "bytes_per_key", "samples", "cpu", "floor")}


def grow(folder: Path, keys: int) -> tuple[Filled, float]:
    """Return a store of that size, an existing one if there is one, and its bytes per key."""
    data = folder / str(keys)
    if data.exists():
        filled = Filled(data, max(keys // KEYS_PER_OWNER, 1), EMPTY)
        return filled, (data / STORE_FILE).stat().st_size / keys
    free = shutil.disk_usage(folder).free
    if free < keys * BYTES_PER_KEY * 2:
        raise SystemExit(f"a store of {keys} keys needs {keys * BYTES_PER_KEY * 2 / 1e9:.0f} GB free in {folder}")
    filled = fill(data, keys, EMPTY)
    return filled, (data / STORE_FILE).stat().st_size / keys


def measure(folder: Path, sizes: list[int], rounds: int) -> list[Grown]:
    """Measure stores in `folder`; create those that are missing, and leave them there. Raises SystemExit if the disk is too full."""
    with contextlib.ExitStack() as stack:
        grown = []
        for size in sizes:
            filled, bytes_per_key = grow(folder, size)
            target = stack.enter_context(targets.service(filled.data, name=f"{size} keys"))
            known, reads = _write_reads(folder, size, filled)
            grown.append(Grown(size, filled, target, known, reads, bytes_per_key, {}, {}, {}))
        largest = grown[-1]
        uncounted = stack.enter_context(targets.service(largest.filled.data, "--no-usage", name="without usage"))
        for round in range(-1, rounds):  # the first round warms up
            for store in grown:
                _round(folder, store, keep=round >= 0)
            _measure(folder, largest, uncounted, "get", "get without usage", keep=round >= 0)
    return grown


def _write_reads(folder: Path, size: int, filled: Filled) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the credentials by the ids of the apps, and the keys to read, each with its integration."""
    picked = random.Random(1)
    numbers = [picked.randrange(filled.full) for _ in range(SAMPLE)]
    owners = [filled.owner(number) for number in numbers]
    known = credentials(filled, [*owners, *filled.empty_owners()])

    def read(owner: Owner, tail: str = "") -> Request:
        return Request(owner.keys_path + tail, known[owner.app_id])

    keys = [filled.key_id(number, picked.randrange(10)) for number in numbers]
    write_requests(folder / f"get-{size}", [read(owner, f"/{key}") for owner, key in zip(owners, keys, strict=True)])
    write_requests(folder / f"list-{size}", [read(owner) for owner in owners])
    creates = [create(owner, known[owner.app_id]) for owner in filled.empty_owners()]
    write_requests(folder / f"create-{size}", creates)
    return known, [(key, owner.integration_id) for key, owner in zip(keys, owners, strict=True)]


def _round(folder: Path, grown: Grown, *, keep: bool) -> None:
    for operation in OPERATIONS:
        if operation == "delete":
            _write_deletes(folder / f"delete-{grown.keys}", grown)
        _measure(folder, grown, grown.target, operation, operation, keep=keep)
    for operation, cost in growth_floor.measure(grown.filled, grown.reads, CHANGES).items():
        if keep:
            grown.floor.setdefault(operation, []).append(cost)
    with targets.service(grown.filled.data, name="another") as another:
        if keep:
            grown.samples.setdefault("start", []).append(another.start_seconds)


def _measure(folder: Path, grown: Grown, target: targets.Target, operation: str, name: str, *, keep: bool) -> None:
    """Measure an operation on a store that `target` serves, and keep the figures as `name`."""
    file, changes = folder / f"{operation}-{grown.keys}", operation in ("create", "delete")
    cpu = target.cpu_seconds()
    measured = wrk(target.url, file, connections=32, seconds=60 if changes else 2, limit=CHANGES if changes else 0)
    cpu = target.cpu_seconds() - cpu
    if keep:
        grown.samples.setdefault(name, []).append(1e6 / measured.per_second)
        grown.cpu.setdefault(name, []).append(cpu / measured.requests * 1e6)


def _write_deletes(file: Path, grown: Grown) -> None:
    with contextlib.closing(sqlite3.connect(grown.filled.data / STORE_FILE)) as store:
        keys = [
            key
            for owner in grown.filled.empty_owners()
            for key in store.execute("SELECT app_id, integration_id, id FROM keys WHERE integration_id = ?", (owner.integration_id,))
        ]  # fmt: skip
    random.Random(1).shuffle(keys)
    write_requests(
        file,
        [
            Request(f"/v2/apps/{app}/integrations/{integration}/keys/{key}", grown.known[app], "DELETE")
            for app, integration, key in keys
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stores", type=Path, help="a folder of stores, which are filled if missing, and kept")
    options = parser.parse_args()
    require_tools()
    with tempfile.TemporaryDirectory() as temporary:
        for store in measure(options.stores or Path(temporary), options.sizes, options.rounds):
            print(store.keys, f"{store.bytes_per_key:.0f} bytes a key")
            for name, values in store.samples.items():
                print(
                    "  ",
                    name,
                    f"{statistics.median(values):.4g} ({min(values):.4g}–{max(values):.4g})",
                    f"CPU {statistics.median(store.cpu.get(name, [0])):.4g}",
                    f"SQLite alone {statistics.median(store.floor.get(name, [0])):.4g}",
                )


if __name__ == "__main__":
    main()
