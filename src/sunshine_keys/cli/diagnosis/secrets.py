"""The form of secrets and credentials, and what a store knows about them."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.authentication import Authenticator
from sunshine_keys.access.credentials import AccessToken, BasicCredentials, read_credentials
from sunshine_keys.access.failures import AuthenticationFailure
from sunshine_keys.cli.diagnosis import trail
from sunshine_keys.cli.diagnosis.credentials import as_header
from sunshine_keys.cli.owners import Owner, find_owners
from sunshine_keys.engine import Engine
from sunshine_keys.keys.model import CREDENTIAL_ID, KEY_ID, Key, moment_text
from sunshine_keys.keys.secrets import is_our_secret
from sunshine_keys.keys.table import KEYS
from sunshine_keys.keys.usage import Usage, usage_of
from sunshine_keys.oauth.model import hashed
from sunshine_keys.verify import Caller

_SCHEME = re.compile(r"(basic|bearer)\s", re.IGNORECASE)
_CHECKSUM = "its checksum is wrong: it is mistyped, or of another service"


class Form(StrEnum):
    """What a line holds."""

    SECRET = "secret"  # noqa: S105 - the name of a form
    BASIC = "basic"
    ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a form
    TOKEN = "token"  # noqa: S105 - the name of a form
    UNKNOWN = "unknown"


class Item(msgspec.Struct, frozen=True):
    """A line. `problem` says why it is malformed, and is empty if it is not. A token has no secret of its own."""

    form: Form
    header: str = ""
    key_id: str | None = None
    secret: str = ""
    problem: str = ""

    def __repr__(self) -> str:
        return f"Item(form={self.form!r}, key_id={self.key_id!r})"


class Verdict(msgspec.Struct, frozen=True):
    """What a store or a service holds of an item. `live` is None if it is not known there.

    `owner` has the secret, or is the key that a token names. `reason` says why the item is not live.
    """

    live: bool | None
    owner: Owner | Caller | None = None
    use: Usage | None = None
    reason: str = ""


def read_item(text: str) -> Item:
    """Return the form of a line: a secret, KEY_ID:SECRET, an Authorization header, or a token."""
    header = as_header(text)
    if not _SCHEME.match(header):
        secret = header.strip("\"'")
        return Item(Form.SECRET, secret=secret, problem=_secret_problem(secret))
    credentials = read_credentials(header)
    if isinstance(credentials, AuthenticationFailure):
        return Item(Form.UNKNOWN, problem=credentials.title)
    key_id = credentials.key_id
    if isinstance(credentials, AccessToken):
        return Item(Form.ACCESS_TOKEN, header, key_id, credentials.secret, _secret_problem(credentials.secret))
    problem = "" if KEY_ID.fullmatch(key_id) else "a key's id is act_, app_ or int_ and 24 hex digits in lower case"
    if not isinstance(credentials, BasicCredentials):
        return Item(Form.TOKEN, header, key_id, problem=problem)
    if KEY_ID.fullmatch(credentials.secret):
        problem = "the id and the secret are swapped"
    return Item(Form.BASIC, header, key_id, credentials.secret, problem or _secret_problem(credentials.secret))


def _secret_problem(secret: str) -> str:
    if is_our_secret(secret):
        return ""
    if re.fullmatch("[A-Za-z0-9_-]{86}", secret):
        return _CHECKSUM
    return f"a secret has 86 characters of A-Z, a-z, 0-9, - and _; this has {len(secret)} characters"


async def look_up(engine: Engine, items: Sequence[Item]) -> list[Verdict]:
    """Return the verdict of the store for each item. Raises StoreUnavailable, SealError.

    Unless each secret is that of the key that its item names, this unseals the secrets of the whole store.
    """
    owners: dict[bytes, Owner] = {}
    for item in items:
        if (key := await _named(engine, item)) is not None and item.secret:
            secret = await engine.unseal(key.sealed_secret, key.id)
            digest = bytes.fromhex(secret) if key.is_token else hashed(secret)
            if digest == hashed(item.secret):
                owners[digest] = key
    unknown = {hashed(item.secret) for item in items if item.secret} - owners.keys()
    owners |= await find_owners(engine, unknown) if unknown else {}
    return [await _verdict(engine, item, owners.get(hashed(item.secret)) if item.secret else None) for item in items]


async def _verdict(engine: Engine, item: Item, owner: Owner | None) -> Verdict:
    if item.form is Form.UNKNOWN:
        return Verdict(None)
    if item.form is Form.TOKEN:
        return await _verdict_on_token(engine, item)
    if owner is None:
        return await _verdict_without_owner(engine, item)
    if not isinstance(owner, Key):
        return Verdict(True, owner)
    use = await _use(engine, owner)
    if item.key_id not in (None, owner.id):
        return Verdict(False, owner, use, f"the secret is that of {owner.id}, not of {item.key_id}")
    return _ended(engine, owner, use) or Verdict(True, owner, use)


def _ended(engine: Engine, key: Key, use: Usage | None) -> Verdict | None:
    """Return the verdict on a key that has ended; None if it has not."""
    if not key.has_ended(engine.store.now()):
        return None
    return Verdict(False, key, use, f"it ended {moment_text(key.expires_at)}")


async def _verdict_on_token(engine: Engine, item: Item) -> Verdict:
    key = await _named(engine, item)
    if key is None:
        return await _verdict_without_owner(engine, item)
    use = await _use(engine, key)
    if ended := _ended(engine, key, use):
        return ended
    result = await Authenticator(engine).authenticate(item.header)
    return Verdict(True, key, use) if isinstance(result, Actor) else Verdict(False, key, use, result.title)


async def _verdict_without_owner(engine: Engine, item: Item) -> Verdict:
    if item.key_id is None or not CREDENTIAL_ID.fullmatch(item.key_id):
        return Verdict(None, reason="it is the secret of no key in this store")
    if await _named(engine, item) is not None:
        return Verdict(None, reason=f"the secret is not that of {item.key_id}, nor of another key in this store")
    (finding,) = (await trail.missing_key(engine.store, item.key_id)).findings
    return Verdict(None if finding.cause == trail.UNKNOWN_KEY else False, reason=finding.message)


async def _named(engine: Engine, item: Item) -> Key | None:
    """Return the key that the item names. Text without the form of an id is not looked up."""
    if item.key_id is None or not CREDENTIAL_ID.fullmatch(item.key_id):
        return None
    return await engine.store.get(KEYS, item.key_id)


async def _use(engine: Engine, key: Key) -> Usage | None:
    return (await engine.store.read(usage_of([key.id], time.time()))).get(key.id)
