"""The ring of a process is reloaded when the store names a key that it lacks."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.sealing.ring import PATIENCE_SECONDS, KeyRingReloader
from sunshine_keys.sealing.sealer import Sealer, sealing_key_id
from sunshine_keys.store import StoreError

A, B, C = (bytes([number]) * 32 for number in range(3))
B_ID, C_ID = sealing_key_id(B), sealing_key_id(C)


class Source:
    name = "the ring"
    is_reloadable = True

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


async def test_a_new_key_is_loaded_and_the_old_one_stays(source: Source) -> None:
    sealer = Sealer(A)
    sealed = sealer.seal("s", "x")
    source.keys = [B]
    await KeyRingReloader(sealer, source).require(B_ID)
    assert sealer.open(sealed, "x") == "s"
    sealer.use(B_ID)
    assert sealer.seal("s", "x")[:4].hex() == B_ID


async def test_concurrent_calls_read_the_source_once(source: Source) -> None:
    reloader = KeyRingReloader(Sealer(A), source)
    source.keys = [B, A]
    await asyncio.gather(*(reloader.require(B_ID) for _ in range(20)))
    assert source.reads == 1


async def test_the_source_is_read_for_a_missing_key_once_in_ten_seconds(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    reloader = KeyRingReloader(Sealer(A), source, clock=lambda: now)
    for reads in (1, 2):
        for _ in range(20):
            with pytest.raises(StoreUnavailable):
                await reloader.require(C_ID)
        assert source.reads == reads
        now += PATIENCE_SECONDS
    assert caplog.messages == [f"sealing key {C_ID} is not in the ring: add it there"] * 2


async def test_another_key_is_loaded_while_one_is_missing(source: Source) -> None:
    reloader = KeyRingReloader(Sealer(A), source)
    with pytest.raises(StoreUnavailable):
        await reloader.require(C_ID)
    source.keys = [B, A]
    await reloader.require(B_ID)


async def test_a_source_that_fails_is_logged_and_changes_nothing(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.keys = []
    sealer = Sealer(A)
    with caplog.at_level(logging.ERROR), pytest.raises(StoreUnavailable):
        await KeyRingReloader(sealer, source).require(B_ID)
    assert caplog.messages[0] == "cannot reload the ring of sealing keys: it is damaged"
    assert sealer.key_ids == [sealing_key_id(A)]
