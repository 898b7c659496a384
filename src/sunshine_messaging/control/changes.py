"""Changes of control."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import Forbidden, SwitchboardInvalidAction
from sunshine_keys.store.statements import Statements
from sunshine_messaging.control.history import DEFAULT, record_control
from sunshine_messaging.control.model import Caller, Control
from sunshine_messaging.control.states import Action, Failure, Outcome, outcome_of, with_default
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import CONVERSATIONS, require_conversation
from sunshine_messaging.events.audience import AnnouncedChange, Audience
from sunshine_messaging.events.model import Event
from sunshine_messaging.switchboards.table import enabled_switchboard


class ChangeControl(AnnouncedChange[Failure | None], frozen=True):
    """Pass, offer, accept or release control of a conversation. Return why it failed, after its event has been stored, or None.

    `integration_id` is the integration that acts; None for an app or account key. `reason` is that of a release by the
    agents' workspace. Raises ConversationNotFound, SwitchboardInvalidAction without an enabled switchboard, and Forbidden.
    """

    action = "conversation.control"
    audited = False
    app_id: str
    conversation_id: str
    act: Action
    integration_id: str | None
    target: str = ""
    metadata: dict[str, Any] | None = None
    reason: str | None = None

    def apply(self) -> Statements[Failure | None]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        audience = yield from _up_to_date(self.audience, conversation)
        switchboard = audience.switchboard
        if switchboard is None:
            raise SwitchboardInvalidAction
        caller = Caller.of(switchboard, self.integration_id)
        outcome = outcome_of(self.act, switchboard, conversation.control, caller, self.target)
        if outcome.is_forbidden:
            raise Forbidden
        changed = yield from _write(conversation, outcome.control)
        if outcome.raises or changed is not conversation:
            yield from record_control(audience, changed, self.act, caller, self.reason)
        if outcome.raises or outcome.failure is not None:
            yield from audience.raise_event(self._event(conversation.control, changed, outcome, caller))
        return outcome.failure

    def _event(self, before: Control, conversation: Conversation, outcome: Outcome, caller: Caller) -> Event:
        payload: dict[str, Any] = {} if self.metadata is None else {"metadata": self.metadata}
        type = f"switchboard:{self.act}"
        if outcome.failure is not None:
            type += ":failure"
            payload["error"] = {"code": outcome.failure.code, "message": outcome.failure.message}
        elif self.reason is not None:
            payload["reason"] = self.reason
        return Event(type, conversation.id, lambda form: payload, conversation, before, caller.entry)


def settle_control(
    audience: Audience, conversation: Conversation, responder_id: str | None = None
) -> Statements[Conversation]:
    """Give control to the default entry if no entry has it, before an activity of a user. Return the conversation.

    `responder_id` is the default of the channel's integration.
    """
    audience = yield from _up_to_date(audience, conversation)
    control = with_default(audience.switchboard, conversation.control, responder_id)
    settled = yield from _write(conversation, control)
    if settled is not conversation:
        yield from record_control(audience, settled, DEFAULT)
    return settled


def _up_to_date(audience: Audience, conversation: Conversation) -> Statements[Audience]:
    """Read the switchboard again if the conversation refers to an entry that the audience lacks, and return the audience.

    The entry has been deleted, or it is newer than the audience.
    """
    switchboard, entries = audience.switchboard, {conversation.active_entry, conversation.pending_entry} - {None}
    if switchboard is None or all(switchboard.find(entry) for entry in entries):
        return audience
    newer = yield from enabled_switchboard(conversation.app_id)
    return msgspec.structs.replace(audience, switchboard=newer)


def _write(conversation: Conversation, control: Control) -> Statements[Conversation]:
    """Write a conversation's control if it has changed, and return the conversation."""
    if control == conversation.control:
        return conversation
    changed = msgspec.structs.replace(conversation, active_entry=control.active, pending_entry=control.pending)
    yield from CONVERSATIONS.update(changed, "active_entry", "pending_entry")
    return changed
