"""What every handler of the plane uses: its store, its clock, and the store of keys beside it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.table import read_app
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Unauthorized
from sunshine_keys.store import Store
from sunshine_keys.store.change import Change, Origin
from sunshine_keys.webhooks.table import read_webhooks_of_app
from sunshine_keys.wire.answers import Replay
from sunshine_keys.wire.operation import Call
from sunshine_messaging.attachments.files import Chunks, Files, Folder
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import read_conversation
from sunshine_messaging.delivery.deliverer import Deliverer, DeliverySettings
from sunshine_messaging.events.audience import AnnouncedChange, Audience
from sunshine_messaging.events.model import Form, Listener
from sunshine_messaging.switchboards.model import Switchboard
from sunshine_messaging.switchboards.table import read_switchboard

R = TypeVar("R")

INVALID_PAGE = "Invalid page query parameters"
"""The title for an invalid cursor or size (documented)."""


class Plane:
    """The plane's store beside an engine, which holds the keys and the apps."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        delivery: DeliverySettings = DeliverySettings(),  # noqa: B008 - it is frozen
        clock: Callable[[], float] = time.time,
        *,
        folder: Path | None = None,
        has_simulator: bool = False,
    ) -> None:
        """`clock` returns the time in seconds since 1970. With `has_simulator`, requests may act for people.

        `folder` holds the files of attachments. Without one, they are in the database.
        """
        self.engine = engine
        self.store = store
        self.clock = clock
        self.has_simulator = has_simulator
        self._ahead = 0
        self.files: Files = Chunks(store) if folder is None else Folder(folder, store)
        self.deliverer = Deliverer(engine, store, self.now, delivery)

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return int((self.clock() + self._ahead) * 1000)

    def advance(self, seconds: int) -> None:
        """Move the clock forward."""
        self._ahead += seconds

    async def do_due_work(self) -> None:
        """Do what is due by the clock. Raises StoreUnavailable."""
        await self.deliverer.tick()

    async def require_app(self, call: Call) -> None:
        """Raise AppNotFound if the app in the path does not exist. The app of an app's or integration's key exists."""
        if call.actor.scope is Scope.ACCOUNT:
            await read_app(self.engine.store, call.ids["appId"])

    async def conversation(self, call: Call) -> Conversation:
        """Return the conversation in the path. Raises AppNotFound, ConversationNotFound."""
        await self.require_app(call)
        return await read_conversation(self.store, call.ids["appId"], call.ids["conversationId"])

    async def switchboard(self, app_id: str) -> Switchboard | None:
        """Return the app's switchboard with its entries; None if there is none, or it is disabled."""
        return await read_switchboard(self.store, app_id)

    async def change(self, call: Call, change: Change[R]) -> R:
        """Apply `change`. Raises Unauthorized if the key has been deleted since it authenticated the request."""
        await self._require(call)
        # Only creates have an Idempotency-Key; a POST that creates nothing ignores it.
        origin = Origin(call.actor.key_id, call.request.source, call.request.id)
        return await self.announce(origin, call.ids["appId"], change)

    async def announce(self, origin: Origin, app_id: str, change: Change[R]) -> R:
        """Apply `change`, and deliver the events that it raises."""
        change, listeners = await self._with_audience(app_id, change)
        result = await self.store.transact(origin, change)
        self.deliverer.wake(listeners)
        return result

    async def create(self, call: Call, change: Change[bytes]) -> msgspec.Raw | Replay:
        """Apply `change`, and return its answer, or the stored answer of the same create. Raises what `change` does."""
        await self._require(call)
        change, listeners = await self._with_audience(call.ids["appId"], change)
        answer, is_replay = await self.store.transact_answer(call.origin, change)
        self.deliverer.wake(listeners)
        return Replay(msgspec.Raw(answer)) if is_replay else msgspec.Raw(answer)

    async def _with_audience(self, app_id: str, change: Change[R]) -> tuple[Change[R], Sequence[Listener]]:
        if not isinstance(change, AnnouncedChange):
            return change, ()
        webhooks = await read_webhooks_of_app(self.engine.store, app_id)
        listeners = tuple(
            Listener(
                webhook.id,
                webhook.integration_id,
                webhook.triggers,
                Form(webhook.include_full_user, webhook.include_full_source),
            )
            for webhook in webhooks
        )
        switchboard = await self.switchboard(app_id) if listeners or change.needs_switchboard else None
        audience = Audience(app_id, self.deliverer.process, self.now(), listeners, switchboard)
        return msgspec.structs.replace(change, audience=audience), listeners

    async def _require(self, call: Call) -> None:
        await self.require_app(call)
        key = await self.engine.store.credential(call.actor.key_id)
        if key is None or key.has_ended(self.engine.store.now()):
            raise Unauthorized


Handler: TypeAlias = Callable[[Any, Call], Awaitable[Any]]
Handlers: TypeAlias = dict[str, Handler]
