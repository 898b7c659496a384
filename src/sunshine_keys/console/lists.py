"""Lists: a page of one, and a search through all of it."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.ids import DISPLAY_NAME_LENGTH
from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Statements

SEARCHED = 20_000
"""The most objects that one request searches: 100 ms of a worker's time, in parts between which it serves others."""

_AT_ONCE = 500
_SHORT = 5
"""A list of so few objects needs no search."""


class Identified(Protocol):
    """An object with an id."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Identified)


class Pager(msgspec.Struct, frozen=True):
    """Links to the pages before and after; empty if there is none."""

    before: str
    after: str

    @classmethod
    def of(cls, path: str, search: str, before: str | None, after: str | None) -> Pager:
        """`before` and `after` are the cursors of these pages; None if there is none."""
        query = {"search": search} if search else {}
        return cls(
            f"{path}?{urlencode(query | {'before': before})}" if before else "",
            f"{path}?{urlencode(query | {'after': after})}" if after else "",
        )


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. `search` is the text that every item's name or id contains; empty for the whole list.

    `is_searchable` is False for a list that is so short that it needs no search. `is_partial` is True if the search ended
    before it found a whole page, because it had read enough objects.
    """

    path: str
    items: list[T]
    pager: Pager
    search: str
    is_searchable: bool
    is_partial: bool = False


async def listed(
    visit: SignedInRequest,
    path: str,
    read: Callable[[Page], Statements[tuple[list[T], bool]]],
    name_of: Callable[[T], str],
) -> Listed[T]:
    """Return the part of a list that the query asks for. `read` reads a page of the whole list, and if more follow."""
    page = visit.page()
    search = visit.request.query_params.get("search", "").strip()[:DISPLAY_NAME_LENGTH]
    if search:
        items, before, after, is_partial = await _search(visit, page, read, name_of, search)
        return Listed(path, items, Pager.of(path, search, before, after), search, True, is_partial)
    items, more = await visit.engine.store.read(read(page))
    pager = Pager.of(path, "", *page.neighbours([item.id for item in items], more))
    return Listed(path, items, pager, "", len(items) > _SHORT or pager != Pager("", ""))


async def _search(
    visit: SignedInRequest,
    page: Page,
    read: Callable[[Page], Statements[tuple[list[T], bool]]],
    name_of: Callable[[T], str],
    search: str,
) -> tuple[list[T], str | None, str | None, bool]:
    """Return a page of the matches, the cursors of its neighbours, and True if the search ended early."""
    wanted, is_backward = _folded(search), page.before is not None
    matches: list[T] = []
    part, is_unread, searched = Page(page.after, page.before, _AT_ONCE), True, 0
    while is_unread and len(matches) <= page.size and searched < SEARCHED:
        items, is_unread = await visit.engine.store.read(read(part))
        matches += [
            item for item in (items[::-1] if is_backward else items) if _matches(item.id, name_of(item), wanted)
        ]
        searched += len(items)
        if items:
            part = Page(None, items[0].id, _AT_ONCE) if is_backward else Page(items[-1].id, None, _AT_ONCE)
        await asyncio.sleep(0)  # let the worker serve other requests
    is_partial = is_unread and len(matches) <= page.size
    more, shown = len(matches) > page.size, matches[: page.size]
    if is_backward:
        shown.reverse()
    before, after = page.neighbours([item.id for item in shown], more)
    if is_partial:
        before, after = (part.before, after) if is_backward else (before, part.after)
    return shown, before, after, is_partial


def _matches(id: str, name: str, wanted: str) -> bool:
    return wanted in id or wanted in _folded(name)


def _folded(text: str) -> str:
    """Return a text without differences of case and of composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
