"""Who is asking: an API key's id and secret, or a token it signed. And whether they may."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from sunshine_keys import tokens
from sunshine_keys.errors import Forbidden, Unauthorized
from sunshine_keys.models import KEY_ID, Key, Scope, new_key_id
from sunshine_keys.secrets import new_secret, same_secret
from sunshine_keys.service.engine import Engine
from sunshine_keys.store import Store

ACCOUNT: Final = frozenset({Scope.ACCOUNT})
APP: Final = frozenset({Scope.ACCOUNT, Scope.APP})
INTEGRATION: Final = frozenset({Scope.ACCOUNT, Scope.APP, Scope.INTEGRATION})

_MOST_REMEMBERED = 1000
_LONGEST_REMEMBERED = 1024

# One title whether the key is unknown, deleted or the secret is wrong: nothing tells which ids exist.
_WRONG_KEY = "Key id or secret is wrong, or the key has been deleted"
_WRONG_SIGNATURE = "JWT was not signed by the key its kid names, or that key has been deleted"


class Actor(msgspec.Struct, frozen=True):
    """The key that authenticated a request: its id, its scope and what it belongs to."""

    key_id: str
    scope: Scope
    app_id: str | None
    integration_id: str | None


class _Proof(msgspec.Struct, frozen=True):
    """That credentials are right for `key`: its secret, or a token of these `claims` that it signed.

    It says nothing of whether there still is such a key, or what time it is: both are looked at each time they come.
    """

    key: Key
    actor: Actor
    claims: dict[str, Any] | None = None


class Authenticator:
    """Verifies credentials against the store; for a key that does not exist it does the same work on a decoy."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._engine = engine
        self._store: Store = engine.store
        decoy_id, secret = new_key_id(Scope.INTEGRATION), new_secret()
        self._proofs: dict[str, _Proof] = {}
        self._decoy = Key(decoy_id, Scope.INTEGRATION, None, None, "", engine.sealer.seal(secret, decoy_id))

    async def again(self, credentials: str) -> Actor | None:
        """Whose credentials these are, if they were right before and still are; None if they are to be looked at anew.

        Reading and verifying them anew takes 3 µs for a secret and 10 for a token, of the 36 that a request takes.
        Raises Unauthorized where a token has expired.
        """
        proof = self._proofs.get(credentials)
        if proof is None:
            return None
        key = await self._store.credential(proof.key.id)
        if key is not proof.key and (key is None or key.sealed_secret != proof.key.sealed_secret):
            self._proofs.pop(credentials, None)
            return None
        if proof.claims is not None:
            tokens.check_claims(proof.claims, proof.key.scope, self._clock())
        return proof.actor

    async def by_secret(self, key_id: str, secret: str, credentials: str = "") -> Actor:
        """Raises Unauthorized unless `secret` is that of the key `key_id`.

        `credentials` is what `again` is to know it by; empty, it does not.
        """
        key = await self._key(key_id)
        kept = key or self._decoy
        matches = same_secret(secret, await self._engine.opened(kept.sealed_secret, kept.id))
        if key is None or not matches:
            raise Unauthorized(_WRONG_KEY)
        return self._proven(credentials, _Proof(key, _actor(key)))

    async def by_token(self, compact: str, credentials: str = "") -> Actor:
        """Raises Unauthorized unless `compact` is a valid token signed by a key there is."""
        token = tokens.read(compact)
        key = await self._key(token.key_id)
        kept = key or self._decoy
        claims = tokens.claims_if_signed_by(await self._engine.opened(kept.sealed_secret, kept.id), token)
        if key is None or claims is None:
            raise Unauthorized(_WRONG_SIGNATURE)
        tokens.check_claims(claims, key.scope, self._clock())
        return self._proven(credentials, _Proof(key, _actor(key), claims))

    async def _key(self, key_id: str) -> Key | None:
        """What cannot be a key's id is not asked for: anyone may send it, and PostgreSQL takes no NUL in a text."""
        return await self._store.credential(key_id) if KEY_ID.fullmatch(key_id) else None

    def _proven(self, credentials: str, proof: _Proof) -> Actor:
        if 0 < len(credentials) <= _LONGEST_REMEMBERED:
            if len(self._proofs) >= _MOST_REMEMBERED:
                self._proofs.clear()
            self._proofs[credentials] = proof
        return proof.actor


def _actor(key: Key) -> Actor:
    return Actor(key.id, key.scope, key.app_id, key.integration_id)


def authorise(actor: Actor, scopes: frozenset[Scope], app_id: str | None, integration_id: str | None) -> None:
    """Raises Forbidden unless `actor` has one of `scopes` and owns the app and the integration that are named.

    Another's app or integration is forbidden whether it exists or not.
    """
    if actor.scope not in scopes:
        needed = " or ".join(sorted(scopes))
        raise Forbidden(cause=f"scope {actor.scope} where {needed} is needed")
    if actor.scope is Scope.ACCOUNT:
        return
    if app_id is not None and app_id != actor.app_id:
        raise Forbidden(cause="the key is for another app")
    if actor.scope is Scope.INTEGRATION and integration_id is not None and integration_id != actor.integration_id:
        raise Forbidden(cause="the key is for another integration")
