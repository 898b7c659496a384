"""JSON of objects that have a secret."""

from __future__ import annotations

import msgspec


class SecretView(msgspec.Struct, frozen=True, rename="camel"):
    """Base of the JSON of objects with a secret. Its repr shows the id alone."""

    id: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, …)"
