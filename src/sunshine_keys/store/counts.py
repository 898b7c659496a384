"""How many objects a store holds."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct, frozen=True):
    """How many objects of each resource a store holds. `str` returns them as a phrase, such as `1 app, 2 keys`."""

    apps: int = 0
    integrations: int = 0
    webhooks: int = 0
    keys: int = 0

    def __str__(self) -> str:
        counted = ((getattr(self, name), name) for name in self.__struct_fields__)
        return ", ".join(f"{count} {name.removesuffix('s') if count == 1 else name}" for count, name in counted)
