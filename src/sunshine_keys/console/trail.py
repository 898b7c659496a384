"""The audit trail, newest first, as a page and as CSV. The account sees all of it, a key of an app the entries of its app."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from sunshine_keys.access.causes import CAUSES, Cause
from sunshine_keys.console.rendering import PAGE_HEADERS, page
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.console.trail_names import NamedEntry, named_entries
from sunshine_keys.errors import kinds
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.keys.model import CREDENTIAL_ID
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store import audit
from sunshine_keys.store.audit import Wanted
from sunshine_keys.store.change import actions

PATH = "/console/audit"

SPAN = 5000
"""How many entries one page searches: 10 ms of a worker's time on SQLite, for a trail of any length."""

_SHOWN = 50
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", re.ASCII)
_ACTORS = ("operator", "stranger")
_REQUEST_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_FIELDS: tuple[str, ...] = ("key", "owner", "action", "outcome", "request", "since", "until")

EXPORTED = 10_000
"""The most entries in a file, which takes 3 MB."""

_SEARCHED_SPANS = 100
"""How often an export searches SPAN entries: a second of a worker's time, in parts between which it serves others."""

_EXPORTED_AT_ONCE = 500
_HEADINGS = (
    "sequence", "time", "actor", "actor_name", "action", "resource", "resource_name", "outcome", "note", "source",
    "request_id",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet may calculate."""

ACTIONS = sorted(actions())
OUTCOMES = (audit.DONE, audit.UNCHANGED, audit.REFUSED, *sorted({kind.code for kind in kinds()}))


class Filter(msgspec.Struct, frozen=True):
    """The fields of the form as they were sent, and their faults by field."""

    fields: dict[str, str]
    faults: dict[str, str]

    @classmethod
    def of(cls, fields: dict[str, str]) -> Filter:
        faults = dict.fromkeys(_FIELDS, "")
        if fields["key"] and not (CREDENTIAL_ID.fullmatch(fields["key"]) or fields["key"] in _ACTORS):
            faults["key"] = "A key\u2019s id has four characters for its kind, such as int_, and 24 hex digits."
        if fields["owner"] and not OBJECT_ID.fullmatch(fields["owner"]):
            faults["owner"] = "The id of an app or an integration has 24 hex digits."
        if fields["action"] and fields["action"] not in ACTIONS:
            faults["action"] = "There is no such kind of entry. Choose one from the list."
        if fields["outcome"] and fields["outcome"] not in OUTCOMES:
            faults["outcome"] = "There is no such outcome. Choose one from the list."
        if fields["request"] and not _REQUEST_ID.fullmatch(fields["request"]):
            faults["request"] = "A request\u2019s id has 24 hex digits. The header X-Request-Id of its answer holds it."
        for name in ("since", "until"):
            if fields[name] and not _MOMENT.fullmatch(fields[name]):
                faults[name] = "This is not a date and time. Enter one such as 2026-01-31T12:00."
        return cls(fields, faults)

    @property
    def is_faulty(self) -> bool:
        return any(self.faults.values())

    def wanted(self, app_id: str) -> Wanted:
        since = f"{self.fields['since']}:00.000Z" if self.fields["since"] else ""
        fields = self.fields
        return Wanted(
            app_id, fields["owner"], fields["key"], fields["action"], since, fields["outcome"], fields["request"]
        )

    @property
    def until(self) -> str:
        """The end of the minute in the form."""
        return f"{self.fields['until']}:59.999Z" if self.fields["until"] else ""

    def link(self, before: int | None = None, path: str = PATH) -> str:
        query = {name: value for name, value in self.fields.items() if value}
        if before is not None:
            query["before"] = str(before)
        return f"{path}?{urlencode(query)}" if query else path


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    return await _show(visit, _filter(visit))


def _filter(visit: SignedInRequest) -> Filter:
    query = visit.request.query_params
    return Filter.of({name: query.get(name, "").strip() for name in _FIELDS})


def _wanted(visit: SignedInRequest, filter: Filter) -> Wanted:
    return filter.wanted("" if visit.is_account else visit.actor.app_id or "")


async def _show(visit: SignedInRequest, filter: Filter) -> Response:
    query = visit.request.query_params
    entries: list[audit.Entry] = []
    older = ""
    first = last = 0
    if not filter.is_faulty:
        store = visit.engine.store
        before = query.get("before", "")
        last = int(before) - 1 if _NUMBER.fullmatch(before) else await store.trail_end(filter.until)
        wanted = _wanted(visit, filter)
        matches = await store.trail(wanted, last + 1, SPAN, _SHOWN + 1)
        entries = matches[:_SHOWN]
        first = entries[-1].sequence if len(matches) > _SHOWN else max(last - SPAN + 1, 1)
        begin = await store.trail_end(_just_before(wanted.since)) if wanted.since else 0
        if first > begin + 1:
            older = filter.link(first)
    return page(
        visit,
        "audit.html",
        filter=filter,
        actions=[(action, action) for action in ACTIONS],
        outcomes=[(outcome, outcome) for outcome in OUTCOMES],
        rows=await named_entries(visit, entries),
        cause=await _cause(visit, filter),
        first=first,
        last=last,
        older=older,
        newest=filter.link(),
        export=filter.link(path=f"{PATH}/export"),
        exported=EXPORTED,
        is_first="before" not in query,
        is_filtered=any(filter.fields.values()),
        harmless=(audit.DONE, audit.UNCHANGED),
        status=422 if filter.is_faulty else 200,
    )


async def _cause(visit: SignedInRequest, filter: Filter) -> Cause | None:
    """Return why the request in the filter was refused, if that is known and the person may see it."""
    if filter.is_faulty or not filter.fields["request"]:
        return None
    cause = await visit.engine.store.get(CAUSES, filter.fields["request"])
    if cause is None or visit.is_account or cause.key_id == visit.actor.key_id:
        return cause
    key = await visit.engine.store.get(KEYS, cause.key_id)
    return cause if key is not None and key.app_id == visit.actor.app_id else None


async def export(visit: SignedInRequest) -> Response:
    """Return the newest entries that match the filter as CSV, at most EXPORTED."""
    visit.require()
    filter = _filter(visit)
    if filter.is_faulty:
        return await _show(visit, filter)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_HEADINGS)
    left, wanted = EXPORTED, _wanted(visit, filter)
    end = await visit.engine.store.trail_end(filter.until) + 1
    begin = await visit.engine.store.trail_end(_just_before(wanted.since)) + 1 if wanted.since else 1
    for _ in range(_SEARCHED_SPANS):
        limit = min(left, _EXPORTED_AT_ONCE)
        entries = await visit.engine.store.trail(wanted, end, SPAN, limit)
        writer.writerows(_cells(row) for row in await named_entries(visit, entries))
        left -= len(entries)
        end = entries[-1].sequence if len(entries) == limit else end - SPAN
        if end <= begin or not left:
            break
        await asyncio.sleep(0)  # let the worker serve other requests
    if end > begin:
        writer.writerow(["", "", "", "", "", "", "", "", f"Entries before number {end} are not in this file"])
    headers = PAGE_HEADERS | {"content-disposition": 'attachment; filename="audit-trail.csv"'}
    return Response(file.getvalue(), headers=headers, media_type="text/csv")


def _cells(row: NamedEntry) -> list[str]:
    entry = row.entry
    names = " / ".join(reference.label for reference in row.resource)
    cells = (
        str(entry.sequence), entry.time, entry.actor, row.actor.name, entry.action, entry.resource, names, entry.outcome,
        entry.note, entry.source, entry.request_id,
    )  # fmt: skip
    return [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]


def _just_before(moment: str) -> str:
    """Return a text that sorts before the moment, and after every earlier moment."""
    return moment.removesuffix("Z")
