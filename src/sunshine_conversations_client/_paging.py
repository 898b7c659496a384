"""The cursor of the page that follows another."""

from __future__ import annotations

from typing import Any

from sunshine_conversations_client.models._paging import Page


def page_after(response: Any, items: list[Any] | None, page: Page) -> Page | None:
    """Return the page that follows the response to `page`, or None if it was the last or the cursor does not move."""
    meta = response.meta
    if meta is None or not meta.has_more or not items:
        return None
    cursor = meta.after_cursor or items[-1].id
    return None if cursor is None or cursor == page.after else Page(size=page.size, after=cursor)
