"""The form of a new key: its name, and when it ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from sunshine_keys.console.forms import Form, name_fault
from sunshine_keys.keys.lifetime import DAY_SECONDS, LATEST_END

NEVER, OWN = "", "own"
"""The choices of an end that are no number of days: none, and a date and time that a person types."""

ENDS = (
    (NEVER, "Never"),
    ("1", "In 1 day"),
    ("7", "In 7 days"),
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("365", "In 1 year"),
    (OWN, "At a date and time…"),
)
"""The choices, and their names."""

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?Z?", re.ASCII)


class KeyFaults(msgspec.Struct, frozen=True):
    """What is wrong with the fields of a form; empty if nothing is."""

    name: str = ""
    end: str = ""
    moment: str = ""


class KeyForm(msgspec.Struct, frozen=True):
    """A form as it was sent. `end` is one of ENDS, `moment` the text of a date and time in UTC."""

    name: str = ""
    end: str = NEVER
    moment: str = ""
    expires_at: float | None = None
    """The end in seconds since 1970; None if the key has none, or if the form is faulty."""
    faults: KeyFaults = KeyFaults()

    @classmethod
    def of(cls, form: Form, now: float) -> KeyForm:
        """Return the form that was sent at `now`, in seconds since 1970."""
        name, end, moment = form.text("name"), form.text("end"), form.text("end-at")
        expires_at, faults = None, KeyFaults(name_fault(name))
        if end not in dict(ENDS):
            faults = msgspec.structs.replace(faults, end="This is not a choice. Choose when the key ends.")
        elif end == OWN:
            expires_at, fault = _moment(moment, now)
            faults = msgspec.structs.replace(faults, moment=fault)
        elif end != NEVER:
            expires_at = now + int(end) * DAY_SECONDS
        return cls(name, end, moment, expires_at, faults)

    @property
    def is_faulty(self) -> bool:
        return self.faults != KeyFaults()


BLANK = KeyForm()


def refused(form: KeyForm, sentence: str) -> KeyForm:
    """Return the form with what the store has said of it."""
    return msgspec.structs.replace(form, faults=msgspec.structs.replace(form.faults, name=sentence))


def _moment(text: str, now: float) -> tuple[float | None, str]:
    """Return a moment in seconds since 1970, or None and what is wrong with its text."""
    if not text:
        return None, "The date is empty. Enter a date and a time in UTC."
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC) if _MOMENT.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        return None, "This is not a date and time. Enter one such as 2027-01-31T18:00."
    if moment.timestamp() <= now:
        return None, "This time has passed. Enter a later one, in UTC."
    if moment.timestamp() >= LATEST_END:
        return None, "Enter a time before the year 9999."
    return moment.timestamp(), ""
