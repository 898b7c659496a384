"""The order in which an engine is closed: first its conversation plane, which works in the background, then the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sunshine_keys.store import Store


def closed_in_order(close: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """Return a method `Store.close` that raises AssertionError while a plane still delivers from the store."""

    async def checked(store: Store) -> None:
        assert not any(store in _used(task) for task in asyncio.all_tasks()), (
            "the store is closed, but its conversation plane is not, and works in the background: close the engine"
        )
        await close(store)

    return checked


def _used(task: asyncio.Task[Any]) -> tuple[Store, ...]:
    """Return the stores that the task uses if it is the loop of a deliverer."""
    coroutine: Any = task.get_coro()
    if task.get_name() != "sunshine-delivery" or coroutine.cr_frame is None:
        return ()
    deliverer = coroutine.cr_frame.f_locals["self"]
    return deliverer._store, deliverer._engine.store
