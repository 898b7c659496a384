"""Signing in to the console and out of it."""

from __future__ import annotations

from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.console.table import SESSIONS
from sunshine_keys.keys.changes import key_path
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements, execute

_FORGOTTEN_AT_ONCE = 100
_TOUCH = (
    "UPDATE console_sessions SET last_seen = $2, created = CASE WHEN created > $2 THEN $2 ELSE created END"
    " WHERE id = $1 AND (last_seen < $2 OR created > $2) RETURNING last_seen"
)
_FORGET = (
    "DELETE FROM console_sessions WHERE id IN"  # noqa: S608 - a number of our own
    f" (SELECT id FROM console_sessions WHERE last_seen <= $1 ORDER BY last_seen LIMIT {_FORGOTTEN_AT_ONCE}) RETURNING created"
)


class OpenSession(Change[None], frozen=True):
    """Sign in; `app_id` is the key's. Up to 100 sessions last seen before `idle_since` are deleted."""

    action = "console.sign_in"
    session: ConsoleSession
    app_id: str | None
    idle_since: int

    @property
    def resource(self) -> str:
        return key_path(self.app_id, None, self.session.key_id)

    def apply(self) -> Statements[None]:
        yield from SESSIONS.insert(self.session)
        yield from execute(_FORGET, self.idle_since)


class TouchSession(Change[None], frozen=True):
    """Record that a session was seen at `last_seen`, which is not worth an entry in the audit trail.

    If it was opened later than that, some clock was wrong: it counts as opened at `last_seen`, so that it ends in time.
    """

    action = "console.seen"
    path = "console"
    audited = False
    id: bytes
    last_seen: int

    def apply(self) -> Statements[None]:
        yield from execute(_TOUCH, self.id, self.last_seen)


class CloseSession(Change[bool], frozen=True):
    """Sign out. Return False if the session no longer exists."""

    action = "console.sign_out"
    session: ConsoleSession
    app_id: str | None

    @property
    def resource(self) -> str:
        return key_path(self.app_id, None, self.session.key_id)

    def apply(self) -> Statements[bool]:
        return SESSIONS.delete("id = $1", self.session.id)
