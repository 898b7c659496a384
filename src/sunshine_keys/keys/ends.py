"""Changes that announce and record the end of a key. Each is conditional: of processes that find the same key due, one succeeds."""

from __future__ import annotations

from typing import ClassVar

from sunshine_keys.keys.changes import key_path
from sunshine_keys.keys.model import Key, Notice, moment_text
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store.change import Change, Revokes, Superseded
from sunshine_keys.store.statements import Statements, execute

_TIMES = {Notice.WEEK: "seven days", Notice.DAY: "one day"}
_UNCHANGED = "id = $1 AND expires_at = $2 AND coalesce(notice, '') = $3"
"""SQL for whether a key has the end, and the notice, that it had when it was read."""


class EndOfKey(Change[None], frozen=True):
    """Base of the changes that are due at the end of `key`, as it was read. Raises Superseded if the key is different now."""

    key: Key

    @property
    def resource(self) -> str:
        return key_path(self.key.app_id, self.key.integration_id, self.key.id)

    @property
    def _values(self) -> tuple[str, float | None, str]:
        return self.key.id, self.key.expires_at, self.key.notice or ""

    def _write(self, notice: Notice, expires_at: float | None) -> Statements[None]:
        sql = f"UPDATE keys SET notice = $4, expires_at = $5 WHERE {_UNCHANGED} RETURNING id"  # noqa: S608 - a constant
        if not (yield from execute(sql, *self._values, notice.value, expires_at)):
            raise Superseded


class AnnounceEnd(EndOfKey, frozen=True):
    """Record that a key ends within seven days, or within one."""

    action = "key.expiring"
    notice: Notice

    @property
    def note(self) -> str:
        return f"within {_TIMES[self.notice]}: {moment_text(self.key.expires_at)}"

    def apply(self) -> Statements[None]:
        yield from self._write(self.notice, self.key.expires_at)


class ExpireKey(EndOfKey, frozen=True):
    """Record that a key has ended, for good. With `early`, the reason, it ends at `now`."""

    action = "key.expire"
    revokes = Revokes.KEY
    now: float
    early: str = ""

    @property
    def note(self) -> str:
        return self.early or f"it ended {moment_text(self.key.expires_at)}"

    def apply(self) -> Statements[None]:
        yield from self._write(Notice.ENDED, self.now if self.early else self.key.expires_at)


class DeleteEndedKey(EndOfKey, frozen=True):
    """Delete a key that ended long ago."""

    action: ClassVar[str] = "key.delete"
    revokes = Revokes.KEY

    @property
    def note(self) -> str:
        return f"it ended {moment_text(self.key.expires_at)}"

    def apply(self) -> Statements[None]:
        if not (yield from KEYS.delete(_UNCHANGED, *self._values)):
            raise Superseded
