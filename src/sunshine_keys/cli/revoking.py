"""Revoke the keys and access tokens whose secrets `scan` has found."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from sunshine_keys.cli.confirm import is_confirmed
from sunshine_keys.cli.exits import complain
from sunshine_keys.cli.owners import Owner, described, last_use
from sunshine_keys.cli.terminal import counted, emit
from sunshine_keys.errors import BadRequest, NotFound, ServiceError
from sunshine_keys.keys import rotating
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import account_keys
from sunshine_keys.keys.usage import Usage, usage_of
from sunshine_keys.oauth.changes import DeleteToken
from sunshine_keys.oauth.model import OAuthClient
from sunshine_keys.opening import opened_store
from sunshine_keys.settings import Settings
from sunshine_keys.store import OPERATOR, Store, StoreError


class Exposure(msgspec.Struct):
    """An owner whose secret is in the scanned text: the first place, and the number of places."""

    owner: Owner
    place: str
    places: int = 1


class Outcome(StrEnum):
    """What became of an exposed owner. Only REVOKED and GONE are certainly refused from then on."""

    REVOKED = "revoked"
    GONE = "gone"
    DECLINED = "declined"
    LAST = "last"
    CLIENT = "client"
    FAILED = "failed"


class Revocation:
    """One run of `scan --revoke`, after the scan."""

    def __init__(self, settings: Settings, *, yes: bool, reads_input: bool, as_json: bool) -> None:
        """`yes` skips the questions. `reads_input` is True if the scan has read standard input."""
        self._settings = settings
        self._yes = yes
        self._reads_input = reads_input
        self._as_json = as_json
        self._has_live = False

    async def run(self, exposures: Iterable[Exposure]) -> bool:
        """Revoke what may be revoked, and report it. Return True if every owner is refused from then on.

        No store is open while a question waits for its answer. Raises StoreError, StoreUnavailable for the reads.
        """
        keys: list[tuple[Exposure, Key]] = []
        for exposure in exposures:
            if isinstance(exposure.owner, OAuthClient):
                self._report_client(exposure.owner)
            else:
                keys.append((exposure, exposure.owner))
        if not keys:
            return not self._has_live
        async with opened_store(self._settings, read_only=True) as store:
            usage = await store.read(usage_of([key.id for _, key in keys], time.time()))
            now = store.now()
            account_ids = {key.id for key in await store.read(account_keys()) if not key.has_ended(now)}
        confirmed: list[Key] = []
        for exposure, key in keys:
            if self._yes or self._is_confirmed(exposure, key, usage.get(key.id), account_ids):
                confirmed.append(key)
                account_ids.discard(key.id)
        if confirmed:
            await self._delete(confirmed)
        return not self._has_live

    def _is_confirmed(self, exposure: Exposure, key: Key, use: Usage | None, account_ids: set[str]) -> bool:
        """Ask for a confirmation. An account key that would be the last one is not offered."""
        if account_ids == {key.id}:
            self._report_last(key)
            return False
        others = f" and {counted(exposure.places - 1, 'other place')}" if exposure.places > 1 else ""
        question = f"{described(key)}\n  last use: {last_use(use)}\n  secret in: {exposure.place}{others}\nRevoke it?"
        if is_confirmed(question, reads_input=self._reads_input):
            return True
        self._report(key, Outcome.DECLINED)
        return False

    async def _delete(self, keys: list[Key]) -> None:
        try:
            async with opened_store(self._settings) as store:
                for key in keys:
                    await self._delete_key(store, key)
        except StoreError as error:  # The store cannot be written. No key has been deleted.
            self._has_live = True
            complain(f"nothing was revoked: {error}", "Run the command again when the store can be written.")

    async def _delete_key(self, store: Store, key: Key) -> None:
        try:
            is_there = await _revoke(store, key, even_last=self._yes)
        except NotFound:
            is_there = False
        except BadRequest:  # Somebody else has deleted the other account keys meanwhile.
            self._report_last(key)
            return
        except ServiceError as error:
            complain(f"{key.id} may not be revoked: {error}", "Run the command again.")
            self._report(key, Outcome.FAILED)
            return
        self._report(key, Outcome.REVOKED if is_there else Outcome.GONE)

    def _report_last(self, key: Key) -> None:
        complain(
            f"{key.id} was not revoked: it is the last account key, and without one nobody can create apps",
            "Create another first with `sunshine-keys account-keys create`, or add --yes.",
        )
        self._report(key, Outcome.LAST)

    def _report_client(self, client: OAuthClient) -> None:
        complain(
            f"{described(client)} was not revoked: that ends its access to every app",
            f"`sunshine-keys oauth-clients delete {client.id}` does it. Then create another client for the partner.",
        )
        self._report(client, Outcome.CLIENT)

    def _report(self, owner: Owner, outcome: Outcome) -> None:
        self._has_live = self._has_live or outcome not in (Outcome.REVOKED, Outcome.GONE)
        if self._as_json:
            emit(json.dumps({"id": owner.id, "outcome": outcome}))
        elif outcome is Outcome.REVOKED:
            emit(f"Revoked {described(owner)}.")
        elif outcome is Outcome.GONE:
            emit(f"{described(owner)} was deleted meanwhile.")


async def _revoke(store: Store, key: Key, *, even_last: bool) -> bool:
    """Return False if an access token is gone. Raises what `DeleteKey` raises for a key."""
    if key.is_token:
        assert key.app_id is not None
        return await store.transact(OPERATOR, DeleteToken(key.app_id, key.id, "its secret was found by scan"))
    await rotating.delete(store, OPERATOR, key.app_id, key.integration_id, key.id, even_last=even_last)
    return True
