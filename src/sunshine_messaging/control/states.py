"""The states of control: what an action does to a conversation, without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from sunshine_messaging.control.model import Caller, Control
from sunshine_messaging.switchboards.model import NEXT, Entry, Switchboard


class Action(StrEnum):
    """An action on control. `switchboard:` with its value is the type of its event."""

    PASS = "passControl"  # noqa: S105 - it is no password
    OFFER = "offerControl"
    ACCEPT = "acceptControl"
    RELEASE = "releaseControl"


class Failure(msgspec.Struct, frozen=True):
    """Why an action failed: the code and the message of its event, which are those of the answer too."""

    code: str
    message: str


INVALID_TARGET = Failure("switchboard_invalid_target", "Switchboard invalid target")
ALREADY_ACTIVE = Failure("switchboard_invalid_target", "Cannot offer control to the active switchboard integration.")
NOTHING_PENDING = Failure("switchboard_invalid_action", "There is no pendingSwitchboardIntegration")


class Outcome(msgspec.Struct, frozen=True):
    """The control after an action.

    `raises` is True if webhooks hear of it; of a `failure` they always do. A forbidden action changes nothing.
    """

    control: Control
    raises: bool = False
    failure: Failure | None = None
    is_forbidden: bool = False


def outcome_of(action: Action, switchboard: Switchboard, control: Control, caller: Caller, target: str = "") -> Outcome:
    """Return what an action does. `target` is what a pass or an offer names."""
    control = current(switchboard, control)
    match action:
        case Action.PASS:
            return _passed(switchboard, control, caller, target)
        case Action.OFFER:
            return _offered(switchboard, control, caller, target)
        case Action.ACCEPT:
            return _accepted(control, caller)
        case Action.RELEASE:
            return _released(control, caller)


def current(switchboard: Switchboard, control: Control) -> Control:
    """Return the control without entries that have been deleted."""
    active, pending = (switchboard.find(id) for id in (control.active, control.pending))
    return Control(None if active is None else active.id, None if pending is None else pending.id)


def with_default(switchboard: Switchboard | None, control: Control, responder_id: str | None = None) -> Control:
    """Return the control after an activity of a user: the default entry is active if no entry is.

    `responder_id` is the default of the channel's integration, which precedes that of the switchboard.
    """
    if switchboard is None:
        return control
    control = current(switchboard, control)
    if control.active is not None:
        return control
    default = switchboard.find(responder_id) or switchboard.find(switchboard.default_entry_id)
    return control if default is None else Control(default.id, control.pending)


def _passed(switchboard: Switchboard, control: Control, caller: Caller, target: str) -> Outcome:
    if target == NEXT and caller.is_integration and not _is_active(control, caller):
        return Outcome(control)  # it has passed control already
    entry = _target(switchboard, control, caller, target)
    if entry is None:
        return Outcome(control, failure=INVALID_TARGET)
    return Outcome(Control(entry.id), raises=entry.id != control.active)


def _offered(switchboard: Switchboard, control: Control, caller: Caller, target: str) -> Outcome:
    entry = _target(switchboard, control, caller, target)
    if entry is None:
        return Outcome(control, failure=INVALID_TARGET)
    if entry.id == control.active:
        return Outcome(control, failure=ALREADY_ACTIVE)
    return Outcome(Control(control.active, entry.id), raises=True)


def _accepted(control: Control, caller: Caller) -> Outcome:
    if caller.is_integration and (control.pending is None or control.pending != caller.entry):
        return Outcome(control, is_forbidden=True)
    if control.pending is None:
        return Outcome(control, failure=NOTHING_PENDING)
    return Outcome(Control(control.pending), raises=True)


def _released(control: Control, caller: Caller) -> Outcome:
    if caller.is_integration and not _is_active(control, caller):
        return Outcome(control, is_forbidden=True)
    return Outcome(Control(), raises=control.active is not None)


def _is_active(control: Control, caller: Caller) -> bool:
    return control.active is not None and control.active == caller.entry


def _target(switchboard: Switchboard, control: Control, caller: Caller, target: str) -> Entry | None:
    """Return the entry that a pass or an offer names: by `next`, id, name, or id or type of an integration.

    Return None if there is none, or if several have the named type.
    """
    if target == NEXT:
        active = switchboard.find(control.active)
        may_pass = not caller.is_integration or _is_active(control, caller)
        return switchboard.find(active.next_entry_id) if active is not None and may_pass else None
    for field in ("id", "name", "integration_id", "integration_type"):
        hits = _having(switchboard.entries, field, target)
        if hits:
            return hits[0] if len(hits) == 1 else None
    return None


def _having(entries: Sequence[Entry], field: str, value: str) -> list[Entry]:
    return [entry for entry in entries if getattr(entry, field) == value]
