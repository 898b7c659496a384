"""Python client for the Sunshine Conversations API. Every public name is imported on first use."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing for it would triple the time that this import takes
if TYPE_CHECKING:
    from collections.abc import Callable


def _lazy(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package, which import the names of `_names.NAMES` on first use."""
    homes: dict[str, str] = {}

    def names() -> dict[str, str]:
        if not homes:
            from sunshine_conversations_client._names import NAMES

            homes.update({name: module for module, listed in NAMES[package].items() for name in listed.split()})
        return homes

    def get(name: str) -> object:
        if name == "__all__":
            return sorted(public for public in names() if public[0] != "_")
        home = names().get(name)
        if home is not None:
            value: object = getattr(__import__(f"sunshine_conversations_client.{home}", fromlist=[name]), name)
            setattr(sys.modules[package], name, value)
            return value
        if name[0] != "_":
            try:
                return __import__(f"{package}.{name}", fromlist=[name])
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted({*vars(sys.modules[package]), *names()})


__getattr__, __dir__ = _lazy(__name__)
