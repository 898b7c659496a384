"""The floor of growth: SQLite alone reads and changes the same keys, with nothing around its statements."""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from fill import Filled
from load import SERVER_CORE, pinned_to

from sunshine_keys.access.scopes import Scope
from sunshine_keys.ids import new_object_id
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS
from sunshine_keys.settings import STORE_FILE
from sunshine_keys.store.sqlite import schema
from sunshine_keys.store.statements import Statements

_GROUP = 32
"""The statements of a transaction: as many requests of the benchmark share one."""

_SEALED = b"\0" * 120


def measure(filled: Filled, reads: Sequence[tuple[str, str]], changes: int) -> dict[str, float]:
    """Return the CPU time of each operation in microseconds, on the core that the service is measured on.

    `reads` are ids of keys, each with the id of an integration. `changes` is how many keys are created and then deleted.
    """
    owners = itertools.islice(itertools.cycle(filled.empty_owners()), changes)
    keys = [
        Key("int_" + new_object_id(), Scope.INTEGRATION, owner.app_id, owner.integration_id, "Made", _SEALED)
        for owner in owners
    ]
    shuffled = random.Random(1).sample(keys, len(keys))
    of_integration = "WHERE integration_id = $1 ORDER BY id"
    with pinned_to(SERVER_CORE), contextlib.closing(schema.connect(filled.data / STORE_FILE)) as connection:
        return {
            "get": _cost(connection, "BEGIN", [KEYS.get(key_id) for key_id, _ in reads]),
            "list": _cost(connection, "BEGIN", [KEYS.select(of_integration, id) for _, id in reads]),
            "create": _cost(connection, "BEGIN IMMEDIATE", [KEYS.insert(key) for key in keys]),
            "delete": _cost(connection, "BEGIN IMMEDIATE", [KEYS.delete("id = $1", key.id) for key in shuffled]),
        }


def _cost(connection: sqlite3.Connection, begin: str, operations: Sequence[Statements[Any]]) -> float:
    began = time.process_time()
    for first in range(0, len(operations), _GROUP):
        connection.execute(begin)
        for statements in operations[first : first + _GROUP]:
            schema.run(connection, statements)
        connection.execute("COMMIT")
    return (time.process_time() - began) / len(operations) * 1e6
