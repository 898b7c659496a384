"""Credentials that were right before: that they were is remembered, and nothing else is."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sunshine_keys.access import authentication, tokens
from sunshine_keys.access.authentication import Actor, Authenticator
from sunshine_keys.access.credentials import authenticate as look_at
from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import Settings, first_run, open_engine
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Unauthorized
from sunshine_keys.integrations.model import Integration
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.changes import CreateIntegration, CreateKey, DeleteKey


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


Scene = Callable[[Engine, Authenticator, Clock, dict[str, Any]], Coroutine[Any, Any, None]]


def play(tmp_path: Path, scene: Scene) -> None:
    made = first_run(Settings(tmp_path / "data"), sample=True)
    assert made is not None
    clock = Clock(1_000_000_000)

    async def run() -> None:
        engine = await open_engine(Settings(tmp_path / "data"))
        try:
            await scene(engine, Authenticator(engine, clock), clock, made)
        finally:
            await engine.store.close()

    asyncio.run(run())


def signed(key: dict[str, Any], scope: Scope, **claims: Any) -> str:
    header = {"alg": "HS256", "kid": key["id"]}
    parts = [tokens._encode_base64url(msgspec.json.encode(part)) for part in (header, {"scope": scope, **claims})]
    signature = tokens._encode_base64url(tokens._sign(key["secret"], b".".join(parts)))
    return b".".join((*parts, signature)).decode()


async def authenticate(authenticator: Authenticator, credentials: str) -> Actor:
    found = await authenticator.again(credentials) or await look_at(authenticator, credentials)
    if isinstance(found, Unauthorized):
        raise found
    return found


def basic(key: dict[str, Any]) -> str:
    return "Basic " + base64.b64encode(f"{key['id']}:{key['secret']}".encode()).decode()


def bearer(key: dict[str, Any], **claims: Any) -> str:
    return f"Bearer {signed(key, Scope.INTEGRATION, **claims)}"


KINDS = pytest.mark.parametrize("kind", [basic, bearer])
Kind = Callable[[dict[str, Any]], str]


@KINDS
def test_they_are_not_looked_at_anew(tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        first = await authenticate(authenticator, kind(made["key"]))
        monkeypatch.delattr(authentication, "same_secret")
        monkeypatch.delattr(tokens, "claims_if_signed_by")
        assert await authenticate(authenticator, kind(made["key"])) == first
        assert first.key_id == made["key"]["id"]

    play(tmp_path, scene)


@KINDS
@pytest.mark.parametrize("changed", [{"secret": "x" * 86}, {"id": f"int_{24 * '0'}"}, {"id": "nothing"}])
def test_wrong_ones_are_not_looked_at_anew_either(
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    """Whether there is such a key or not: the time that a refusal takes must not tell."""

    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        titles = set()
        for number in range(3):
            with pytest.raises(Unauthorized) as raised:
                await authenticate(authenticator, kind(made["key"] | changed))
            titles.add(raised.value.titles)
            assert raised.value.key_id == (made["key"] | changed)["id"]
            if number == 0:
                monkeypatch.delattr(authentication, "same_secret")
                monkeypatch.delattr(tokens, "claims_if_signed_by")
        assert len(titles) == 1

    play(tmp_path, scene)


@KINDS
def test_wrong_ones_are_right_once_their_key_is_there(tmp_path: Path, kind: Kind) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        key, owner = await engine.store.key(made["key"]["id"]), (made["app"]["id"], made["integration"]["id"])
        assert key is not None
        await engine.store.transact(OPERATOR, DeleteKey(*owner, key.id))
        for _ in range(2):
            with pytest.raises(Unauthorized):
                await authenticate(authenticator, kind(made["key"]))
        await engine.store.transact(OPERATOR, CreateKey(key))
        for _ in range(2):
            assert (await authenticate(authenticator, kind(made["key"]))).key_id == key.id
        assert authenticator._wrong == {}

    play(tmp_path, scene)


@KINDS
def test_they_go_with_their_key(tmp_path: Path, kind: Kind) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        for _ in range(2):
            await authenticate(authenticator, kind(made["key"]))
        await engine.store.transact(
            OPERATOR, DeleteKey(made["app"]["id"], made["integration"]["id"], made["key"]["id"])
        )
        for _ in range(2):
            with pytest.raises(Unauthorized, match="has been deleted"):
                await authenticate(authenticator, kind(made["key"]))
        assert authenticator._right == {}

    play(tmp_path, scene)


def test_dates_are_looked_at_each_time(tmp_path: Path) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        token = bearer(made["key"], exp=clock.now + 60, nbf=clock.now - 60)
        for _ in range(2):
            await authenticate(authenticator, token)
        clock.now += 60
        with pytest.raises(Unauthorized, match="expired"):
            await authenticate(authenticator, token)
        clock.now -= 121
        with pytest.raises(Unauthorized, match="not valid yet"):
            await authenticate(authenticator, token)

    play(tmp_path, scene)


@KINDS
def test_what_is_wrong_is_wrong_though_the_right_ones_were_there_before(tmp_path: Path, kind: Kind) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        await authenticate(authenticator, kind(made["key"]))
        for _ in range(2):
            with pytest.raises(Unauthorized):
                await authenticate(authenticator, kind(made["key"] | {"secret": "x" * 86}))

    play(tmp_path, scene)


@KINDS
def test_a_key_with_another_secret_by_now_is_not_taken_for_what_it_was(tmp_path: Path, kind: Kind) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        await authenticate(authenticator, kind(made["key"]))
        key = await engine.store.key(made["key"]["id"])
        assert key is not None

        async def changed(key_id: str) -> Any:
            return msgspec.structs.replace(key, sealed_secret=engine.sealer.seal("y" * 86, key.id))

        authenticator._store = type("Changed", (), {"credential": staticmethod(changed)})()
        with pytest.raises(Unauthorized):
            await authenticate(authenticator, kind(made["key"]))

    play(tmp_path, scene)


def test_no_more_than_a_bounded_number_is_remembered(tmp_path: Path) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        for number in range(authentication._MOST_REMEMBERED + 10):
            await authenticate(authenticator, bearer(made["key"], jti=number))
            with pytest.raises(Unauthorized):
                await authenticate(authenticator, basic({"id": made["key"]["id"], "secret": str(number)}))
        await authenticate(authenticator, bearer(made["key"], jti="long" * 1024))
        assert (len(authenticator._right), len(authenticator._wrong)) == (10, 10)

    play(tmp_path, scene)


@KINDS
def test_a_key_that_is_there_again_as_another_integrations_is_the_others(tmp_path: Path, kind: Kind) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        key, owner = await engine.store.key(made["key"]["id"]), (made["app"]["id"], made["integration"]["id"])
        assert key is not None
        assert (await authenticate(authenticator, kind(made["key"]))).integration_id == made["integration"]["id"]
        await engine.store.transact(OPERATOR, DeleteKey(*owner, key.id))
        other = Integration("0" * 24, made["app"]["id"], "custom", {})
        await engine.store.transact(OPERATOR, CreateIntegration(other, []))
        await engine.store.transact(OPERATOR, CreateKey(msgspec.structs.replace(key, integration_id=other.id)))
        assert (await authenticate(authenticator, kind(made["key"]))).integration_id == other.id

    play(tmp_path, scene)
