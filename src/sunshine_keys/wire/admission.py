"""Who is let in: rate limits, credentials, and what a key may do. The audit trail is told of what was refused."""

from __future__ import annotations

import time
from collections.abc import Callable

from sunshine_keys.access.authentication import Actor, Authenticator, authorise
from sunshine_keys.access.credentials import authenticate
from sunshine_keys.access.refusals import Refusals
from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Forbidden, Unauthorized
from sunshine_keys.store import Origin
from sunshine_keys.wire.limits import NO_LIMITS, Limiter, RateLimits
from sunshine_keys.wire.request import Request


class Admission:
    """Of one process: the API and the console count against the same limits."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time, limits: RateLimits = NO_LIMITS) -> None:
        self._limiter = Limiter(limits)
        self._authenticator = Authenticator(engine, clock)
        self._refusals = Refusals(engine.store)

    def admit_request(self, source: str) -> None:
        """Count a request of an address. Raises TooManyRequests."""
        self._limiter.admit_request(source)

    def admit_key(self, key_id: str) -> None:
        """Count a request of a key that has authenticated. Raises TooManyRequests."""
        self._limiter.admit_key(key_id)

    async def by_header(self, request: Request) -> Actor:
        """The key that a request authenticates with. Raises Unauthorized, TooManyRequests."""
        self._limiter.admit_credentials(request.source)
        try:
            authorization = request.authorization()
            actor = await self._authenticator.again(authorization)
            if actor is None:
                actor = await authenticate(self._authenticator, authorization)
        except Unauthorized as error:
            actor = error
        if isinstance(actor, Unauthorized):
            self._failed(request.source, request.id, actor)
            raise actor
        self._limiter.admit_key(actor.key_id)
        return actor

    async def by_secret(self, source: str, request_id: str, key_id: str, secret: str) -> Actor:
        """The key of this id, where the secret is its own. Raises Unauthorized, TooManyRequests."""
        self._limiter.admit_credentials(source)
        try:
            actor = await self._authenticator.by_secret(key_id, secret)
        except Unauthorized as error:
            self._failed(source, request_id, error)
            raise
        self._limiter.admit_key(actor.key_id)
        return actor

    def _failed(self, source: str, request_id: str, error: Unauthorized) -> None:
        """Raises TooManyRequests where there have been too many."""
        if error.key_id is not None:
            self._refusals.refused(Origin(None, source, request_id), error.key_id, error)
            self._limiter.count_failure(source, error.key_id)

    def authorise(
        self,
        actor: Actor,
        source: str,
        request_id: str,
        scopes: frozenset[Scope],
        app_id: str | None,
        integration_id: str | None,
    ) -> None:
        """Raises Forbidden unless the key is of one of `scopes`, and owns what is named."""
        try:
            authorise(actor, scopes, app_id, integration_id)
        except Forbidden as error:
            self._refusals.refused(Origin(actor.key_id, source, request_id), actor.key_id, error)
            raise

    async def close(self) -> None:
        """Have written what the audit trail is still to be told."""
        await self._refusals.close()
