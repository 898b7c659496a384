"""A token that was verified before: its signature is remembered, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sunshine_keys import tokens
from sunshine_keys.app import Settings, first_run, open_engine
from sunshine_keys.errors import Unauthorized
from sunshine_keys.models import Scope
from sunshine_keys.service import authentication
from sunshine_keys.service.authentication import Authenticator
from sunshine_keys.service.engine import Engine
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.changes import DeleteKey


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


def test_it_goes_with_its_key(tmp_path: Path) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        token = signed(made["key"], Scope.INTEGRATION)
        for _ in range(2):
            assert (await authenticator.by_token(token)).key_id == made["key"]["id"]
        await engine.store.transact(
            OPERATOR, DeleteKey(made["app"]["id"], made["integration"]["id"], made["key"]["id"])
        )
        with pytest.raises(Unauthorized, match="has been deleted"):
            await authenticator.by_token(token)

    play(tmp_path, scene)


def test_its_dates_are_looked_at_each_time(tmp_path: Path) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        token = signed(made["key"], Scope.INTEGRATION, exp=clock.now + 60, nbf=clock.now - 60)
        for _ in range(2):
            await authenticator.by_token(token)
        clock.now += 60
        with pytest.raises(Unauthorized, match="expired"):
            await authenticator.by_token(token)
        clock.now -= 121
        with pytest.raises(Unauthorized, match="not valid yet"):
            await authenticator.by_token(token)

    play(tmp_path, scene)


def test_another_signature_under_the_same_claims_is_looked_at_anew(tmp_path: Path) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        token = signed(made["key"], Scope.INTEGRATION)
        await authenticator.by_token(token)
        with pytest.raises(Unauthorized, match="was not signed"):
            await authenticator.by_token(signed(made["key"] | {"secret": "x" * 86}, Scope.INTEGRATION))

    play(tmp_path, scene)


def test_a_key_with_another_secret_by_now_does_not_verify_it(tmp_path: Path) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        token = signed(made["key"], Scope.INTEGRATION)
        await authenticator.by_token(token)
        other = Authenticator(engine, clock)
        other._verified = authenticator._verified
        key = await engine.store.key(made["key"]["id"])
        assert key is not None

        async def changed(key_id: str) -> Any:
            sealed = engine.sealer.seal("y" * 86, key.id)
            return msgspec.structs.replace(key, sealed_secret=sealed)

        other._store = type("Changed", (), {"credential": staticmethod(changed)})()
        with pytest.raises(Unauthorized, match="was not signed"):
            await other.by_token(token)

    play(tmp_path, scene)


def test_no_more_than_a_bounded_number_is_remembered(tmp_path: Path) -> None:
    async def scene(engine: Engine, authenticator: Authenticator, clock: Clock, made: dict[str, Any]) -> None:
        for number in range(authentication._MOST_REMEMBERED + 10):
            await authenticator.by_token(signed(made["key"], Scope.INTEGRATION, jti=number))
        await authenticator.by_token(signed(made["key"], Scope.INTEGRATION, jti="long" * 1024))
        assert len(authenticator._verified) == 10

    play(tmp_path, scene)
