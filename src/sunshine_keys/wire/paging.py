"""Cursor pagination: `page[after]` or `page[before]`, `page[size]`; and what a page's answer says of its neighbours."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.store.page import Page

Query = dict[str, str]


def nested(query: Query, name: str) -> Query:
    """The parameters `name[…]`. One JSON object under `name` is taken too: so the official Python client sends it."""
    prefix = f"{name}["
    found = {key[len(prefix) : -1]: value for key, value in query.items() if key.startswith(prefix) and key[-1] == "]"}
    if name in query:
        try:
            given = msgspec.json.decode(query[name], type=dict[str, str | int])
        except (msgspec.DecodeError, RecursionError):
            raise BadRequest("Invalid query parameters") from None
        found = {key: str(value) for key, value in given.items()} | found
    return found


def page(query: Query, title: str) -> Page:
    """Raises BadRequest(`title`) for a cursor that is none, both cursors at once, or a size outside 1 to 100."""
    given = nested(query, "page")
    after, before, size = given.get("after"), given.get("before"), given.get("size", "25")
    if after is not None and before is not None:
        raise BadRequest(title)
    if any(cursor is not None and not OBJECT_ID.fullmatch(cursor) for cursor in (after, before)):
        raise BadRequest(title)
    if not (size.isascii() and size.isdigit() and len(size) <= 3 and 1 <= int(size) <= 100):
        raise BadRequest(title)
    return Page(after, before, int(size))


def neighbours(url: str, page: Page, query: Query, ids: list[str], more: bool) -> dict[str, Any]:
    """The `meta` and `links` of a page that holds `ids`; `more` as seen in the direction asked for."""
    meta: dict[str, Any] = {"hasMore": more}
    links: dict[str, str] = {}
    before, after = page.neighbours(ids, more)
    if after:
        meta["afterCursor"] = after
        links["next"] = _link(url, query, page.size, "after", after)
    if before:
        meta["beforeCursor"] = before
        links["prev"] = _link(url, query, page.size, "before", before)
    return {"meta": meta, "links": links} if links else {"meta": meta}


def _link(url: str, query: Query, size: int, direction: str, cursor: str) -> str:
    kept = {key: value for key, value in query.items() if not key.startswith("page")}
    parameters = kept | {"page[size]": str(size), f"page[{direction}]": cursor}
    return (
        url + "?" + "&".join(f"{quote(key, safe='[]')}={quote(value, safe=',')}" for key, value in parameters.items())
    )
