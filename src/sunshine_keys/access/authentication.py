"""Who is asking: an API key's id and secret, or a token it signed. And whether they may."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Forbidden, Unauthorized
from sunshine_keys.keys.model import KEY_ID, Key, new_key_id
from sunshine_keys.keys.secrets import new_secret, same_secret
from sunshine_keys.store import Store

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


class _Verdict(msgspec.Struct, frozen=True):
    """What credentials that name `key_id` are worth, with the row that was found by it.

    `actor` is None where they are wrong, as `title` says; `claims` is None where they are not a token. It says nothing of
    whether there still is such a row, or what time it is: both are looked at each time the credentials come.
    """

    key_id: str
    key: Key | None
    actor: Actor | None = None
    claims: dict[str, Any] | None = None
    title: str = ""

    def holds_for(self, key: Key | None) -> bool:
        """All of the row has to be as it was: it may have gone and come again, with this secret, as another's."""
        return key is self.key or key == self.key

    def refusal(self) -> Unauthorized:
        return Unauthorized(self.title, key_id=self.key_id)


class Authenticator:
    """Verifies credentials against the store; for a key that does not exist it does the same work on a decoy."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._engine = engine
        self._store: Store = engine.store
        decoy_id, secret = new_key_id(Scope.INTEGRATION), new_secret()
        self._right: dict[str, _Verdict] = {}
        self._wrong: dict[str, _Verdict] = {}
        self._decoy = Key(decoy_id, Scope.INTEGRATION, None, None, "", engine.sealer.seal(secret, decoy_id))

    async def again(self, credentials: str) -> Actor | Unauthorized | None:
        """What these credentials are worth, if they came before and what was found then still holds; else None.

        Reading and verifying them anew takes 3 µs for a secret and 10 for a token, of the 30 that a request takes. Wrong
        ones are known again as right ones are: else the time would tell whether there is such a key. (On PostgreSQL it
        may: keys that are not there are asked for anew.) Their refusal is returned: raised through what waits for it, it
        took 5 µs. Raises Unauthorized where a token's time is not now.
        """
        verdict = self._right.get(credentials) or self._wrong.get(credentials)
        if verdict is None:
            return None
        read = self._key if verdict.key is None else self._store.credential
        if verdict.holds_for(await read(verdict.key_id)):
            return verdict.refusal() if verdict.actor is None else self._in_time(verdict, verdict.actor)
        self._right.pop(credentials, None)
        self._wrong.pop(credentials, None)
        return None

    async def by_secret(self, key_id: str, secret: str, credentials: str = "") -> Actor:
        """Raises Unauthorized unless `secret` is that of the key `key_id`.

        `credentials` is what `again` is to know them by; empty, it does not.
        """
        key = await self._key(key_id)
        kept = key or self._decoy
        matches = same_secret(secret, await self._engine.opened(kept.sealed_secret, kept.id))
        if key is None or not matches:
            return self._remember(credentials, _Verdict(key_id, key, title=_WRONG_KEY))
        return self._remember(credentials, _Verdict(key_id, key, _actor(key)))

    async def by_token(self, compact: str, credentials: str = "") -> Actor:
        """Raises Unauthorized unless `compact` is a valid token signed by a key there is. `credentials` as above."""
        token = tokens.read(compact)
        key = await self._key(token.key_id)
        kept = key or self._decoy
        secret = await self._engine.opened(kept.sealed_secret, kept.id)
        try:
            claims = tokens.claims_if_signed_by(secret, token)
        except Unauthorized as error:
            error.key_id = token.key_id
            raise
        if key is None or claims is None:
            return self._remember(credentials, _Verdict(token.key_id, key, title=_WRONG_SIGNATURE))
        return self._remember(credentials, _Verdict(token.key_id, key, _actor(key), claims))

    async def _key(self, key_id: str) -> Key | None:
        """What cannot be a key's id is not asked for: anyone may send it, and PostgreSQL takes no NUL in a text."""
        return await self._store.credential(key_id) if KEY_ID.fullmatch(key_id) else None

    def _remember(self, credentials: str, verdict: _Verdict) -> Actor:
        """Raises Unauthorized."""
        known = self._wrong if verdict.actor is None else self._right
        if 0 < len(credentials) <= _LONGEST_REMEMBERED:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            known[credentials] = verdict
        if verdict.actor is None:
            raise verdict.refusal()
        return self._in_time(verdict, verdict.actor)

    def _in_time(self, verdict: _Verdict, actor: Actor) -> Actor:
        """Raises Unauthorized."""
        if verdict.claims is not None:
            try:
                tokens.check_claims(verdict.claims, actor.scope, self._clock())
            except Unauthorized as error:
                error.key_id = verdict.key_id
                raise
        return actor


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
