"""The sealer: encryption under a ring of sealing keys."""

from __future__ import annotations

import re

import pytest

from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.sealing.sealer import Sealer, SealError, UnknownSealingKey

KEY = bytes(range(32))


def test_a_sealed_secret_can_be_unsealed_and_not_read() -> None:
    sealer, secret = Sealer(KEY), new_secret()
    sealed = sealer.seal(secret, "int_1")
    assert sealer.open(sealed, "int_1") == secret
    assert secret.encode() not in sealed
    assert sealed != sealer.seal(secret, "int_1")
    assert Sealer(KEY).open(sealed, "int_1") == secret


def test_a_sealed_secret_is_bound_to_its_row_and_its_key() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal("s", "int_1")
    with pytest.raises(SealError, match="damaged"):
        sealer.open(sealed, "int_2")
    with pytest.raises(SealError, match=f"under key {sealer.key_id}, which"):
        Sealer(KEY[::-1]).open(sealed, "int_1")
    for index in range(4, len(sealed)):
        with pytest.raises(SealError, match="damaged"):
            sealer.open(sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :], "int_1")
    for length in range(len(sealed)):
        with pytest.raises(SealError):
            sealer.open(sealed[:length], "int_1")


def test_a_ring_seals_under_its_current_key_and_unseals_with_any() -> None:
    other = KEY[::-1]
    old, ring = Sealer(other), Sealer(KEY, other)
    sealed = old.seal("old", "int_1")
    assert ring.open(sealed, "int_1") == "old"
    assert ring.seal("s", "int_1")[:4].hex() == ring.key_id == Sealer(KEY).key_id
    ring.use(old.key_id)
    assert old.open(ring.seal("new", "int_1"), "int_1") == "new"


def test_a_missing_sealing_key_is_named() -> None:
    sealer = Sealer(KEY)
    sealed = Sealer(KEY[::-1]).seal("s", "int_1")
    with pytest.raises(UnknownSealingKey) as caught:
        sealer.open(sealed, "int_1")
    assert caught.value.key_id == Sealer(KEY[::-1]).key_id
    with pytest.raises(KeyError):
        sealer.use(caught.value.key_id)
    sealer.add([KEY[::-1]])
    assert sealer.open(sealed, "int_1") == "s"


def test_the_key_id_does_not_contain_the_key() -> None:
    assert re.fullmatch("[0-9a-f]{8}", Sealer(KEY).key_id)
    assert Sealer(KEY).key_id != Sealer(KEY[::-1]).key_id
    assert KEY.hex() not in repr(Sealer(KEY))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_sealing_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(bytes(length))
