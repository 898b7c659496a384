"""`sunshine-keys` with a broken promise: a DELETE is answered without waiting for the other nodes."""

from __future__ import annotations

from typing import Any

from sunshine_keys.cli import main
from sunshine_keys.store.postgres.authority import Authority


async def at_once(*_: Any) -> None:
    return


Authority.followed = at_once  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
