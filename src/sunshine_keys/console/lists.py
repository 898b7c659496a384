"""Lists: links to their pages, and keys with their use."""

from __future__ import annotations

import msgspec

from sunshine_keys.console.charts import HOUR, Chart
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.usage import Usage, usage_of
from sunshine_keys.store.page import Page

DAYS = 7
"""How many days a chart of a key's use covers."""

_BARS = 28


class Pager(msgspec.Struct, frozen=True):
    """Links to the pages before and after; empty if there is none."""

    before: str
    after: str

    @classmethod
    def of(cls, path: str, page: Page, ids: list[str], more: bool) -> Pager:
        """`more` is True if the list goes on in the direction that was asked for."""
        before, after = page.neighbours(ids, more)
        return cls(f"{path}?before={before}" if before else "", f"{path}?after={after}" if after else "")


class KeyRow(msgspec.Struct, frozen=True):
    """`use` is None for a key without recorded use."""

    key: Key
    use: Usage | None
    chart: Chart


def use_since(now: float) -> float:
    """Return the start of the first hour that a chart shows."""
    return (now // HOUR - DAYS * 24 + 1) * HOUR


async def key_rows(visit: SignedInRequest, keys: list[Key]) -> list[KeyRow]:
    now = visit.clock()
    used = await visit.engine.store.read(usage_of([key.id for key in keys], use_since(now))) if keys else {}
    return [
        KeyRow(key, use := used.get(key.id), Chart.of(use.hours if use else {}, now, days=DAYS, bars=_BARS))
        for key in keys
    ]
