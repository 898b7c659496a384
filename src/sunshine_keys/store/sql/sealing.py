"""Sealing keys in the tables: which is current, what is sealed under which, and its resealing."""

from __future__ import annotations

from typing import Any

from sunshine_keys.sealing.format import SEALING_KEY_ID_BYTES
from sunshine_keys.store import UnfinishedCopy, changes
from sunshine_keys.store.sealing import Kind, Sealing, SealingKeyChanged
from sunshine_keys.store.statements import Row, Steps, run

_CURRENT, _OLDER, _RESEALING = "sealing_key_id", "older_sealing_key_ids", "resealing_under"
COPYING = "copying"
"""What `meta` holds while another store is being copied into this one."""
RECORDED = f"SELECT name, value FROM meta WHERE name IN ('{_CURRENT}', '{_OLDER}', '{_RESEALING}', '{COPYING}')"  # noqa: S608 - ours

_PLACES = {
    Kind.KEYS: ("keys", "sealed_secret"),
    Kind.WEBHOOKS: ("webhooks", "sealed_secret"),
    Kind.ANSWERS: ("idempotency", "sealed_answer"),
}
_KEY_ID = f"substr({{1}}, 1, {SEALING_KEY_ID_BYTES})"
_COUNTS = f"SELECT {_KEY_ID}, count(*) FROM {{0}} GROUP BY 1"  # noqa: S608 - ours
_OTHERS = f"SELECT id, {{1}} FROM {{0}} WHERE id > $1 AND {_KEY_ID} <> $2 ORDER BY id LIMIT $3"  # noqa: S608 - ours
_RESEAL = "UPDATE {0} SET {1} = $3 WHERE id = $1 AND {1} = $2 RETURNING id"


def counts(kind: Kind) -> str:
    return _COUNTS.format(*_PLACES[kind])


def others(kind: Kind) -> str:
    return _OTHERS.format(*_PLACES[kind])


def recorded(found: list[Row]) -> Sealing | None:
    """Raises UnfinishedCopy where the store is an unfinished copy."""
    told: dict[str, Any] = dict(found)
    if COPYING in told:
        raise UnfinishedCopy(
            "the store is an unfinished copy: run `sunshine-keys copy` again, which goes on where it was"
        )
    if _CURRENT not in told:
        return None
    return Sealing(told[_CURRENT], frozenset(told.get(_OLDER, "").split()), _RESEALING in told)


def read() -> Steps[Sealing | None]:
    return recorded((yield from run(RECORDED)))


def record(sealing: Sealing) -> Steps[None]:
    yield from _put(_CURRENT, sealing.current)
    yield from _put(_OLDER, " ".join(sorted(sealing.older)))
    yield from _put(_RESEALING, sealing.current if sealing.resealing else "")


def rotate(change: changes.RotateSealing) -> Steps[None]:
    sealing = yield from _require_current(change.previous)
    older = (sealing.older | {change.previous}) - {change.key_id}
    yield from record(Sealing(change.key_id, older, resealing=True))


def reseal(change: changes.Reseal) -> Steps[int]:
    statement, count = _RESEAL.format(*_PLACES[change.kind]), 0
    for row in change.rows:
        count += len((yield from run(statement, row.id, row.sealed, row.anew)))
    return count


def finish(change: changes.FinishResealing) -> Steps[None]:
    sealing = yield from _require_current(change.key_id)
    yield from record(Sealing(sealing.current, sealing.older))


def retire(change: changes.RetireSealingKey) -> Steps[None]:
    sealing = yield from _require_current(change.current)
    yield from record(Sealing(sealing.current, sealing.older - {change.key_id}, sealing.resealing))


def _require_current(key_id: str) -> Steps[Sealing]:
    sealing = yield from read()
    if sealing is None or sealing.current != key_id:
        raise SealingKeyChanged(sealing.current if sealing else "")
    return sealing


def _put(name: str, value: str) -> Steps[None]:
    """An empty value is none."""
    if value:
        yield from run(
            "INSERT INTO meta (name, value) VALUES ($1, $2)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING name",
            name,
            value,
        )
    else:
        yield from run("DELETE FROM meta WHERE name = $1 RETURNING name", name)
