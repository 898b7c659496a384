"""The operations on the audit trail, which only this service has. Pages go from the newest entry back."""

from __future__ import annotations

from typing import Any

from sunshine_keys.apps.table import require_app
from sunshine_keys.store.audit import Wanted, entry_view
from sunshine_keys.wire import paging
from sunshine_keys.wire.operation import Call, operation

SPAN = 5000
"""How many entries one request searches: 10 ms of a worker's time on SQLite, for a trail of any length."""


async def list_entries(call: Call) -> Any:
    """Answer with a page of the trail, or of the app's entries, and with `next` unless the page is the last."""
    query = call.request.query()
    limit = paging.number(query, "limit", 100, most=1000)
    store = call.engine.store
    app_id = call.ids.get("appId", "")
    if app_id:
        await store.read(require_app(app_id))
    before = paging.number(query, "before", await store.trail_end() + 1)
    entries = await store.trail(Wanted(app_id), before, SPAN, limit)
    next_before = entries[-1].sequence if len(entries) == limit else before - SPAN
    view: dict[str, Any] = {"entries": [entry_view(entry) for entry in entries]}
    return view | {"next": next_before} if next_before > 1 else view


TABLES = ()

OPERATIONS = [
    operation("ListAuditEntries", list_entries),
    operation("ListAppAuditEntries", list_entries),
]
