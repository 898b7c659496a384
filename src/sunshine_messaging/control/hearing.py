"""Which webhooks hear of an event, by the entry of their integration, without I/O."""

from __future__ import annotations

from sunshine_messaging.control.model import Control
from sunshine_messaging.switchboards.model import Entry

NOBODY = Control()


def hears(
    type: str, entry: Entry | None, after: Control | None, before: Control = NOBODY, caller: str | None = None
) -> bool:
    """Return True if a webhook hears of an event of this type.

    `entry` is the entry of the webhook's integration, None if it has none or the switchboard is not enabled. `after` is the
    control of the event's conversation, None without a conversation, and `before` the control before an action. `caller` is
    the entry that caused a failure.
    """
    if entry is None or after is None or type.startswith(("user:", "client:")):
        return True
    if type.endswith("Control:failure"):
        return entry.id in (caller, after.active)
    if entry.deliver_standby_events or entry.id in (after.active, after.pending):
        return True
    return type.startswith("switchboard:") and entry.id in (before.active, before.pending)
