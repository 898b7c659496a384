"""Verify credentials against the store: a key's id and secret, a token that the key signed, or an access token."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import msgspec

from sunshine_keys.access import tokens
from sunshine_keys.access.actor import Actor
from sunshine_keys.access.credentials import AccessToken, BasicCredentials, Credentials, read_credentials
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.keys.model import CREDENTIAL_ID, Key, moment_text, new_key_id
from sunshine_keys.keys.secrets import new_secret, same_secret, token_hash
from sunshine_keys.store import Store
from sunshine_keys.store.store import CREDENTIALS_REMEMBERED

CACHE_SIZE = 1000
"""The most headers with a token that are cached as accepted, and the most that are cached as rejected."""

CACHED_LENGTH = 1024
"""The longest header that is cached, in characters. One with surplus spaces is not: a key would have any number of headers."""


class _Verdict(msgspec.Struct):
    """The result of verifying credentials that name `key_id` against `key`, the row with that id.

    `may_exist` is False if no key can have that id. `claims` is None unless the credentials are a token. A cached verdict does
    not imply that the row still exists, or that the key has not ended, or the token is valid at this time: all of it is
    checked for each request. From `start` until `end`, in seconds since 1970, the time does not change the result.
    """

    key_id: str
    key: Key | None
    result: Actor | AuthenticationFailure
    claims: dict[str, Any] | None = None
    may_exist: bool = True
    start: float = math.inf
    end: float = -math.inf

    def holds_for(self, key: Key | None) -> bool:
        """Return True if the verdict is about this row.

        The whole row is compared: a key may be deleted and restored with the same secret, but for another owner.
        """
        return key == self.key


class Authenticator:
    """Verifies credentials. If a key does not exist, it does the same work on a decoy.

    Verdicts are cached by the header's text. Without the cache, reading and verifying credentials takes 3 µs for a
    secret and 10 µs for a token, of the 30 µs that a request takes. Failures are cached as well: otherwise the time
    would show whether a key exists. (On PostgreSQL it may show that: missing keys are read from the database each time.)

    Failures are returned instead of raised, because raising one through the callers took 5 µs.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        """`clock` returns the time in seconds since 1970."""
        self._clock = clock
        self._engine = engine
        self._store: Store = engine.store
        self._secrets: dict[str, _Verdict] = {}
        self._tokens: dict[str, _Verdict] = {}
        self._rejected: dict[str, _Verdict] = {}
        decoy_id, secret = new_key_id(Scope.INTEGRATION), new_secret()
        self._decoy = Key(decoy_id, Scope.INTEGRATION, None, None, "", engine.sealer.seal(secret, decoy_id))

    @property
    def cached(self) -> tuple[int, int]:
        """The numbers of headers that are cached as accepted and as rejected."""
        return len(self._secrets) + len(self._tokens), len(self._rejected)

    async def authenticate(self, header: str) -> Actor | AuthenticationFailure:
        """Return the actor that an Authorization header authenticates, or the failure.

        Raises StoreUnavailable, SealError.
        """
        verdict = self._secrets.get(header) or self._tokens.get(header) or self._rejected.get(header)
        if verdict is not None:
            known = verdict.key
            key = await self._store.credential(verdict.key_id) if verdict.may_exist else None
            if key is known or verdict.holds_for(key):
                verdict.key = key
                if verdict.start <= self._clock() < verdict.end:
                    return verdict.result
                return self._result_now(verdict)
            for verdicts in (self._secrets, self._tokens, self._rejected):
                verdicts.pop(header, None)
        credentials = read_credentials(header)
        if isinstance(credentials, AuthenticationFailure):
            return credentials
        verdict = await self._verify(credentials)
        result = self._result_now(verdict)
        if len(header) <= CACHED_LENGTH and header == " ".join(header.split()):
            self._cache(header, verdict, result)
        return result

    async def authenticate_secret(self, key_id: str, secret: str) -> Actor | AuthenticationFailure:
        """Return the actor of the key `key_id` if `secret` is its secret, else the failure. Nothing is cached.

        Raises StoreUnavailable, SealError.
        """
        return self._result_now(await self._verify(BasicCredentials(key_id, secret)))

    async def authenticate_link(self, token: str) -> Actor | AuthenticationFailure:
        """Return the actor of the key that signed the token of a sign-in link, else the failure. Nothing is cached.

        The token is a JSON Web Token that expires within `tokens.LINK_SECONDS`. Raises StoreUnavailable, SealError.
        """
        unverified = tokens.read_token(token)
        if isinstance(unverified, AuthenticationFailure):
            return unverified
        verdict = await self._verify(unverified)
        result = self._result_now(verdict)
        if isinstance(result, AuthenticationFailure) or verdict.claims is None:
            return result
        return tokens.check_link_claims(verdict.claims, result.key_id, self._clock()) or result

    async def _verify(self, credentials: Credentials) -> _Verdict:
        """Verify credentials without the cache. Do not check the times of a token."""
        key_id = credentials.key_id
        key = await self._key(key_id)
        # The secret of an access token's row is a hash, which must not pass for the secret of a key.
        fits = key is not None and key.is_token == isinstance(credentials, AccessToken)
        row = key if key is not None and fits else self._decoy
        secret = await self._engine.unseal(row.sealed_secret, row.id)
        if isinstance(credentials, AccessToken):
            if not same_secret(token_hash(credentials.secret), secret) or not fits:
                return _Verdict(key_id, key, AuthenticationFailure(Reason.WRONG_ACCESS_TOKEN, key_id))
            return _Verdict(key_id, key, Actor.of(row))
        if isinstance(credentials, BasicCredentials):
            if not same_secret(credentials.secret, secret) or not fits:
                return _Verdict(key_id, key, AuthenticationFailure(Reason.WRONG_SECRET, key_id))
            return _Verdict(key_id, key, Actor.of(row))
        claims = tokens.read_claims(credentials, secret)
        if isinstance(claims, AuthenticationFailure):
            return _Verdict(key_id, key, claims)
        if not fits:
            return _Verdict(key_id, key, AuthenticationFailure(Reason.WRONG_SIGNATURE, key_id))
        return _Verdict(key_id, key, Actor.of(row), claims)

    async def _key(self, key_id: str) -> Key | None:
        """Read a key or an access token. Text without the form of its id never reaches the store: PostgreSQL accepts no NUL in a text."""
        return await self._store.credential(key_id) if CREDENTIAL_ID.fullmatch(key_id) else None

    def _cache(self, header: str, verdict: _Verdict, result: Actor | AuthenticationFailure) -> None:
        """Cache a verdict whose result at this time is `result`."""
        verdict.may_exist = CREDENTIAL_ID.fullmatch(verdict.key_id) is not None
        if verdict.key is None or verdict.key.expires_at is None:
            if verdict.claims is None:
                verdict.start, verdict.end = -math.inf, math.inf
            elif isinstance(result, Actor):
                verdict.start, verdict.end = tokens.period(verdict.claims)
        if isinstance(verdict.result, AuthenticationFailure):
            verdicts, most = self._rejected, CACHE_SIZE
        elif verdict.claims is None:
            verdicts, most = self._secrets, CREDENTIALS_REMEMBERED
        else:
            verdicts, most = self._tokens, CACHE_SIZE
        if len(verdicts) >= most:
            verdicts.clear()
        verdicts[header] = verdict

    def _result_now(self, verdict: _Verdict) -> Actor | AuthenticationFailure:
        """Return the verdict's result, or a failure if its key has ended, or its token is not valid at this time."""
        actor, key = verdict.result, verdict.key
        if isinstance(actor, AuthenticationFailure):
            return actor
        if key is not None and key.expires_at is not None and key.has_ended(self._store.now()):
            reason = Reason.WRONG_SECRET if verdict.claims is None else Reason.WRONG_SIGNATURE
            return AuthenticationFailure(reason, key.id, cause=f"the key ended {moment_text(key.expires_at)}")
        if verdict.claims is None:
            return actor
        return tokens.check_claims(verdict.claims, actor.key_id, actor.scope, self._clock()) or actor
