"""Rotations: a key that ends after a grace period, and its successor."""

from __future__ import annotations

import msgspec

from sunshine_keys.store.table import Index, Table


class Rotation(msgspec.Struct, frozen=True):
    """A rotation of the key `key_id`. It lasts until one of the two keys is deleted.

    `began` and `reported`, when the trail last recorded that the key is still used, are in seconds since 1970. The key ends
    early once nobody has used it for `quiet_seconds`, unless that is None.
    """

    key_id: str
    successor_id: str
    began: float
    quiet_seconds: int | None = None
    reported: float | None = None


ROTATIONS = Table(
    "rotations",
    Rotation,
    since=8,
    references={"key_id": "keys", "successor_id": "keys"},
    indexes=(Index("rotations_by_successor", ("successor_id",)),),
)
