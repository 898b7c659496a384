"""The operations on the audit trail, which only this service has. Pages go from the newest entry back."""

from __future__ import annotations

import re
from typing import Any

from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import BadRequest
from sunshine_keys.store.audit import Entry, Wanted
from sunshine_keys.wire.operation import Call, operation

SPAN = 5000
"""How many entries one request searches: 10 ms of a worker's time on SQLite, for a trail of any length."""

_NUMBER = re.compile(r"[0-9]{1,16}", re.ASCII)


def _number(query: dict[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise BadRequest("Invalid query parameters")
    return int(text)


def _view(entry: Entry) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "time": entry.time,
        "actor": entry.actor,
        "source": entry.source,
        "requestId": entry.request_id,
        "action": entry.action,
        "resource": entry.resource,
        "outcome": entry.outcome,
        "note": entry.note,
        "hash": entry.hash.hex(),
    }


async def list_entries(call: Call) -> Any:
    """Answer with a page of the trail, or of the app's entries, and with `next` unless the page is the last."""
    query = call.request.query()
    limit = _number(query, "limit", 100, 1000)
    store = call.engine.store
    app_id = call.ids.get("appId", "")
    if app_id:
        await store.read(require_app(app_id))
    before = _number(query, "before", await store.trail_end() + 1, 2**53 - 1)
    entries = await store.trail(Wanted(app_id), before, SPAN, limit)
    next_before = entries[-1].sequence if len(entries) == limit else before - SPAN
    view: dict[str, Any] = {"entries": [_view(entry) for entry in entries]}
    return view | {"next": next_before} if next_before > 1 else view


TABLES = ()

OPERATIONS = [
    operation("ListAuditEntries", list_entries),
    operation("ListAppAuditEntries", list_entries),
]
