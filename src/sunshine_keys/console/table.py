"""The table of console sessions."""

from __future__ import annotations

from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.store.table import Index, Table

SESSIONS = Table(
    "console_sessions",
    ConsoleSession,
    since=5,
    references={"key_id": "keys"},
    indexes=(
        Index("console_sessions_by_key", ("key_id",)),
        Index("console_sessions_by_age", ("last_seen",)),
    ),
    copied=False,
)
