"""The ring in a process is read again when the store names a key that it lacks."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.sealing import ring
from sunshine_keys.sealing.ring import Renewal
from sunshine_keys.sealing.sealer import Sealer, sealing_key_id
from sunshine_keys.store import StoreError

A, B, C = (bytes([each]) * 32 for each in range(3))
B_ID, C_ID = sealing_key_id(B), sealing_key_id(C)


class Source:
    name = "the ring"
    renewable = True

    def __init__(self) -> None:
        self.keys: list[bytes] = [A]
        self.reads = 0

    def read(self) -> list[bytes]:
        self.reads += 1
        if not self.keys:
            raise StoreError("it is damaged")
        return self.keys


@pytest.fixture
def source() -> Source:
    return Source()


def test_a_new_key_is_found_and_the_old_one_kept(source: Source) -> None:
    sealer = Sealer(A)
    sealed = sealer.seal("s", "x")
    source.keys = [B]
    asyncio.run(Renewal(sealer, source).require(B_ID))
    assert sealer.open(sealed, "x") == "s"
    sealer.use(B_ID)
    assert sealer.seal("s", "x")[:4].hex() == B_ID


async def test_many_at_once_read_it_once(source: Source) -> None:
    renewal = Renewal(Sealer(A), source)
    source.keys = [B, A]
    await asyncio.gather(*(renewal.require(B_ID) for _ in range(20)))
    assert source.reads == 1


def test_a_key_that_is_not_there_is_looked_for_once_in_a_while(
    source: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr(ring.time, "monotonic", lambda: now[0])
    renewal = Renewal(Sealer(A), source)

    async def ask() -> None:
        for _ in range(20):
            with pytest.raises(StoreUnavailable):
                await renewal.require(C_ID)

    asyncio.run(ask())
    assert source.reads == 1
    now[0] += ring.PATIENCE_SECONDS
    asyncio.run(ask())
    assert source.reads == 2
    assert caplog.messages == [f"sealing key {C_ID} is not in the ring: add it there"] * 2


async def test_meanwhile_another_key_is_found(source: Source) -> None:
    renewal = Renewal(Sealer(A), source)
    with pytest.raises(StoreUnavailable):
        await renewal.require(C_ID)
    source.keys = [B, A]
    await renewal.require(B_ID)


def test_a_source_that_fails_is_told_and_changes_nothing(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    source.keys = []
    sealer = Sealer(A)
    with caplog.at_level(logging.ERROR), pytest.raises(StoreUnavailable):
        asyncio.run(Renewal(sealer, source).require(B_ID))
    assert caplog.messages[0] == "cannot read the ring of sealing keys again: it is damaged"
    assert sealer.key_ids == [sealing_key_id(A)]
