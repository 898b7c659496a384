"""Cursor pagination: read `page[after]`, `page[before]` and `page[size]`; write `meta` and `links`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.store.page import Page

Query = dict[str, str]


def nested(query: Query, name: str) -> Query:
    """Return the parameters `name[…]` by the text in brackets.

    One JSON object under `name` is accepted too: the official Python client sends that. Raises BadRequest if it is malformed.
    """
    prefix = f"{name}["
    fields = {key[len(prefix) : -1]: value for key, value in query.items() if key.startswith(prefix) and key[-1] == "]"}
    if name in query:
        try:
            sent = msgspec.json.decode(query[name], type=dict[str, str | int])
        except (msgspec.DecodeError, RecursionError):
            raise BadRequest("Invalid query parameters") from None
        fields = {key: str(value) for key, value in sent.items()} | fields
    return fields


LARGEST = 2**53 - 1
"""Up to this integer, every reader of JSON reads the same number."""


def digits(text: str) -> int | None:
    """Return the number that a text of 1 to 16 digits writes; None for another text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def number(query: Query, name: str, default: int, least: int = 1, most: int = LARGEST) -> int:
    """Return a number in the query, or the default. Raises BadRequest for a number outside of the bounds."""
    if name not in query:
        return default
    value = digits(query[name])
    if value is None or not least <= value <= most:
        raise BadRequest("Invalid query parameters")
    return value


_FIRST = Page()


def page(query: Query, title: str) -> Page:
    """Return the requested page. Raises BadRequest(`title`) for a malformed cursor, two cursors, or a size outside 1 to 100."""
    if not query:
        return _FIRST
    fields = nested(query, "page")
    after, before, size = fields.get("after"), fields.get("before"), fields.get("size", "25")
    if after is not None and before is not None:
        raise BadRequest(title)
    if any(cursor is not None and not OBJECT_ID.fullmatch(cursor) for cursor in (after, before)):
        raise BadRequest(title)
    if not (size.isascii() and size.isdigit() and len(size) <= 3 and 1 <= int(size) <= 100):
        raise BadRequest(title)
    return Page(after, before, int(size))


def neighbours(
    url: str, page: Page, query: Query, ids: list[str], more: bool, *, newest_first: bool = False
) -> dict[str, Any]:
    """Return the `meta` and `links` of a page that holds `ids`, of 24 hex digits each. `more` is True if items follow in the direction of the page.

    With `newest_first`, the page without a cursor is the last one, and its direction is backwards.
    """
    meta: dict[str, Any] = {"hasMore": more}
    links: dict[str, str] = {}
    if newest_first and page.after is None and page.before is None:
        before, after = (ids[0] if more else None), None
    else:
        before, after = page.neighbours(ids, more)
    if after:
        meta["afterCursor"] = after
        links["next"] = _link(url, query, page.size, "after", after)
    if before:
        meta["beforeCursor"] = before
        links["prev"] = _link(url, query, page.size, "before", before)
    return {"meta": meta, "links": links} if links else {"meta": meta}


def _link(url: str, query: Query, size: int, direction: str, cursor: str) -> str:
    others = "".join(
        f"{quote(key, safe='[]')}={quote(value, safe=',')}&"
        for key, value in query.items()
        if not key.startswith("page")
    )
    return f"{url}?{others}page[size]={size}&page[{direction}]={cursor}"
