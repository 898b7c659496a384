"""The history of control: what happened to the control of a conversation, and who had it then."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.table import Table
from sunshine_messaging.control.model import Caller
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.events.audience import Audience
from sunshine_messaging.moments import Milliseconds, text

MOST_RECORDS = 100
"""The records of a conversation that are stored: the last ones."""

DEFAULT = "default"
"""The action of a record for a conversation that gets the default entry."""


class ControlRecord(msgspec.Struct, frozen=True):
    """One change of the control of a conversation. `number` counts those of the conversation.

    `action` is one of `states.Action`, or DEFAULT. `caller` is the name of the entry that acted; None for an app or account
    key. `active` and `pending` are the names of the entries that had control, and were offered it, afterwards: an entry may
    have another name by now, or may have been deleted.
    """

    conversation_id: str
    number: int
    created: Milliseconds
    action: str
    caller: str | None = None
    active: str | None = None
    pending: str | None = None
    reason: str | None = None


CONTROL_RECORDS = Table(
    "control_records",
    ControlRecord,
    since=4,
    key=("conversation_id", "number"),
    references={"conversation_id": "conversations"},
)


def record_control(
    audience: Audience, conversation: Conversation, action: str, caller: Caller | None = None, reason: str | None = None
) -> Statements[None]:
    """Store what an action has made of the control of a conversation."""
    switchboard = audience.switchboard
    if switchboard is None:
        return
    entries = (None if caller is None else caller.entry, conversation.active_entry, conversation.pending_entry)
    actor, active, pending = (None if (entry := switchboard.find(id)) is None else entry.name for id in entries)
    rows = yield from execute(
        "SELECT COALESCE(MAX(number), 0) FROM control_records WHERE conversation_id = $1", conversation.id
    )
    number = rows[0][0] + 1
    record = ControlRecord(conversation.id, number, audience.now, action, actor, active, pending, reason)
    yield from CONTROL_RECORDS.insert(record)
    yield from CONTROL_RECORDS.delete("conversation_id = $1 AND number <= $2", conversation.id, number - MOST_RECORDS)


def control_records(conversation_id: str) -> Statements[list[ControlRecord]]:
    """Return the records of a conversation, the last one first."""
    return CONTROL_RECORDS.select("WHERE conversation_id = $1 ORDER BY number DESC", conversation_id)


def expire_records(conversation_id: str, before: Milliseconds) -> Statements[None]:
    """Delete the records of a conversation that are earlier than `before`."""
    yield from CONTROL_RECORDS.delete("conversation_id = $1 AND created < $2", conversation_id, before)


def record_view(record: ControlRecord) -> dict[str, Any]:
    """Return the record as JSON."""
    view: dict[str, Any] = {"at": text(record.created), "action": record.action}
    fields = (
        ("caller", record.caller),
        ("active", record.active),
        ("pending", record.pending),
        ("reason", record.reason),
    )
    return view | {name: value for name, value in fields if value is not None}
