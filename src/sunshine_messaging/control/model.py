"""Who controls a conversation, and the JSON of it."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_messaging.switchboards.model import Switchboard, short_entry_view


class Control(msgspec.Struct, frozen=True):
    """The active and the pending entry of a conversation, by their ids; None where there is none."""

    active: str | None = None
    pending: str | None = None


class Caller(msgspec.Struct, frozen=True):
    """Who acts: an integration, whose entry is None if it has none; or an app or account key, which acts for no entry."""

    is_integration: bool = False
    entry: str | None = None

    @classmethod
    def of(cls, switchboard: Switchboard, integration_id: str | None) -> Caller:
        """Return the caller with the key of an integration, or of an app or account (None)."""
        if integration_id is None:
            return cls()
        entry = switchboard.entry_of(integration_id)
        return cls(True, None if entry is None else entry.id)


def control_view(switchboard: Switchboard | None, control: Control) -> dict[str, Any]:
    """Return the active and the pending entry as JSON of a conversation. Without an enabled switchboard there are none."""
    view: dict[str, Any] = {}
    if (active := shown_entry(switchboard, control.active)) is not None:
        view["activeSwitchboardIntegration"] = active
    if (pending := shown_entry(switchboard, control.pending)) is not None:
        view["pendingSwitchboardIntegration"] = pending
    return view


def shown_entry(switchboard: Switchboard | None, entry_id: str | None) -> dict[str, Any] | None:
    """Return an entry as conversations show it; None without an enabled switchboard that has it."""
    if switchboard is None or entry_id is None:
        return None
    entry = switchboard.find(entry_id)
    return None if entry is None else short_entry_view(entry)
