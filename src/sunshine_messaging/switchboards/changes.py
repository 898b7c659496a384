"""Changes of switchboards and of their entries.

Conversations refer to entries by ids, which are never used twice. An id that is no entry of the enabled switchboard counts
as none. So the deletion of an entry or of a switchboard changes no conversation.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from sunshine_keys.errors import BadRequest, TooManySwitchboardIntegrations
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from sunshine_messaging.apps.table import register
from sunshine_messaging.switchboards.model import (
    MOST_ENTRIES,
    NEXT,
    Entry,
    EntryPatch,
    SwitchboardPatch,
    SwitchboardRow,
    entry_view,
    switchboard_view,
)
from sunshine_messaging.switchboards.table import (
    ENTRIES,
    SWITCHBOARDS,
    entries_of,
    require_entry,
    require_switchboard,
    switchboards_of,
)

S = TypeVar("S", bound=msgspec.Struct)

_NEEDS_DEFAULT = "Enabled switchboard must have an associated default switchboardIntegration"


class CreateSwitchboard(Change[bytes], frozen=True):
    """Create the switchboard of an app, and return the answer. Raises BadRequest if there is one."""

    action = "switchboard.create"
    audited = False
    switchboard: SwitchboardRow

    def apply(self) -> Statements[bytes]:
        if (yield from switchboards_of(self.switchboard.app_id)):
            raise BadRequest("Only one switchboard can be created per app")
        yield from register(self.switchboard.app_id)
        yield from SWITCHBOARDS.insert(self.switchboard)
        return msgspec.json.encode({"switchboard": switchboard_view(self.switchboard)})


class UpdateSwitchboard(Change[SwitchboardRow], frozen=True):
    """Patch a switchboard.

    Raises SwitchboardNotFound, SwitchboardIntegrationNotFound for an unknown default, and BadRequest for an enabled
    switchboard without a default.
    """

    action = "switchboard.update"
    audited = False
    app_id: str
    switchboard_id: str
    patch: SwitchboardPatch

    def apply(self) -> Statements[SwitchboardRow]:
        switchboard = yield from require_switchboard(self.app_id, self.switchboard_id)
        if isinstance(self.patch.default_entry_id, str):
            require_entry((yield from entries_of(switchboard.id)), self.patch.default_entry_id)
        patched = _patched(switchboard, self.patch)
        if patched.enabled and patched.default_entry_id is None:
            raise BadRequest(_NEEDS_DEFAULT)
        yield from SWITCHBOARDS.update(patched, *self.patch.__struct_fields__)
        return patched


class DeleteSwitchboard(Change[None], frozen=True):
    """Delete a switchboard with its entries. Raises SwitchboardNotFound."""

    action = "switchboard.delete"
    audited = False
    app_id: str
    switchboard_id: str

    def apply(self) -> Statements[None]:
        switchboard = yield from require_switchboard(self.app_id, self.switchboard_id)
        yield from SWITCHBOARDS.delete("id = $1", switchboard.id)


class CreateEntry(Change[bytes], frozen=True):
    """Add an entry to a switchboard, and return the answer.

    Raises SwitchboardNotFound, TooManySwitchboardIntegrations, SwitchboardIntegrationNotFound for an unknown next entry,
    and BadRequest for a name or an integration that another entry has.
    """

    action = "switchboard_entry.create"
    audited = False
    app_id: str
    entry: Entry

    def apply(self) -> Statements[bytes]:
        switchboard = yield from require_switchboard(self.app_id, self.entry.switchboard_id)
        others = yield from entries_of(switchboard.id)
        if len(others) >= MOST_ENTRIES:
            raise TooManySwitchboardIntegrations
        _check(self.entry, others)
        yield from ENTRIES.insert(self.entry)
        return msgspec.json.encode({"switchboardIntegration": entry_view(self.entry)})


class UpdateEntry(Change[Entry], frozen=True):
    """Patch an entry. Conversations that it controls stay under its control.

    Raises SwitchboardNotFound, SwitchboardIntegrationNotFound, and BadRequest as CreateEntry does.
    """

    action = "switchboard_entry.update"
    audited = False
    app_id: str
    switchboard_id: str
    entry_id: str
    patch: EntryPatch

    def apply(self) -> Statements[Entry]:
        switchboard = yield from require_switchboard(self.app_id, self.switchboard_id)
        entries = yield from entries_of(switchboard.id)
        patched = _patched(require_entry(entries, self.entry_id), self.patch)
        _check(patched, [entry for entry in entries if entry.id != patched.id])
        yield from ENTRIES.update(patched, *self.patch.__struct_fields__)
        return patched


class DeleteEntry(Change[None], frozen=True):
    """Delete an entry. Its conversations are without control until their next activity.

    Raises SwitchboardNotFound, SwitchboardIntegrationNotFound, and BadRequest for the default entry and for the next entry
    of another one.
    """

    action = "switchboard_entry.delete"
    audited = False
    app_id: str
    switchboard_id: str
    entry_id: str

    def apply(self) -> Statements[None]:
        switchboard = yield from require_switchboard(self.app_id, self.switchboard_id)
        entries = yield from entries_of(switchboard.id)
        entry = require_entry(entries, self.entry_id)
        if switchboard.default_entry_id == entry.id:
            raise BadRequest(_NEEDS_DEFAULT)
        if any(other.next_entry_id == entry.id for other in entries):
            raise BadRequest("SwitchboardIntegration is referenced by another switchboardIntegration")
        yield from ENTRIES.delete("id = $1", entry.id)


def _check(entry: Entry, others: list[Entry]) -> None:
    """Raise an error unless a new or changed entry can be beside the others."""
    if entry.next_entry_id == entry.id:
        raise BadRequest("nextSwitchboardIntegrationId should be another switchboardIntegration")
    if entry.next_entry_id is not None:
        require_entry(others, entry.next_entry_id)
    if entry.name == NEXT:
        raise BadRequest(f"name should NOT be {NEXT}: it means the next switchboardIntegration")
    if any(other.name == entry.name for other in others):
        raise BadRequest("name is that of another switchboardIntegration")
    if any(other.integration_id == entry.integration_id for other in others):
        raise BadRequest("The integration is linked to another switchboardIntegration")


def _patched(item: S, patch: msgspec.Struct) -> S:
    """Return the item with the values that a patch sets."""
    values = ((field, getattr(patch, field)) for field in patch.__struct_fields__)
    return msgspec.structs.replace(item, **{field: value for field, value in values if value is not msgspec.UNSET})
