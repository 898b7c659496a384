"""Cursor pagination."""

from __future__ import annotations

from sunshine_conversations_client._model import Model


class Page(Model):
    """A page asked for: `after` or `before` a cursor, never both, and of `size` 1 to 100 (25 if unset)."""

    after: str | None = None
    before: str | None = None
    size: int | None = None


class Meta(Model):
    """What there is around a page."""

    has_more: bool | None = None
    after_cursor: str | None = None
    before_cursor: str | None = None


class Links(Model):
    """The neighbouring pages' URLs."""

    prev: str | None = None
    next: str | None = None
