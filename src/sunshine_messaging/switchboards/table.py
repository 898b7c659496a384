"""The tables of switchboards and of their entries, and their reads."""

from __future__ import annotations

from sunshine_keys.errors import SwitchboardIntegrationNotFound, SwitchboardNotFound
from sunshine_keys.store.statements import Statements
from sunshine_keys.store.store import Reader
from sunshine_keys.store.table import Index, Table
from sunshine_messaging.switchboards.model import Entry, Switchboard, SwitchboardRow

SWITCHBOARDS = Table(
    "switchboards",
    SwitchboardRow,
    references={"app_id": "apps"},
    indexes=(Index("switchboards_by_app", ("app_id",)),),
    remembered=True,
)
ENTRIES = Table(
    "switchboard_entries",
    Entry,
    references={"switchboard_id": "switchboards"},
    indexes=(Index("switchboard_entries_by_switchboard", ("switchboard_id", "id")),),
    remembered=True,
)

_ENABLED = "WHERE app_id = $1 AND enabled = 1"
_OF_SWITCHBOARD = "WHERE switchboard_id = $1 ORDER BY id"


def switchboards_of(app_id: str) -> Statements[list[SwitchboardRow]]:
    """Return the app's switchboards: one at most."""
    return SWITCHBOARDS.select("WHERE app_id = $1 ORDER BY id", app_id)


def enabled_switchboard(app_id: str) -> Statements[Switchboard | None]:
    """Return the app's switchboard with its entries; None if there is none, or it is disabled."""
    row = yield from SWITCHBOARDS.first_of(_ENABLED, app_id)
    if row is None:
        return None
    return Switchboard(row.default_entry_id, (yield from entries_of(row.id)))


async def read_switchboard(store: Reader, app_id: str) -> Switchboard | None:
    """Return the same, from memory if nothing has changed since it was read."""
    rows = await store.select(SWITCHBOARDS, _ENABLED, app_id)
    if not rows:
        return None
    return Switchboard(rows[0].default_entry_id, await store.select(ENTRIES, _OF_SWITCHBOARD, rows[0].id))


def entries_of(switchboard_id: str) -> Statements[list[Entry]]:
    """Return the entries of a switchboard, oldest first."""
    return ENTRIES.select(_OF_SWITCHBOARD, switchboard_id)


def require_switchboard(app_id: str, switchboard_id: str) -> Statements[SwitchboardRow]:
    """Return the app's switchboard. Raises SwitchboardNotFound."""
    switchboard = yield from SWITCHBOARDS.get(switchboard_id)
    if switchboard is None or switchboard.app_id != app_id:
        raise SwitchboardNotFound
    return switchboard


def require_entry(entries: list[Entry], entry_id: str) -> Entry:
    """Return the entry with this id. Raises SwitchboardIntegrationNotFound."""
    for entry in entries:
        if entry.id == entry_id:
            return entry
    raise SwitchboardIntegrationNotFound
