"""The form of a new custom integration: its name, and the target and the triggers of the webhook that it must have."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.console.forms import Form, name_fault, named
from sunshine_keys.integrations.model import Integration
from sunshine_keys.webhooks.model import TRIGGERS
from sunshine_keys.webhooks.operations import WebhookSpec, http_url

_TARGET_LENGTH = 2048
"""The most characters in the target of a webhook (documented)."""

_FIELDS = ("name", "target", "events")
_ALL, _CHOSEN = "all", "chosen"
_TRIGGER = "trigger."
"""What precedes a trigger in the name of its field."""


class IntegrationForm(msgspec.Struct, frozen=True):
    """The fields as they were sent, and their faults by field. `chosen` are the triggers that are marked."""

    name: str = ""
    target: str = ""
    events: str = _ALL
    chosen: list[str] = []
    faults: dict[str, str] = msgspec.field(default_factory=lambda: dict.fromkeys(_FIELDS, ""))

    @classmethod
    def of(cls, form: Form) -> IntegrationForm:
        name, target, events = form.text("name"), form.text("target"), form.text("events")
        chosen = [trigger for trigger in TRIGGERS if form.text(_TRIGGER + trigger)]
        faults = {"name": name_fault(name), "target": _target_fault(target), "events": _events_fault(events, chosen)}
        return cls(name, target, events, chosen, faults)

    @property
    def is_faulty(self) -> bool:
        return any(self.faults.values())

    @property
    def triggers(self) -> list[str]:
        return self.chosen if self.events == _CHOSEN else list(TRIGGERS)

    @property
    def webhook(self) -> WebhookSpec:
        return WebhookSpec(self.target, self.triggers)


BLANK = IntegrationForm()


def _target_fault(target: str) -> str:
    if not target:
        return "The URL is empty. Enter the address that the service sends events to."
    if len(target) > _TARGET_LENGTH:
        return f"The URL has {len(target)} characters. Use at most {_TARGET_LENGTH}."
    if http_url("target", target):
        return "This is not a URL with http or https and a host. Enter one such as https://example.com/webhook."
    return ""


def _events_fault(events: str, chosen: list[str]) -> str:
    if events not in (_ALL, _CHOSEN):
        return "Choose all events, or mark those that the webhook hears."
    return "No event is marked. Mark at least one, or choose all events." if events == _CHOSEN and not chosen else ""


def name_of(integration: Integration) -> str:
    """Return the display name; the id if it has none."""
    name: Any = integration.attributes.get("displayName")
    return named(name, integration.id) if isinstance(name, str) else integration.id


def events_in_short(triggers: list[str]) -> str:
    """Return which events a webhook hears, in a few words."""
    if len(set(triggers)) == len(TRIGGERS):
        return f"all {len(TRIGGERS)} events"
    if not triggers:
        return "no events"
    return ", ".join(triggers[:2]) + (f" and {len(triggers) - 2} more" if len(triggers) > 2 else "")
