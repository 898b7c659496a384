"""Changes of the sealing key: rotation, resealing, retirement."""

from __future__ import annotations

from typing import Any

from sunshine_keys.store import sealing
from sunshine_keys.store.change import Change, Revokes
from sunshine_keys.store.sealing import Resealed, Sealing
from sunshine_keys.store.statements import Statements
from sunshine_keys.store.table import Table


class RotateSealing(Change[None], frozen=True):
    """Make `key_id` the current sealing key. `previous` becomes an older key, and resealing begins.

    Raises SealingKeyChanged unless `previous` is the current one.
    """

    action = "sealing.rotate"
    path = "sealing-keys/{0.key_id}"
    revokes = Revokes.ANY_KEY  # the secrets of the keys in the nodes' memory are sealed under the previous key
    key_id: str
    previous: str

    @property
    def note(self) -> str:
        return f"after {self.previous}"

    def apply(self) -> Statements[None]:
        state = yield from sealing.require_current(self.previous)
        older = (state.older | {self.previous}) - {self.key_id}
        yield from sealing.record(Sealing(self.key_id, older, resealing=True))


class Reseal(Change[int], frozen=True):
    """Replace each row's sealed value if it still equals `sealed` (compare-and-swap). Return the number replaced.

    The change is not audited, because the plaintext does not change.
    """

    action = "sealing.reseal"
    path = "{0.table.title}"
    audited = False
    table: Table[Any]
    rows: list[Resealed]

    @property
    def seals(self) -> list[bytes]:
        return [row.resealed for row in self.rows]

    def apply(self) -> Statements[int]:
        return sealing.replace(self.table, self.rows)


class FinishResealing(Change[None], frozen=True):
    """Record that everything is sealed under `key_id`. Raises SealingKeyChanged unless that is the current key."""

    action = "sealing.resealed"
    path = "sealing-keys/{0.key_id}"
    revokes = Revokes.ANY_KEY
    key_id: str
    summary: str

    @property
    def note(self) -> str:
        return self.summary

    def apply(self) -> Statements[None]:
        state = yield from sealing.require_current(self.key_id)
        yield from sealing.record(Sealing(state.current, state.older))


class RetireSealingKey(Change[None], frozen=True):
    """Remove the record of an older sealing key that seals nothing. Raises SealingKeyChanged unless `current` is current."""

    action = "sealing.retire"
    path = "sealing-keys/{0.key_id}"
    revokes = Revokes.ANY_KEY
    key_id: str
    current: str

    def apply(self) -> Statements[None]:
        state = yield from sealing.require_current(self.current)
        yield from sealing.record(Sealing(state.current, state.older - {self.key_id}, state.resealing))
