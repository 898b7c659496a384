"""Owners of secrets: which key, access token or OAuth client of a store has a secret."""

from __future__ import annotations

from collections.abc import Collection

from sunshine_keys.cli.diagnosis.findings import utc_time
from sunshine_keys.cli.exits import printable
from sunshine_keys.engine import Engine
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.usage import Usage
from sunshine_keys.oauth.model import OAuthClient, hashed
from sunshine_keys.oauth.table import all_clients
from sunshine_keys.verify import Caller

Owner = Key | OAuthClient


async def find_owners(engine: Engine, digests: Collection[bytes]) -> dict[bytes, Owner]:
    """Return the owners of secrets, by the SHA-256 of each secret. A secret without an owner is absent.

    Unseals the secrets of the whole store, unless it finds all owners before. Raises StoreUnavailable, SealError.
    """
    clients = await engine.store.read(all_clients())
    owners: dict[bytes, Owner] = {client.secret_hash: client for client in clients if client.secret_hash in digests}
    if len(owners) == len(digests):
        return owners
    async for key, secret in keys.every(engine):
        # The sealed secret of an access token is the hash of the token's secret.
        if (digest := bytes.fromhex(secret) if key.is_token else hashed(secret)) in digests:
            owners[digest] = key
            if len(owners) == len(digests):
                break
    return owners


def is_live(owner: Owner, now: float) -> bool:
    """Return True unless the owner is a key that has ended. `now` is that of the store."""
    return isinstance(owner, OAuthClient) or not owner.has_ended(now)


def described(owner: Owner | Caller) -> str:
    """Return the owner's id, its name if it is known, and the object that it belongs to, without control characters."""
    name = printable(owner.key_id) if isinstance(owner, Caller) else f'{owner.id} "{printable(owner.display_name)}"'
    if isinstance(owner, OAuthClient):
        return f"OAuth client {name}"
    if owner.integration_id:
        return f"{name} of integration {owner.integration_id} of app {owner.app_id}"
    return f"{name} of app {owner.app_id}" if owner.app_id else f"{name} of the account"


def last_use(use: Usage | None) -> str:
    """Return the time and the address of the last use that a store has recorded, as text."""
    if use is None or use.last_used is None:
        return "not recorded"
    return f"{utc_time(use.last_used)}{f' from {use.last_source}' if use.last_source else ''}"
