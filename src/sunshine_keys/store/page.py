"""Which part of a list a request asks for."""

from __future__ import annotations

import msgspec


class Page(msgspec.Struct, frozen=True):
    """A cursor-paginated request: at most one of `after` and `before`, and a size of 1 to 100."""

    after: str | None = None
    before: str | None = None
    size: int = 25

    def neighbours(self, ids: list[str], more: bool) -> tuple[str | None, str | None]:
        """Return the cursors of the pages before and after this one, which holds `ids`; None where no page exists.

        `more` is True if the list goes on in the direction that was asked for.
        """
        if not ids:
            return None, None
        has_before, has_after = (self.after is not None, more) if self.before is None else (more, True)
        return ids[0] if has_before else None, ids[-1] if has_after else None
