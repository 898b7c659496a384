"""Switchboards and their entries: the structs that the store holds, and their JSON.

The API calls an entry a switchboardIntegration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

MOST_ENTRIES = 10
"""The most entries of a switchboard (documented)."""

NEXT = "next"
"""The target of a pass or an offer that means the next entry, so it is no name of an entry."""

BUILT_IN = ("zd:agentWorkspace", "zd:answerBot")
"""The types of integrations that every app has without creating them (documented). They have no webhooks here."""


class SwitchboardRow(msgspec.Struct, frozen=True):
    """The switchboard of an app. `default_entry_id` names one of its entries."""

    id: str
    app_id: str
    enabled: bool = False
    default_entry_id: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """An integration that can have control of conversations."""

    id: str
    switchboard_id: str
    name: str
    integration_id: str
    integration_type: str
    deliver_standby_events: bool = True
    next_entry_id: str | None = None
    message_history_count: int | None = None


class Switchboard(msgspec.Struct, frozen=True):
    """An enabled switchboard with its entries, as they were when a request began."""

    default_entry_id: str | None
    entries: Sequence[Entry]

    def find(self, entry_id: str | None) -> Entry | None:
        """Return an entry by its id, or None."""
        return next((entry for entry in self.entries if entry.id == entry_id), None)

    def entry_of(self, integration_id: str | None) -> Entry | None:
        """Return the entry of an integration, or None."""
        return next((entry for entry in self.entries if entry.integration_id == integration_id), None)


class SwitchboardPatch(msgspec.Struct, frozen=True):
    """The properties that a PATCH names; UNSET leaves a field as it is, None clears it."""

    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    default_entry_id: str | msgspec.UnsetType | None = msgspec.UNSET


class EntryPatch(msgspec.Struct, frozen=True):
    """The properties that a PATCH names; UNSET leaves a field as it is, None clears it."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    integration_id: str | msgspec.UnsetType = msgspec.UNSET
    integration_type: str | msgspec.UnsetType = msgspec.UNSET
    deliver_standby_events: bool | msgspec.UnsetType = msgspec.UNSET
    next_entry_id: str | msgspec.UnsetType | None = msgspec.UNSET
    message_history_count: int | msgspec.UnsetType | None = msgspec.UNSET


def built_in_integration(app_id: str, type: str) -> str:
    """Return the id of the app's integration of a built-in type. It is the same each time."""
    return hashlib.sha256(f"{app_id}:{type}".encode()).hexdigest()[:24]


def switchboard_view(switchboard: SwitchboardRow) -> dict[str, Any]:
    """Return the switchboard as JSON of the API."""
    view: dict[str, Any] = {"id": switchboard.id, "enabled": switchboard.enabled}
    default = switchboard.default_entry_id
    return view if default is None else view | {"defaultSwitchboardIntegrationId": default}


def entry_view(entry: Entry) -> dict[str, Any]:
    """Return the entry as JSON of the API. Unset fields are left out."""
    view = short_entry_view(entry) | {"deliverStandbyEvents": entry.deliver_standby_events}
    optional = (
        ("nextSwitchboardIntegrationId", entry.next_entry_id),
        ("messageHistoryCount", entry.message_history_count),
    )
    return view | {name: value for name, value in optional if value is not None}


def short_entry_view(entry: Entry) -> dict[str, Any]:
    """Return the entry as conversations show it (`switchboardIntegrationWebhook`)."""
    return {
        "id": entry.id,
        "name": entry.name,
        "integrationId": entry.integration_id,
        "integrationType": entry.integration_type,
    }
