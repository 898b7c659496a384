"""The engine, which every operation uses: a store and the sealer of its secrets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.sealing.ring import KeyRingReloader
from sunshine_keys.sealing.sealer import Sealer, UnknownSealingKey
from sunshine_keys.store import Origin, Store
from sunshine_keys.store.change import Change, Idempotency
from sunshine_keys.store.sealing import SealingKeyChanged, answer_owner

V = TypeVar("V")

_ATTEMPTS = 3
"""A change that meets a rotation succeeds at the second attempt, unless another rotation follows at once."""


class Pending(msgspec.Struct, frozen=True):
    """The events that webhooks have not accepted yet: their number, and the age of the oldest in seconds."""

    events: int
    oldest_seconds: float


class Mounted(Protocol):
    """The conversation plane of an engine. It is imported and opened at its first use."""

    @property
    def has_simulator(self) -> bool:
        """True if requests may act for people."""
        ...

    @property
    def opened(self) -> Any:
        """The plane; None before its first use."""
        ...

    async def plane(self, engine: Engine) -> Any:
        """Return the plane (`sunshine_messaging.plane.Plane`). Raises StoreUnavailable."""

    async def file(self, engine: Engine, request: Any, id: str, name: str) -> Any:
        """Return an uploaded file as a `wire.answers.Stream`. Raises AttachmentNotFound, RangeNotSatisfiable."""

    async def app_deleted(self, engine: Engine, app_id: str) -> None:
        """Delete everything that the plane holds of an app."""

    def new_target(self, webhook_id: str, target: str) -> None:
        """Send a HEAD to the new target of a webhook, in the background. The log has the outcome."""

    def attempts(self) -> dict[str, int]:
        """Return the number of this process's calls of webhooks, by outcome."""
        ...

    async def pending(self) -> Pending | None:
        """Return what webhooks have not accepted yet; None while the plane is not in use, or its store cannot be read."""
        ...

    async def resume(self, engine: Engine) -> None:
        """Open the plane once any process has used it, so that this one finishes what others begin."""

    async def close(self) -> None: ...


class Engine(msgspec.Struct, frozen=True):
    """A store, the sealer of its secrets, the reloader of the sealer's ring and, if there is one, the conversation plane."""

    store: Store
    sealer: Sealer
    reloader: KeyRingReloader
    messaging: Mounted | None = None

    async def close(self) -> None:
        """Close the conversation plane and the store."""
        if self.messaging is not None:
            await self.messaging.close()
        await self.store.close()

    async def delete_app(self, origin: Origin, change: Change[None]) -> None:
        """Apply `change`, which deletes an app, and delete the app's conversations. Raises the change's own errors.

        If the process ends in between, the plane deletes them when it is opened next.
        """
        await self.store.transact(origin, change)
        if self.messaging is not None:
            await self.messaging.app_deleted(self, change.resource.rpartition("/")[2])

    async def create(self, origin: Origin, build: Callable[[Sealer], tuple[Change[Any], V]]) -> V | msgspec.Raw:
        """Apply the change that `build` returns, and return the view that `build` returns with it.

        `build` seals the secrets of the new objects. If the store has another current sealing key by then, this reloads the
        ring and calls `build` again. If `origin.idempotency` was applied before, this changes nothing, and returns the
        stored answer as JSON. Answers are stored sealed, because they hold secrets.

        Raises errors.Conflict if `origin.idempotency` names a different request, StoreUnavailable, and the change's own
        errors.
        """

        async def attempt() -> V | msgspec.Raw:
            change, view = build(self.sealer)
            if origin.idempotency is not None:
                return await self._apply_once(origin, origin.idempotency, change, view)
            await self.store.transact(origin, change)
            return view

        return await self._sealing(attempt)

    async def transact_sealed(self, origin: Origin, build: Callable[[Sealer], Change[V]]) -> V:
        """Apply the change that `build` returns, and return its result.

        `build` seals the secrets of the new objects, as for `create`. Raises StoreUnavailable, and the change's own errors.
        """
        return await self._sealing(lambda: self.store.transact(origin, build(self.sealer)))

    async def _sealing(self, attempt: Callable[[], Awaitable[V]]) -> V:
        """Make attempts until the sealer uses the store's current sealing key. Raises StoreUnavailable."""
        for _ in range(_ATTEMPTS):
            try:
                return await attempt()
            except SealingKeyChanged as changed:
                await self.reloader.require(changed.current)
                self.sealer.use(changed.current)
        raise StoreUnavailable

    async def _apply_once(
        self, origin: Origin, idempotency: Idempotency, change: Change[Any], view: V
    ) -> V | msgspec.Raw:
        """Apply the change unless it was applied before. Return `view`, or the stored answer."""
        owner_id = answer_owner(idempotency.id)
        answer = self.sealer.seal(msgspec.json.encode(view).decode(), owner_id)
        stored = await self.store.transact_once(origin, change, answer)
        return view if stored is None else msgspec.Raw((await self.unseal(stored, owner_id)).encode())

    def new_target(self, webhook_id: str, target: str) -> None:
        """Send a HEAD to the new target of a webhook, in the background."""
        if self.messaging is not None:
            self.messaging.new_target(webhook_id, target)

    async def unseal(self, sealed: bytes, owner_id: str) -> str:
        """Return the secret in `sealed`. Reloads the ring once if it lacks the sealing key.

        Raises StoreUnavailable, SealError.
        """
        try:
            return self.sealer.open(sealed, owner_id)
        except UnknownSealingKey as unknown:
            await self.reloader.require(unknown.key_id)
            return self.sealer.open(sealed, owner_id)
