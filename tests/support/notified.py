"""A target of notifications in memory, and what the tests of the notifier share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from sunshine_keys.access.scopes import Scope
from sunshine_keys.ids import new_object_id
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.notifying import position as positions
from sunshine_keys.notifying.events import Event
from sunshine_keys.notifying.notifier import Notifier
from sunshine_keys.notifying.position import Position
from sunshine_keys.notifying.targets import NotSent
from sunshine_keys.store import OPERATOR, Origin, Store, audit
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from support.stores import SEALING_KEY_ID


class Recorder:
    """A target that records events, unless `refuse` raises."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.attempts = 0
        self.failure: NotSent | None = None
        self.before: Callable[[], Awaitable[None]] | None = None

    async def send(self, event: Event) -> str:
        self.attempts += 1
        if self.before is not None:
            await self.before()
        if self.failure is not None:
            raise self.failure
        self.events.append(event)
        return "recorded"

    async def close(self) -> None: ...

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


class Clock:
    """A clock in seconds since 1970 that a test moves."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def __call__(self) -> float:
        return self.seconds


async def begun(store: Store, target: Recorder, clock: Callable[[], float] | None = None) -> Notifier:
    """Return a notifier that has begun at the end of the trail."""
    notifier = Notifier(store, target, now=clock)
    await notifier.tick()
    return notifier


async def new_key(store: Store, name: str = "new", origin: Origin = OPERATOR) -> Key:
    """Create an account key, whose seal is not a real one."""
    key = Key(f"act_{new_object_id()}", Scope.ACCOUNT, None, None, name, bytes.fromhex(SEALING_KEY_ID) + b"...")
    return await store.transact(origin, CreateKey(key))


async def delete(store: Store, key: Key) -> None:
    await store.transact(OPERATOR, DeleteKey(key.app_id, key.integration_id, key.id, even_last=True))


class _Append(Change[None], frozen=True):
    action = "test.append"
    audited = False
    entry: audit.Entry

    def apply(self) -> Statements[None]:
        yield audit.insert([self.entry])


async def append(store: Store, action: str, resource: str, note: str = "") -> None:
    """Add an entry of any action to the trail, while nobody else writes."""
    change: Any = SimpleNamespace(action=action, resource=resource, note_on=lambda _result: note)
    entry = (await store.read(audit.read_head())).next(OPERATOR, change, audit.DONE, audit.now())
    await store.transact(OPERATOR, _Append(entry))


async def position_of(store: Store) -> Position:
    position = await store.read(positions.read())
    assert position is not None
    return position


async def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until `is_so` returns True. Fails after some time."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.01)
