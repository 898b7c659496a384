"""The audit trail, newest first. The account sees all of it, an app's key what concerns its app."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from sunshine_keys.console.rendering import page
from sunshine_keys.console.visits import Visit
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.keys.model import KEY_ID
from sunshine_keys.store import audit
from sunshine_keys.store.audit import Wanted
from sunshine_keys.store.change import actions

SPAN = 5000
"""How many entries are looked through for one page: 10 ms of a worker's time on SQLite, however long the trail is."""

_SHOWN = 50
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", re.ASCII)
_ACTORS = ("operator", "stranger")
_FIELDS: tuple[str, ...] = ("key", "owner", "action", "since", "until")


ACTIONS = sorted(actions())


class Filter(msgspec.Struct, frozen=True):
    """What the form asks for, as it was sent, and what is wrong with it by field."""

    given: dict[str, str]
    faults: dict[str, str]

    @classmethod
    def of(cls, given: dict[str, str]) -> Filter:
        faults = dict.fromkeys(_FIELDS, "")
        if given["key"] and not (KEY_ID.fullmatch(given["key"]) or given["key"] in _ACTORS):
            faults["key"] = "A key\u2019s id has four characters for its kind, such as int_, and 24 hex digits."
        if given["owner"] and not OBJECT_ID.fullmatch(given["owner"]):
            faults["owner"] = "The id of an app or an integration has 24 hex digits."
        if given["action"] and given["action"] not in ACTIONS:
            faults["action"] = "There is no such kind of entry."
        for name in ("since", "until"):
            if given[name] and not _MOMENT.fullmatch(given[name]):
                faults[name] = "Give a date and a time, such as 2026-01-31T12:00."
        return cls(given, faults)

    @property
    def is_faulty(self) -> bool:
        return any(self.faults.values())

    def wanted(self, app_id: str) -> Wanted:
        since = f"{self.given['since']}:00.000Z" if self.given["since"] else ""
        return Wanted(app_id, self.given["owner"], self.given["key"], self.given["action"], since)

    @property
    def until(self) -> str:
        """The end of the minute that was given."""
        return f"{self.given['until']}:59.999Z" if self.given["until"] else ""

    def link(self, before: int | None = None) -> str:
        asked = {name: value for name, value in self.given.items() if value}
        if before is not None:
            asked["before"] = str(before)
        return f"/console/audit?{urlencode(asked)}" if asked else "/console/audit"


async def show(visit: Visit) -> Response:
    visit.require()
    query = visit.request.query_params
    asked = Filter.of({name: query.get(name, "").strip() for name in _FIELDS})
    entries: list[audit.Entry] = []
    older = ""
    first = last = 0
    if not asked.is_faulty:
        store = visit.engine.store
        before = query.get("before", "")
        last = int(before) - 1 if _NUMBER.fullmatch(before) else await store.trail_end(asked.until)
        wanted = asked.wanted("" if visit.is_account else visit.actor.app_id or "")
        found = await store.trail(wanted, last + 1, SPAN, _SHOWN + 1)
        entries = found[:_SHOWN]
        first = entries[-1].sequence if len(found) > _SHOWN else max(last - SPAN + 1, 1)
        begin = await store.trail_end(_just_before(wanted.since)) if wanted.since else 0
        if first > begin + 1:
            older = asked.link(first)
    return page(
        visit,
        "audit.html",
        asked=asked,
        actions=ACTIONS,
        entries=entries,
        first=first,
        last=last,
        older=older,
        newest=asked.link(),
        is_first="before" not in query,
        is_filtered=any(asked.given.values()),
        harmless=(audit.DONE, audit.UNCHANGED),
        status=422 if asked.is_faulty else 200,
    )


def _just_before(moment: str) -> str:
    """A text that comes before a moment's own, and after that of every moment before it."""
    return moment.removesuffix("Z")
