"""The states of control: every row of the table, and a second implementation that Hypothesis compares."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunshine_messaging.control.hearing import hears
from sunshine_messaging.control.model import Caller, Control, control_view
from sunshine_messaging.control.states import (
    ALREADY_ACTIVE,
    INVALID_TARGET,
    NOTHING_PENDING,
    Action,
    Outcome,
    outcome_of,
    with_default,
)
from sunshine_messaging.switchboards.model import Entry, Switchboard

BOT = Entry("b", "s", "bot", "ib", "custom", next_entry_id="h")
HUMAN = Entry("h", "s", "human", "ih", "zd:agentWorkspace", deliver_standby_events=False)
OTHER = Entry("o", "s", "other", "io", "custom", next_entry_id="b")
SWITCHBOARD = Switchboard("b", [BOT, HUMAN, OTHER])

APP, STRANGER = Caller(), Caller(True)
BY_BOT, BY_HUMAN, BY_OTHER = (Caller(True, entry.id) for entry in (BOT, HUMAN, OTHER))
PASS, OFFER, ACCEPT, RELEASE = Action
NONE, B, BH, BO, H, PENDING_H = (
    Control(), Control("b"), Control("b", "h"), Control("b", "o"), Control("h"), Control(None, "h"),
)  # fmt: skip


def done(control: Control) -> Outcome:
    return Outcome(control, raises=True)


ROWS: list[tuple[str, Action, Control, Caller, str, Outcome]] = [
    # the case, the action, the control before, the caller, the target, the outcome
    ("pass by name", PASS, B, BY_BOT, "human", done(H)),
    ("pass by id", PASS, B, BY_BOT, "h", done(H)),
    ("pass by integration id", PASS, B, APP, "ih", done(H)),
    ("pass by integration type", PASS, B, APP, "zd:agentWorkspace", done(H)),
    ("pass by an entry on standby", PASS, B, BY_OTHER, "human", done(H)),
    ("pass by an integration without an entry", PASS, B, STRANGER, "human", done(H)),
    ("pass without an active entry", PASS, NONE, APP, "human", done(H)),
    ("pass voids an offer", PASS, BO, BY_BOT, "human", done(H)),
    ("pass to the active entry", PASS, B, BY_BOT, "bot", Outcome(B)),
    ("pass to the active entry voids an offer", PASS, BO, APP, "b", Outcome(B)),
    ("pass to next by the active entry", PASS, B, BY_BOT, "next", done(H)),
    ("pass to next by an app", PASS, B, APP, "next", done(H)),
    ("repeated pass to next", PASS, H, BY_BOT, "next", Outcome(H)),
    ("repeated pass to next keeps an offer", PASS, Control("h", "o"), BY_BOT, "next", Outcome(Control("h", "o"))),
    ("pass to next by an integration without an entry", PASS, NONE, STRANGER, "next", Outcome(NONE)),
    ("pass to a missing next", PASS, H, BY_HUMAN, "next", Outcome(H, failure=INVALID_TARGET)),
    ("pass to next by an app without an active entry", PASS, NONE, APP, "next", Outcome(NONE, failure=INVALID_TARGET)),
    ("pass to an unknown target", PASS, BO, BY_BOT, "nobody", Outcome(BO, failure=INVALID_TARGET)),
    ("pass to one of several", PASS, B, BY_BOT, "custom", Outcome(B, failure=INVALID_TARGET)),
    ("offer", OFFER, B, BY_BOT, "human", done(BH)),
    ("offer to next", OFFER, B, BY_BOT, "next", done(BH)),
    ("offer without an active entry", OFFER, NONE, APP, "human", done(PENDING_H)),
    ("offer voids an earlier offer", OFFER, BO, APP, "human", done(BH)),
    ("repeated offer", OFFER, BH, STRANGER, "human", done(BH)),
    ("offer to the active entry", OFFER, BH, BY_BOT, "bot", Outcome(BH, failure=ALREADY_ACTIVE)),
    ("offer to an unknown target", OFFER, B, APP, "nobody", Outcome(B, failure=INVALID_TARGET)),
    ("offer to one of several", OFFER, B, APP, "custom", Outcome(B, failure=INVALID_TARGET)),
    ("offer to a missing next", OFFER, H, APP, "next", Outcome(H, failure=INVALID_TARGET)),
    ("offer to next by an entry on standby", OFFER, B, BY_HUMAN, "next", Outcome(B, failure=INVALID_TARGET)),
    ("accept by the pending entry", ACCEPT, BH, BY_HUMAN, "", done(H)),
    ("accept by an app", ACCEPT, BH, APP, "", done(H)),
    ("accept without an active entry", ACCEPT, PENDING_H, BY_HUMAN, "", done(H)),
    ("accept by the active entry", ACCEPT, BH, BY_BOT, "", Outcome(BH, is_forbidden=True)),
    ("accept without an offer by an entry", ACCEPT, B, BY_HUMAN, "", Outcome(B, is_forbidden=True)),
    ("accept by an integration without an entry", ACCEPT, NONE, STRANGER, "", Outcome(NONE, is_forbidden=True)),
    ("accept without an offer by an app", ACCEPT, B, APP, "", Outcome(B, failure=NOTHING_PENDING)),
    ("release by the active entry", RELEASE, BH, BY_BOT, "", done(NONE)),
    ("release by an app", RELEASE, B, APP, "", done(NONE)),
    ("release by the pending entry", RELEASE, BH, BY_HUMAN, "", Outcome(BH, is_forbidden=True)),
    ("release by an integration without an entry", RELEASE, NONE, STRANGER, "", Outcome(NONE, is_forbidden=True)),
    ("release without an active entry", RELEASE, PENDING_H, APP, "", Outcome(NONE)),
    ("a deleted entry counts as none", RELEASE, Control("gone", "gone"), APP, "", Outcome(NONE)),
    ("next of a deleted entry", PASS, Control("gone"), APP, "next", Outcome(NONE, failure=INVALID_TARGET)),
]  # fmt: skip


@pytest.mark.parametrize(("action", "before", "caller", "target", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])  # fmt: skip
def test_rows_of_the_table(action: Action, before: Control, caller: Caller, target: str, expected: Outcome) -> None:
    assert outcome_of(action, SWITCHBOARD, before, caller, target) == expected


@pytest.mark.parametrize(
    ("switchboard", "before", "responder", "after"),
    [
        (SWITCHBOARD, NONE, None, B),
        (SWITCHBOARD, PENDING_H, None, BH),
        (SWITCHBOARD, H, None, H),
        (SWITCHBOARD, Control("gone"), None, B),
        (SWITCHBOARD, NONE, "o", Control("o")),
        (SWITCHBOARD, H, "o", H),
        (SWITCHBOARD, NONE, "gone", B),
        (Switchboard(None, [BOT]), NONE, None, NONE),
        (None, NONE, "o", NONE),
        (None, H, None, H),
    ],
)
def test_activity_of_a_user_gives_control_to_the_default(
    switchboard: Switchboard | None, before: Control, responder: str | None, after: Control
) -> None:
    assert with_default(switchboard, before, responder) == after


def test_conversation_shows_the_entries_that_exist() -> None:
    shown = {"id": "b", "name": "bot", "integrationId": "ib", "integrationType": "custom"}
    assert control_view(SWITCHBOARD, B) == {"activeSwitchboardIntegration": shown}
    assert control_view(SWITCHBOARD, Control(None, "b")) == {"pendingSwitchboardIntegration": shown}
    assert control_view(SWITCHBOARD, Control("gone", "gone")) == control_view(None, B) == {}


# A second implementation, in the words of the table: strings instead of structs, and one branch for each row.


def naive(action: str, entries: list[dict[str, Any]], state: dict[str, str], caller: str, target: str) -> tuple[str, dict[str, str]]:  # fmt: skip
    """Return the event, `none`, or `403`, and the state afterwards. `caller` is an entry's id, `app` or `stranger`."""
    by_id = {entry["id"]: entry for entry in entries}
    state = {role: id for role, id in state.items() if id in by_id}
    active, pending = state.get("active"), state.get("pending")
    is_app = caller == "app"
    named: set[str] = set()
    if target == "next":
        if is_app or (caller == active):
            named = {by_id[active]["next"]} & set(by_id) if active else set()
    else:
        for key in "id", "name", "integration", "type":
            named = named or {entry["id"] for entry in entries if entry[key] == target}
    if action == "passControl":
        if target == "next" and not is_app and caller != active:
            return "none", state
        if len(named) != 1:
            return "passControl:failure", state
        (goal,) = named
        return "none" if goal == active else "passControl", {"active": goal}
    if action == "offerControl":
        if len(named) != 1 or active in named:
            return "offerControl:failure", state
        (goal,) = named
        return "offerControl", ({"active": active} if active else {}) | {"pending": goal}
    if action == "acceptControl":
        if not is_app and caller != pending:
            return "403", state
        return ("acceptControl", {"active": pending}) if pending else ("acceptControl:failure", state)
    if not is_app and caller != active:
        return "403", state
    return "releaseControl" if active else "none", {}


IDS = ["a", "b", "c", "d"]
ENTRY = st.builds(
    Entry,
    st.sampled_from(IDS),
    st.just("s"),
    st.sampled_from(["m", "n", *IDS]),
    st.sampled_from(["i", "j", "k"]),
    st.sampled_from(["custom", "zd:answerBot", "m"]),
    st.booleans(),
    st.sampled_from([*IDS, None]),
)
ENTRIES = st.lists(ENTRY, max_size=4, unique_by=lambda entry: entry.id)
REFERENCE = st.sampled_from([*IDS, None])
CALL = st.tuples(
    st.sampled_from(Action),
    st.sampled_from(["app", "stranger", *IDS]),
    st.sampled_from(["next", "i", "j", "m", "n", "custom", "zd:answerBot", "unknown", *IDS]),
)


@settings(max_examples=400)
@given(ENTRIES, REFERENCE, REFERENCE, st.lists(CALL, min_size=1, max_size=8))
def test_states_equal_a_second_implementation(
    entries: list[Entry], active: str | None, pending: str | None, calls: list[tuple[Action, str, str]]
) -> None:
    switchboard = Switchboard(None, entries)
    control = Control(active, pending if pending != active else None)
    state = {role: id for role, id in (("active", control.active), ("pending", control.pending)) if id}
    plain = [
        {"id": entry.id, "name": entry.name, "integration": entry.integration_id, "type": entry.integration_type, "next": entry.next_entry_id}
        for entry in entries
    ]  # fmt: skip
    for action, name, target in calls:
        exists = any(entry.id == name for entry in entries)
        caller = Caller() if name == "app" else Caller(True, name if exists else None)
        outcome = outcome_of(action, switchboard, control, caller, target)
        event, state = naive(action.value, plain, state, name if exists or name == "app" else "stranger", target)
        seen = "403" if outcome.is_forbidden else "none"
        if outcome.failure is not None:
            seen = f"{action}:failure"
        elif outcome.raises:
            seen = action.value
        control = outcome.control
        shown = {role: id for role, id in (("active", control.active), ("pending", control.pending)) if id}
        assert (seen, shown) == (event, state)
        assert control.active is None or control.active != control.pending


HEARING: list[tuple[str, str, Entry | None, Control | None, Control, str | None, bool]] = [
    # the case, the type, the webhook's entry, the control after and before, the caller, whether the webhook hears
    ("no entry", "conversation:message", None, B, NONE, None, True),
    ("no entry, control", "switchboard:passControl", None, B, NONE, None, True),
    ("no entry, failure", "switchboard:passControl:failure", None, B, B, "b", True),
    ("active", "conversation:message", HUMAN, H, NONE, None, True),
    ("pending", "conversation:message", HUMAN, BH, NONE, None, True),
    ("standby that wants events", "conversation:message", BOT, H, NONE, None, True),
    ("standby that wants events, control", "switchboard:offerControl", OTHER, BH, B, None, True),
    ("standby", "conversation:message", HUMAN, B, NONE, None, False),
    ("standby, channel", "passthrough:messaging", HUMAN, B, NONE, None, False),
    ("standby, delivery failure", "conversation:message:delivery:failure", HUMAN, B, NONE, None, False),
    ("standby without control of anybody", "conversation:message", HUMAN, NONE, NONE, None, False),
    ("standby, user", "user:remove", HUMAN, None, NONE, None, True),
    ("standby, client", "client:add", HUMAN, B, NONE, None, True),
    ("winner of control", "switchboard:passControl", HUMAN, H, B, None, True),
    ("loser of control", "switchboard:passControl", HUMAN, B, H, None, True),
    ("entry whose offer is void", "switchboard:passControl", HUMAN, Control("o"), BH, None, True),
    ("entry that releases", "switchboard:releaseControl", HUMAN, NONE, H, None, True),
    ("standby, control of others", "switchboard:passControl", HUMAN, Control("o"), B, None, False),
    ("failure, active", "switchboard:passControl:failure", HUMAN, H, H, None, True),
    ("failure, caller", "switchboard:offerControl:failure", HUMAN, B, B, "h", True),
    ("failure, pending", "switchboard:acceptControl:failure", HUMAN, BH, BH, None, False),
    ("failure, standby that wants events", "switchboard:passControl:failure", OTHER, B, B, "h", False),
]  # fmt: skip


@pytest.mark.parametrize(("type", "entry", "after", "before", "caller", "expected"), [row[1:] for row in HEARING], ids=[row[0] for row in HEARING])  # fmt: skip
def test_who_hears_what(
    type: str, entry: Entry | None, after: Control | None, before: Control, caller: str | None, expected: bool
) -> None:
    assert hears(type, entry, after, before, caller) is expected
