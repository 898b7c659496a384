"""The authenticator: verdicts are cached, and hold only while the key's row and the time allow it."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunshine_keys.access import authentication
from sunshine_keys.access.actor import Actor
from sunshine_keys.access.authentication import CACHE_SIZE, Authenticator
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import create_first_objects, open_engine
from sunshine_keys.engine import Engine
from sunshine_keys.integrations.changes import CreateIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS
from sunshine_keys.opening import key_source
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.settings import Settings
from sunshine_keys.store import OPERATOR


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class CountingSealer(Sealer):
    """Counts how often a secret is unsealed; each verification does it once."""

    count = 0

    def open(self, sealed: bytes, owner_id: str) -> str:
        self.count += 1
        return super().open(sealed, owner_id)


class Bench:
    """An authenticator over a store with the sample objects."""

    def __init__(self, engine: Engine, sealer: CountingSealer, sample: dict[str, Any]) -> None:
        self.engine = engine
        self.sample = sample
        self.clock = Clock(1_000_000_000)
        self.authenticator = Authenticator(engine, self.clock)
        self._sealer = sealer

    @property
    def verifications(self) -> int:
        return self._sealer.count

    async def stored_key(self) -> Key:
        key = await self.engine.store.get(KEYS, self.sample["key"]["id"])
        assert key is not None
        return key

    async def delete_key(self) -> None:
        key = await self.stored_key()
        assert key.app_id is not None
        await self.engine.store.transact(OPERATOR, DeleteKey(key.app_id, key.integration_id, key.id))

    async def failure(self, header: str) -> AuthenticationFailure:
        result = await self.authenticator.authenticate(header)
        assert isinstance(result, AuthenticationFailure)
        return result

    async def actor(self, header: str) -> Actor:
        result = await self.authenticator.authenticate(header)
        assert isinstance(result, Actor)
        return result


@pytest.fixture
def bench(tmp_path: Path, runner: asyncio.Runner) -> Iterator[Bench]:
    options = Settings(tmp_path / "data")
    sample = create_first_objects(options, sample=True)
    assert sample is not None
    sealer = CountingSealer(*key_source(options).read())
    engine = runner.run(open_engine(options))
    yield Bench(msgspec.structs.replace(engine, sealer=sealer), sealer, sample)
    runner.run(engine.close())


def basic(key: dict[str, Any]) -> str:
    return "Basic " + base64.b64encode(f"{key['id']}:{key['secret']}".encode()).decode()


def bearer(key: dict[str, Any], **claims: Any) -> str:
    return "Bearer " + jwt.encode({"scope": Scope.INTEGRATION, **claims}, key["secret"], "HS256", {"kid": key["id"]})


KINDS = pytest.mark.parametrize("kind", [basic, bearer])
Kind = Callable[[dict[str, Any]], str]


@KINDS
async def test_accepted_credentials_are_verified_once(bench: Bench, kind: Kind) -> None:
    first = await bench.actor(kind(bench.sample["key"]))
    verifications = bench.verifications
    assert verifications > 0
    assert await bench.actor(kind(bench.sample["key"])) == first
    assert bench.verifications == verifications
    assert first.key_id == bench.sample["key"]["id"]


@KINDS
@pytest.mark.parametrize("wrong", [{"secret": "x" * 86}, {"id": f"int_{24 * '0'}"}, {"id": "nothing"}])
async def test_rejected_credentials_are_verified_once(bench: Bench, kind: Kind, wrong: dict[str, str]) -> None:
    """Whether the key exists or not: the time that a refusal takes must not show it."""
    key = bench.sample["key"] | wrong
    first = await bench.failure(kind(key))
    verifications = bench.verifications
    assert verifications > 0
    assert await bench.failure(kind(key)) == first
    assert bench.verifications == verifications
    assert first.key_id == key["id"]
    assert first.reason in (Reason.WRONG_SECRET, Reason.WRONG_SIGNATURE)


@KINDS
async def test_rejected_credentials_are_accepted_once_their_key_exists(bench: Bench, kind: Kind) -> None:
    key = await bench.stored_key()
    await bench.delete_key()
    for _ in range(2):
        await bench.failure(kind(bench.sample["key"]))
    await bench.engine.store.transact(OPERATOR, CreateKey(key))
    for _ in range(2):
        assert (await bench.actor(kind(bench.sample["key"]))).key_id == key.id
    assert bench.authenticator.cached == (1, 0)


@KINDS
async def test_credentials_are_rejected_once_their_key_is_deleted(bench: Bench, kind: Kind) -> None:
    for _ in range(2):
        await bench.actor(kind(bench.sample["key"]))
    await bench.delete_key()
    for _ in range(2):
        assert "has been deleted" in (await bench.failure(kind(bench.sample["key"]))).title
    assert bench.authenticator.cached == (0, 1)


async def test_dates_of_a_cached_token_are_checked_each_time(bench: Bench) -> None:
    token = bearer(bench.sample["key"], exp=int(bench.clock.now) + 60, nbf=int(bench.clock.now) - 60)
    for _ in range(2):
        await bench.actor(token)
    bench.clock.now += 60
    expired = await bench.failure(token)
    assert (expired.reason, expired.key_id) == (Reason.EXPIRED, bench.sample["key"]["id"])
    bench.clock.now -= 121
    assert (await bench.failure(token)).reason is Reason.NOT_YET_VALID


@KINDS
async def test_a_wrong_secret_is_rejected_after_the_right_one_was_accepted(bench: Bench, kind: Kind) -> None:
    await bench.actor(kind(bench.sample["key"]))
    for _ in range(2):
        await bench.failure(kind(bench.sample["key"] | {"secret": "x" * 86}))


@KINDS
async def test_a_key_that_returns_with_another_secret_does_not_accept_the_old_one(bench: Bench, kind: Kind) -> None:
    await bench.actor(kind(bench.sample["key"]))
    key = await bench.stored_key()
    await bench.delete_key()
    sealed = bench.engine.sealer.seal("y" * 86, key.id)
    await bench.engine.store.transact(OPERATOR, CreateKey(msgspec.structs.replace(key, sealed_secret=sealed)))
    await bench.failure(kind(bench.sample["key"]))


@KINDS
async def test_a_key_that_returns_for_another_integration_belongs_to_that_one(bench: Bench, kind: Kind) -> None:
    key, store = await bench.stored_key(), bench.engine.store
    assert (await bench.actor(kind(bench.sample["key"]))).integration_id == bench.sample["integration"]["id"]
    await bench.delete_key()
    other = Integration("0" * 24, bench.sample["app"]["id"], "custom", {})
    await store.transact(OPERATOR, CreateIntegration(other, []))
    await store.transact(OPERATOR, CreateKey(msgspec.structs.replace(key, integration_id=other.id)))
    assert (await bench.actor(kind(bench.sample["key"]))).integration_id == other.id


async def test_the_cache_is_bounded(bench: Bench) -> None:
    key = bench.sample["key"]
    for number in range(CACHE_SIZE + 10):
        await bench.actor(bearer(key, jti=str(number)))
        await bench.failure(basic({"id": key["id"], "secret": str(number)}))
    await bench.actor(bearer(key, jti="long" * 1024))
    assert bench.authenticator.cached == (10, 10)


async def test_an_id_that_no_key_can_have_never_reaches_the_store(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def credential(key_id: str) -> None:
        asked.append(key_id)

    monkeypatch.setattr(bench.engine.store, "credential", credential)
    unknown = "int_" + 24 * "0"
    for key_id in ("x", "x\0", unknown):
        for _ in range(2):
            await bench.failure(basic({"id": key_id, "secret": "x"}))
    assert asked == [unknown, unknown]
    assert bench.authenticator.cached == (0, 3)


async def test_tokens_do_not_displace_secrets(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "CREDENTIALS_REMEMBERED", 2)
    key = bench.sample["key"]
    await bench.actor(basic(key))
    for number in range(CACHE_SIZE + 10):
        await bench.actor(bearer(key, jti=str(number)))
    assert bench.authenticator.cached == (11, 0)
    for scheme in ("basic", "BASIC"):
        await bench.actor(basic(key).replace("Basic", scheme))
    assert bench.authenticator.cached == (11, 0)


@pytest.mark.parametrize("surplus", [" ", 100 * " ", "\t"])
@KINDS
async def test_a_header_with_surplus_spaces_is_valid_and_not_cached(bench: Bench, kind: Kind, surplus: str) -> None:
    for _ in range(2):
        await bench.actor(kind(bench.sample["key"]).replace(" ", " " + surplus))
    assert bench.authenticator.cached == (0, 0)


DATES = (0, 999_999_998, 999_999_999, 1_000_000_000, 1_000_000_001.5, 1_000_000_009, True, "1", None, -(2**53), 2**60)


@given(
    st.dictionaries(st.sampled_from(["exp", "nbf"]), st.sampled_from(DATES)),
    st.sampled_from([Scope.INTEGRATION, Scope.APP, None]),
    st.lists(st.sampled_from([-2, -1, 0, 1, 1.5, 2, 9, 10]), min_size=2, max_size=6),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cached_token_is_judged_as_a_new_one(
    runner: asyncio.Runner, bench: Bench, claims: dict[str, Any], scope: Scope | None, times: list[float]
) -> None:
    """At any time, in any order of times, and whatever its claims."""
    token = bearer(bench.sample["key"], **claims | {"scope": scope})

    async def compare() -> None:
        for seconds in times:
            bench.clock.now = 1_000_000_000 + seconds
            fresh = Authenticator(bench.engine, bench.clock)
            assert await bench.authenticator.authenticate(token) == await fresh.authenticate(token)

    runner.run(compare())


async def test_a_cached_secret_is_refused_from_the_end_of_its_key_on(bench: Bench) -> None:
    key = await bench.stored_key()
    await bench.delete_key()
    await bench.engine.store.transact(OPERATOR, CreateKey(msgspec.structs.replace(key, expires_at=time.time() + 0.5)))
    for kind in (basic, bearer):
        await bench.actor(kind(bench.sample["key"]))
        await bench.actor(kind(bench.sample["key"]))
    await asyncio.sleep(0.6)
    for kind in (basic, bearer):
        assert "the key ended" in (await bench.failure(kind(bench.sample["key"]))).cause
