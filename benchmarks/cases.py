"""The requests of every case, over one filled store. Each target gets the same."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from fill import Filled, Owner
from load import Request, write_requests

from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.wire.verification import ROUTE


class Case(NamedTuple):
    name: str
    requests: Path
    status: int = 200
    connections: int = 32
    targets: tuple[str, ...] = ("service", "logged", "floor", "reference", "nginx")

    @property
    def writes(self) -> bool:
        return self.status == 201

    def first(self) -> str:
        """The first line of the case's requests."""
        with self.requests.open() as lines:
            return next(lines).rstrip("\n")


LOGGED = ("service", "logged", "floor", "reference")
READS = ("service", "floor", "reference")
WRITES = ("service", "reference")


def cases(folder: Path, filled: Filled, distinct_tokens: int) -> list[Case]:
    """Return the cases: reads use one key, with the app's own credentials; creates fill all empty integrations with ten keys."""
    owner, key_id = filled.owner(0), filled.key_id(0, 0)
    app_secret = filled.secrets([owner.app_key_id])[owner.app_key_id]
    good = basic(owner.app_key_id, app_secret)
    token = tokens.mint(owner.app_key_id, app_secret, Scope.APP, expires_in=24 * 3600)
    forged = tokens.mint(owner.app_key_id, new_secret(), Scope.APP, expires_in=24 * 3600)
    path = f"{owner.keys_path}/{key_id}"
    # Their own path, by which the floor finds the right answer.
    refused = f"{owner.keys_path}/{filled.key_id(0, 1)}"
    refused_tokens = f"{owner.keys_path}/{filled.key_id(0, 2)}"

    def file(name: str, *requests: Request) -> Path:
        return write_requests(folder / name, requests)

    creates = write_requests(folder / "create", _creates(filled, credentials(filled, filled.empty_owners())))
    fresh = (
        Request(path, f"Bearer {fresh_token}")
        for fresh_token in distinct(owner.app_key_id, app_secret, Scope.APP, distinct_tokens)
    )
    return [
        Case("get_basic", file("basic", Request(path, good))),
        Case("auth_basic", file("auth", Request(ROUTE, good)), targets=("service",)),
        Case("get_same_token", file("same", Request(path, f"Bearer {token}")), targets=LOGGED),
        Case("auth_same_token", file("auth_same", Request(ROUTE, f"Bearer {token}")), targets=("service",)),
        Case("get_new_token", write_requests(folder / "new", fresh), targets=READS),
        Case("list", file("list", Request(owner.keys_path, good)), targets=(*READS, "nginx")),
        Case("refused_secret", file("wrong", Request(refused, basic(owner.app_key_id, new_secret()))), 401, targets=READS),
        Case("refused_key", file("unknown", Request(refused, basic("app_" + 24 * "0", new_secret()))), 401, targets=WRITES),
        Case("refused_token", file("forged", Request(refused_tokens, f"Bearer {forged}")), 401, targets=READS),
        Case("create_1", creates, 201, connections=1, targets=WRITES),
        Case("create_32", creates, 201, targets=WRITES),
    ]  # fmt: skip


def basic(key_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key_id}:{secret}".encode()).decode()


def credentials(filled: Filled, owners: Iterable[Owner]) -> dict[str, str]:
    """Return the Authorization headers of the owners' app keys, by the app's id."""
    key_ids = {owner.app_id: owner.app_key_id for owner in owners}
    secrets = filled.secrets(key_ids.values())
    return {app_id: basic(key_id, secrets[key_id]) for app_id, key_id in key_ids.items()}


def distinct(key_id: str, secret: str, scope: Scope, count: int) -> Iterator[str]:
    """Yield different tokens."""
    for number in range(count):
        claims = {"scope": scope.value, "iat": 1_700_000_000, "exp": 4_000_000_000, "jti": f"{number:08d}"}
        parts = ({"alg": "HS256", "typ": "JWT", "kid": key_id}, claims)
        signed_part = b".".join(tokens._encode_base64url(msgspec.json.encode(part)) for part in parts)
        yield b".".join((signed_part, tokens._encode_base64url(tokens._sign(secret.encode(), signed_part)))).decode()


def _creates(filled: Filled, known: dict[str, str]) -> Iterator[Request]:
    owners = filled.empty_owners()
    for _, owner in itertools.product(range(KEYS_PER_OWNER), owners):
        yield create(owner, known[owner.app_id])


def create(owner: Owner, authorization: str) -> Request:
    return Request(owner.keys_path, authorization, "POST", '{"displayName":"Made"}')
