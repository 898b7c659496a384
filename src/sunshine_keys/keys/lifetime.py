"""The lifetime of a new key, and what the audit trail says before it ends."""

from __future__ import annotations

import msgspec

from sunshine_keys.keys.model import Notice

DAY_SECONDS = 86400.0

LATEST_END = 253_370_764_800.0
"""The beginning of the year 9999. Later times have no text in some time zones."""

AHEAD = {Notice.WEEK: 7 * DAY_SECONDS, Notice.DAY: DAY_SECONDS}
"""How many seconds before the end of a key each notice is due."""


class Lifetime(msgspec.Struct, frozen=True):
    """The time at which a key is created, and its end; both in seconds since 1970. `end` is None for a key without an end."""

    now: float = 0.0
    end: float | None = None

    @property
    def notice(self) -> Notice | None:
        """The notice that is not due any more: whoever creates a key for six days need not be told a week before its end."""
        if self.end is None:
            return None
        due = [notice for notice, ahead in AHEAD.items() if self.end - self.now <= ahead]
        return due[-1] if due else None


UNLIMITED = Lifetime()
