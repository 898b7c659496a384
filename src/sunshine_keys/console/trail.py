"""The audit trail, newest first. The account sees all of it, a key of an app the entries of its app."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from sunshine_keys.console.rendering import page
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.keys.model import CREDENTIAL_ID
from sunshine_keys.store import audit
from sunshine_keys.store.audit import Wanted
from sunshine_keys.store.change import actions

SPAN = 5000
"""How many entries one page searches: 10 ms of a worker's time on SQLite, for a trail of any length."""

_SHOWN = 50
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", re.ASCII)
_ACTORS = ("operator", "stranger")
_FIELDS: tuple[str, ...] = ("key", "owner", "action", "since", "until")

ACTIONS = sorted(actions())


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
        for name in ("since", "until"):
            if fields[name] and not _MOMENT.fullmatch(fields[name]):
                faults[name] = "This is not a date and time. Enter one such as 2026-01-31T12:00."
        return cls(fields, faults)

    @property
    def is_faulty(self) -> bool:
        return any(self.faults.values())

    def wanted(self, app_id: str) -> Wanted:
        since = f"{self.fields['since']}:00.000Z" if self.fields["since"] else ""
        return Wanted(app_id, self.fields["owner"], self.fields["key"], self.fields["action"], since)

    @property
    def until(self) -> str:
        """The end of the minute in the form."""
        return f"{self.fields['until']}:59.999Z" if self.fields["until"] else ""

    def link(self, before: int | None = None) -> str:
        query = {name: value for name, value in self.fields.items() if value}
        if before is not None:
            query["before"] = str(before)
        return f"/console/audit?{urlencode(query)}" if query else "/console/audit"


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    query = visit.request.query_params
    filter = Filter.of({name: query.get(name, "").strip() for name in _FIELDS})
    entries: list[audit.Entry] = []
    older = ""
    first = last = 0
    if not filter.is_faulty:
        store = visit.engine.store
        before = query.get("before", "")
        last = int(before) - 1 if _NUMBER.fullmatch(before) else await store.trail_end(filter.until)
        wanted = filter.wanted("" if visit.is_account else visit.actor.app_id or "")
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
        actions=ACTIONS,
        entries=entries,
        first=first,
        last=last,
        older=older,
        newest=filter.link(),
        is_first="before" not in query,
        is_filtered=any(filter.fields.values()),
        harmless=(audit.DONE, audit.UNCHANGED),
        status=422 if filter.is_faulty else 200,
    )


def _just_before(moment: str) -> str:
    """Return a text that sorts before the moment, and after every earlier moment."""
    return moment.removesuffix("Z")
