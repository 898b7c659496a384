"""Rotations: a key that ends after a grace period, and its successor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.ids import created
from sunshine_keys.keys.changes import key_path, require_room
from sunshine_keys.keys.lifetime import Lifetime
from sunshine_keys.keys.model import Key, moment_text
from sunshine_keys.keys.table import KEYS, require_owner
from sunshine_keys.store.change import Change, Revokes, Superseded
from sunshine_keys.store.statements import Statements, placeholders
from sunshine_keys.store.table import Index, Table

GRACE_SECONDS = 7 * 86400
"""The grace period of a rotation that names none."""

_KEYS_AT_ONCE = 500
"""The most keys that one statement reads, because the number of values in a statement is limited."""


class Rotation(msgspec.Struct, frozen=True):
    """A rotation of the key `key_id`. It lasts until one of the two keys is deleted.

    `own_end` is the end that the key had before. It, `began` and `reported`, when the trail last recorded that the key is
    still used, are in seconds since 1970. The key ends early once nobody has used it for `quiet_seconds`, unless that is None.
    """

    key_id: str
    successor_id: str
    began: float
    own_end: float | None = None
    quiet_seconds: int | None = None
    reported: float | None = None


ROTATIONS = Table(
    "rotations",
    Rotation,
    since=8,
    references={"key_id": "keys", "successor_id": "keys"},
    indexes=(Index("rotations_by_successor", ("successor_id",)),),
)


class Rotated(NamedTuple):
    """A rotation with both of its keys."""

    rotation: Rotation
    key: Key
    successor: Key


class RotateKey(Change[Rotated], frozen=True):
    """Create the successor of a key, and let the key end after a grace period of `grace_seconds`, from now on.

    `sealed_secret` is the secret of the successor, sealed for its id. The successor has the key's name, scope and owner. A key
    that has an end already ends no later than that, and its successor lives as long as the key would have lived. `now` is in
    seconds since 1970.

    A key that is being rotated keeps its successor: only its end, counted from the beginning of the rotation, and
    `quiet_seconds` change. What is UNSET stays as it is, or is GRACE_SECONDS and None at first.

    Raises Unchanged if there is nothing to change, NotFound, AppNotFound, IntegrationNotFound, and BadRequest if the key has
    ended, or if its owner has eleven keys that have not.
    """

    action = "key.rotate"
    revokes = Revokes.KEY
    app_id: str | None
    integration_id: str | None
    key_id: str
    successor_id: str
    sealed_secret: bytes
    grace_seconds: int | UnsetType
    quiet_seconds: int | UnsetType | None
    now: float

    @property
    def resource(self) -> str:
        return key_path(self.app_id, self.integration_id, self.key_id)

    @property
    def note(self) -> str:
        parts = [] if self.grace_seconds is UNSET else [f"grace {self.grace_seconds} s"]
        parts += [f"or {self.quiet_seconds} s without a use"] if isinstance(self.quiet_seconds, int) else []
        return ", ".join(parts)

    def note_on(self, result: Rotated | None) -> str:
        return self.note if result is None else ", ".join(filter(None, (f"successor {result.successor.id}", self.note)))

    @property
    def seals(self) -> list[bytes]:
        return [self.sealed_secret]

    def apply(self) -> Statements[Rotated]:
        key = yield from KEYS.get(self.key_id)
        if key is None or key.is_token or (key.app_id, key.integration_id) != (self.app_id, self.integration_id):
            if self.app_id is not None:
                yield from require_owner(self.app_id, self.integration_id)
            raise NotFound
        rotation = yield from ROTATIONS.get(self.key_id)
        if rotation is None:
            return (yield from self._begin(key))
        successor = yield from KEYS.get(rotation.successor_id)
        assert successor is not None  # a deleted key takes its rotations with it
        return (yield from self._adjust(Rotated(rotation, key, successor)))

    def _begin(self, key: Key) -> Statements[Rotated]:
        if key.has_ended(self.now):
            raise BadRequest("The key has ended; create a new one")
        yield from require_room(key, self.now, is_successor=True)
        lifetime, start = Lifetime(self.now), created(key.id)
        if key.expires_at is not None and start is not None:
            lifetime = Lifetime(self.now, self.now + key.expires_at - start)
        successor = msgspec.structs.replace(
            key, id=self.successor_id, sealed_secret=self.sealed_secret, expires_at=lifetime.end, notice=lifetime.notice
        )
        quiet = None if self.quiet_seconds is UNSET else self.quiet_seconds
        rotation = Rotation(key.id, successor.id, self.now, key.expires_at, quiet)
        key = self._ending(key, rotation, GRACE_SECONDS if self.grace_seconds is UNSET else self.grace_seconds)
        yield from KEYS.insert(successor)
        yield from KEYS.update(key, "expires_at", "notice")
        yield from ROTATIONS.insert(rotation)
        return Rotated(rotation, key, successor)

    def _adjust(self, rotated: Rotated) -> Statements[Rotated]:
        rotation, key, _ = rotated
        if self.quiet_seconds is not UNSET:
            rotation = msgspec.structs.replace(rotation, quiet_seconds=self.quiet_seconds)
        if self.grace_seconds is not UNSET and not key.has_ended(self.now):
            key = self._ending(key, rotation, self.grace_seconds)
        if (rotation, key) == rotated[:2]:
            raise Unchanged(rotated)
        yield from ROTATIONS.update(rotation, "quiet_seconds")
        yield from KEYS.update(key, "expires_at", "notice")
        return Rotated(rotation, key, rotated.successor)

    def _ending(self, key: Key, rotation: Rotation, grace_seconds: int) -> Key:
        """Return the key with the end of the grace period, or with its own end if that is earlier."""
        end = rotation.began + grace_seconds
        if rotation.own_end is not None:
            end = min(end, rotation.own_end)
        return key if end == key.expires_at else _with_end(key, self.now, end)


class Unchanged(Superseded):
    """The key is being rotated already, in exactly this way."""

    def __init__(self, rotated: Rotated) -> None:
        self.rotated = rotated
        super().__init__()


class KeepKey(Change[None], frozen=True):
    """End a rotation whose successor is about to be deleted: the key gets its own end back.

    Raises Superseded if there is no such rotation, or if the successor has ended or has a successor itself: then the key has
    been replaced, and ends when its grace period does.
    """

    action = "key.keep"
    revokes = Revokes.KEY
    key: Key
    successor_id: str
    now: float

    @property
    def resource(self) -> str:
        return key_path(self.key.app_id, self.key.integration_id, self.key.id)

    @property
    def note(self) -> str:
        return f"its successor {self.successor_id} is deleted"

    def apply(self) -> Statements[None]:
        rotation, key = (yield from ROTATIONS.get(self.key.id)), (yield from KEYS.get(self.key.id))
        if rotation is None or key is None or rotation.successor_id != self.successor_id:
            raise Superseded
        successor = yield from KEYS.get(self.successor_id)
        if (
            successor is None
            or successor.has_ended(self.now)
            or (yield from ROTATIONS.get(self.successor_id)) is not None
        ):
            raise Superseded
        if not key.has_ended(self.now):
            yield from KEYS.update(_with_end(key, self.now, rotation.own_end), "expires_at", "notice")
        yield from ROTATIONS.delete("key_id = $1", key.id)


class ReportUse(Change[None], frozen=True):
    """Record that a key is still used although it has a successor. Raises Superseded if another process has just recorded it."""

    action = "key.use_after_rotation"
    key: Key
    reported: float | None
    now: float
    last_used: float
    source: str

    @property
    def resource(self) -> str:
        return key_path(self.key.app_id, self.key.integration_id, self.key.id)

    @property
    def note(self) -> str:
        return f"{moment_text(self.last_used)} from {self.source or 'an unknown address'}; it ends {moment_text(self.key.expires_at)}"

    def apply(self) -> Statements[None]:
        rotation = yield from ROTATIONS.get(self.key.id)
        if rotation is None or rotation.reported != self.reported:
            raise Superseded
        yield from ROTATIONS.update(msgspec.structs.replace(rotation, reported=self.now), "reported")


def rotations_after(key_id: str, limit: int) -> Statements[list[Rotation]]:
    """Return at most `limit` rotations, in order of the keys that end, from the one that follows `key_id`."""
    return ROTATIONS.select("WHERE key_id > $1 ORDER BY key_id LIMIT $2", key_id, limit)


def rotations_of(key_ids: Sequence[str]) -> Statements[list[Rotation]]:
    """Return the rotations that replace one of these keys."""
    rotations: list[Rotation] = []
    for first in range(0, len(key_ids), _KEYS_AT_ONCE):
        ids = key_ids[first : first + _KEYS_AT_ONCE]
        rotations += yield from ROTATIONS.select(f"WHERE key_id IN ({placeholders(len(ids))})", *ids)
    return rotations


def rotation_to(successor_id: str) -> Statements[Rotation | None]:
    """Return the rotation that has created a key; None if there is none."""
    return ROTATIONS.first_of("WHERE successor_id = $1", successor_id)


def _with_end(key: Key, now: float, end: float | None) -> Key:
    return msgspec.structs.replace(key, expires_at=end, notice=Lifetime(now, end).notice)
