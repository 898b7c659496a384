"""Admit requests: count them against the rate limits, authenticate and authorise them, and record refusals.

This is the only module that turns an authentication failure into an exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.authentication import Authenticator
from sunshine_keys.access.authorisation import authorise
from sunshine_keys.access.failures import AuthenticationFailure
from sunshine_keys.access.refusals import Refusals
from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Forbidden, ServiceError, TooManyRequests, Unauthorized
from sunshine_keys.store import Origin
from sunshine_keys.wire.limits import NO_LIMITS, Limiter, RateLimits
from sunshine_keys.wire.request import Request


class Admission:
    """The rate limits, cached credentials and recorded refusals of one process. The API and the console share an instance."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time, limits: RateLimits = NO_LIMITS) -> None:
        """`clock` returns the time in seconds since 1970."""
        self._limiter = Limiter(limits)
        self._authenticator = Authenticator(engine, clock)
        self._refusals = Refusals(engine.store)
        self.limits_requests = self._limiter.sources is not None
        """True if `admit_request` may refuse."""

    def admit_request(self, source: str, request_id: str) -> None:
        """Count a request from an address. Raises TooManyRequests."""
        try:
            self._limiter.admit_request(source)
        except TooManyRequests as error:
            self._explain(source, request_id, "", error)
            raise

    def admit_key(self, key_id: str, source: str, request_id: str) -> None:
        """Count a request with a key that has authenticated. Raises TooManyRequests."""
        try:
            self._limiter.admit_key(key_id)
        except TooManyRequests as error:
            self._explain(source, request_id, key_id, error)
            raise

    def admit_credentials(self, source: str, request_id: str, key_id: str) -> None:
        """Check that credentials from an address may be verified. Raises TooManyRequests."""
        try:
            self._limiter.admit_credentials(source)
        except TooManyRequests as error:
            self._explain(source, request_id, key_id, error)
            raise

    def _explain(self, source: str, request_id: str, key_id: str, error: ServiceError) -> None:
        self._refusals.explain(Origin(None, source, request_id), key_id, error)

    async def authenticate(self, request: Request) -> Actor:
        """Return the key that the request authenticates with. Raises Unauthorized, TooManyRequests."""
        if self._limiter.failing_sources.has_empty:
            self.admit_credentials(request.source, request.id, "")
        return self._admitted(
            await self._authenticator.authenticate(request.authorization()), request.source, request.id
        )

    async def authenticate_secret(self, source: str, request_id: str, key_id: str, secret: str) -> Actor:
        """Return the key `key_id` if `secret` is its secret. Raises Unauthorized, TooManyRequests."""
        self.admit_credentials(source, request_id, key_id)
        return self._admitted(await self._authenticator.authenticate_secret(key_id, secret), source, request_id)

    async def authenticate_link(self, source: str, request_id: str, token: str) -> Actor:
        """Return the key that signed the token of a sign-in link. Raises Unauthorized, TooManyRequests."""
        self.admit_credentials(source, request_id, "")
        return self._admitted(await self._authenticator.authenticate_link(token), source, request_id)

    def _admitted(self, result: Actor | AuthenticationFailure, source: str, request_id: str) -> Actor:
        """Return the actor of a result, and count its request. Raises Unauthorized, TooManyRequests."""
        if isinstance(result, AuthenticationFailure):
            raise self.refuse(result, source, request_id)
        if self._limiter.keys is not None:
            self.admit_key(result.key_id, source, request_id)
        return result

    def refuse(self, failure: AuthenticationFailure, source: str, request_id: str) -> Unauthorized:
        """Count and record a failure, and return its error. Raises TooManyRequests if there have been too many."""
        error = failure.error
        if failure.key_id is not None:
            self._refusals.add(Origin(None, source, request_id), failure.key_id, error)
            self._limiter.count_failure(source, failure.key_id)
        else:
            self._explain(source, request_id, "", error)
        return error

    def authorise(
        self,
        actor: Actor,
        source: str,
        request_id: str,
        scopes: frozenset[Scope],
        app_id: str | None,
        integration_id: str | None,
    ) -> None:
        """Raise Forbidden, and record it, unless `actor` has one of `scopes` and owns the app and the integration."""
        try:
            authorise(actor, scopes, app_id, integration_id)
        except Forbidden as error:
            self._refusals.add(Origin(actor.key_id, source, request_id), actor.key_id, error)
            raise

    async def close(self) -> None:
        """Write the refusals that have been counted but not yet recorded."""
        await self._refusals.close()
