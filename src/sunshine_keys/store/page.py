"""The part of a list that a request selects, and the cursors of its neighbours."""

from __future__ import annotations

import msgspec


class Page(msgspec.Struct, frozen=True):
    """A page by its cursor: at most one of `after` and `before` is set, and the size is 1 to 100."""

    after: str | None = None
    before: str | None = None
    size: int = 25

    def neighbours(self, ids: list[str], more: bool) -> tuple[str | None, str | None]:
        """Return the cursors of the pages before and after this one, which holds `ids`; None for a page that does not exist.

        `more` is True if the list continues in the direction of the request.
        """
        if not ids:
            return None, None
        has_before, has_after = (self.after is not None, more) if self.before is None else (more, True)
        return ids[0] if has_before else None, ids[-1] if has_after else None
