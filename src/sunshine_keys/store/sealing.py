"""What a store knows of the keys that its secrets are sealed under, and what in it is sealed."""

from __future__ import annotations

from enum import StrEnum

import msgspec

SealedId = str | bytes


class Sealing(msgspec.Struct, frozen=True):
    """The ids of the `current` sealing key and of the `older` ones that have not been retired.

    While it is `resealing`, a rotation to the current key has begun and not been recorded as finished.
    """

    current: str
    older: frozenset[str] = frozenset()
    resealing: bool = False

    @property
    def needed(self) -> list[str]:
        """The ids of the keys that something may be sealed under, the current one first."""
        return [self.current, *sorted(self.older)]


class Kind(StrEnum):
    """What has something sealed: keys and webhooks their secrets, kept answers themselves."""

    KEYS = "keys"
    WEBHOOKS = "webhooks"
    ANSWERS = "answers"

    @property
    def before_all(self) -> SealedId:
        """An id before that of every row."""
        return b"" if self is Kind.ANSWERS else ""


class Sealed(msgspec.Struct, frozen=True):
    """A row's id, and what is sealed in it."""

    id: SealedId
    sealed: bytes

    @property
    def owner_id(self) -> str:
        """What the seal is bound to."""
        return answer_owner(self.id) if isinstance(self.id, bytes) else self.id


class Resealed(Sealed, frozen=True):
    """The same, and what is to take its place."""

    anew: bytes


def answer_owner(id: bytes) -> str:
    """What a kept answer's seal is bound to."""
    return "answer " + id.hex()


class SealingKeyChanged(Exception):
    """A change was sealed under a key that is not the store's current one, which is `current`. Nothing was done."""

    def __init__(self, current: str) -> None:
        self.current = current
        super().__init__(f"the store's current sealing key is {current}")
