"""What a store records about its sealing keys, and the statements on sealed values."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.store.errors import UnfinishedCopy
from sunshine_keys.store.seal_format import SEALING_KEY_ID_BYTES
from sunshine_keys.store.statements import Row, Statements, execute
from sunshine_keys.store.table import Table

SealedId = str | bytes

COPYING = "copying"
"""The name in `meta` while another store is being copied into this one."""

NOTIFIED = "notifications"
"""The name in `meta` of the position in the audit trail up to which an operator has been notified."""

_CURRENT, _OLDER, _RESEALING = "sealing_key_id", "older_sealing_key_ids", "resealing_under"
RECORDED = f"SELECT name, value FROM meta WHERE name IN ('{_CURRENT}', '{_OLDER}', '{_RESEALING}', '{COPYING}')"  # noqa: S608 - names of our own
_KEY_ID = f"substr({{1}}, 1, {SEALING_KEY_ID_BYTES})"
_COUNTS = f"SELECT {_KEY_ID}, count(*) FROM {{0}} GROUP BY 1"  # noqa: S608 - names of our own
_OTHERS = f"SELECT id, {{1}} FROM {{0}} WHERE id > $1 AND {_KEY_ID} <> $2 ORDER BY id LIMIT $3"  # noqa: S608 - names of our own
_RESEAL = "UPDATE {0} SET {1} = $3 WHERE id = $1 AND {1} = $2 RETURNING id"


class MetaValue(msgspec.Struct, frozen=True):
    """A named value of the store itself."""

    name: str
    value: str


META = Table("meta", MetaValue)
"""Part of every store, beside the tables of its catalog."""


class Sealing(msgspec.Struct, frozen=True):
    """The ids of the `current` sealing key and of the `older` ones that have not been retired.

    `resealing` is True from the start of a rotation to the current key until it is recorded as finished.
    """

    current: str
    older: frozenset[str] = frozenset()
    resealing: bool = False

    @property
    def needed(self) -> list[str]:
        """The ids of the keys that something may be sealed under, the current one first."""
        return [self.current, *sorted(self.older)]


class Sealed(msgspec.Struct, frozen=True):
    """A row's id and its sealed value."""

    id: SealedId
    sealed: bytes

    @property
    def owner_id(self) -> str:
        """The id that the seal is bound to."""
        return answer_owner(self.id) if isinstance(self.id, bytes) else self.id


class Resealed(Sealed, frozen=True):
    """A row's id, its sealed value, and the value that replaces it."""

    resealed: bytes


def answer_owner(id: bytes) -> str:
    """Return the id that the seal of a stored answer is bound to."""
    return "answer " + id.hex()


class SealingKeyChanged(Exception):
    """The secrets of a change are not sealed under `current`, the store's current key. Nothing was changed."""

    def __init__(self, current: str) -> None:
        self.current = current
        super().__init__(f"the store's current sealing key is {current}")


def recorded(rows: list[Row]) -> Sealing | None:
    """Return the record that the rows of RECORDED hold; None while nothing is sealed.

    Raises UnfinishedCopy if the store is an unfinished copy.
    """
    values: dict[str, Any] = dict(rows)
    if COPYING in values:
        raise UnfinishedCopy(
            "the store is an unfinished copy: run `sunshine-keys copy` again, which goes on where it was"
        )
    if _CURRENT not in values:
        return None
    return Sealing(values[_CURRENT], frozenset(values.get(_OLDER, "").split()), _RESEALING in values)


def read() -> Statements[Sealing | None]:
    return recorded((yield from execute(RECORDED)))


def record(sealing: Sealing) -> Statements[None]:
    yield from _put(_CURRENT, sealing.current)
    yield from _put(_OLDER, " ".join(sorted(sealing.older)))
    yield from _put(_RESEALING, sealing.current if sealing.resealing else "")


def require_current(key_id: str) -> Statements[Sealing]:
    """Return the record. Raises SealingKeyChanged unless `key_id` is the current sealing key."""
    sealing = yield from read()
    if sealing is None or sealing.current != key_id:
        raise SealingKeyChanged(sealing.current if sealing else "")
    return sealing


def counts(table: Table[Any]) -> Statements[dict[str, int]]:
    """Return how many values of the table are sealed under each sealing key, by its id. Reads the whole table."""
    rows = yield from execute(_COUNTS.format(table.name, table.sealed))
    return {bytes(key_id).hex(): count for key_id, count in rows}


def others(table: Table[Any], key_id: str, after: SealedId, limit: int) -> Statements[list[Sealed]]:
    """Return at most `limit` values that are not sealed under `key_id`, in order of id, beginning after the id `after`."""
    rows = yield from execute(_OTHERS.format(table.name, table.sealed), after, bytes.fromhex(key_id), limit)
    return [Sealed(*row) for row in rows]


def replace(table: Table[Any], values: list[Resealed]) -> Statements[int]:
    """Replace each sealed value if it still equals `sealed` (compare-and-swap). Return the number replaced."""
    sql, count = _RESEAL.format(table.name, table.sealed), 0
    for value in values:
        count += len((yield from execute(sql, value.id, value.sealed, value.resealed)))
    return count


def _put(name: str, value: str) -> Statements[None]:
    """Write a value. Remove the name if the value is empty."""
    if value:
        yield from execute(
            "INSERT INTO meta (name, value) VALUES ($1, $2)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING name",
            name,
            value,
        )
    else:
        yield from execute("DELETE FROM meta WHERE name = $1 RETURNING name", name)
