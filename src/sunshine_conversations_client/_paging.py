"""Iteration over the pages of a list, without I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sunshine_conversations_client.exceptions import ApiDecodeError
from sunshine_conversations_client.models._paging import Meta, Page

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Item = TypeVar("Item")


class Walk(Generic[T, Item]):
    """One iteration over the pages of a list, each with at most `size` items.

    `page` is the page to fetch next, or None at the end. A list that goes `backwards` has its newest page first; its
    items then come from the newest to the oldest.
    """

    def __init__(self, items_of: Callable[[T], list[Item] | None], size: int, *, backwards: bool = False) -> None:
        self.page: Page | None = Page(size=size)
        self._items_of = items_of
        self._size = size
        self._backwards = backwards
        self._cursors: set[str] = set()

    def items(self, response: T) -> list[Item]:
        """Return the items of a response in the order of the iteration."""
        items = self._items_of(response) or []
        return items[::-1] if self._backwards else items

    def advance(self, response: Any) -> None:
        """Move to the page that follows the response to `page`. An empty page may be followed by others.

        Raises ApiDecodeError if the response announces another page without a cursor, or with a cursor that has already
        led to a page: the iteration would be incomplete, or would not end.
        """
        meta = response.meta
        if meta is not None and not isinstance(meta, Meta):
            raise _undecodable("the meta of a page should be an object")
        if meta is None or not meta.has_more:
            self.page = None
            return
        items = self.items(response)
        cursor: Any = meta.before_cursor if self._backwards else meta.after_cursor
        cursor = getattr(items[-1], "id", None) if cursor is None and items else cursor
        if not isinstance(cursor, str) or not cursor:
            raise _undecodable("a page announces another one, but has no cursor for it")
        if cursor in self._cursors:
            raise _undecodable("the cursor of the next page has already led to a page, so the list would not end")
        self._cursors.add(cursor)
        self.page = Page(size=self._size, **{"before" if self._backwards else "after": cursor})


def _undecodable(reason: str) -> ApiDecodeError:
    return ApiDecodeError(200, reason)
