"""Secrets and their sealing."""

from __future__ import annotations

import re

import pytest

from sunshine_keys.keys.secrets import is_our_secret, new_secret, same_secret
from sunshine_keys.sealing.sealer import Sealer, SealError, UnknownSealingKey

KEY = bytes(range(32))


def test_secrets_are_86_base64url_characters_and_never_the_same() -> None:
    made = {new_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch("[A-Za-z0-9_-]{86}", secret) for secret in made)


def test_a_secret_of_ours_is_recognised_and_nothing_else_is() -> None:
    secret = new_secret()
    assert is_our_secret(secret)
    for index in range(0, 85, 7):
        changed = secret[:index] + ("A" if secret[index] != "A" else "B") + secret[index + 1 :]
        assert not is_our_secret(changed)
    for other in ("", "A" * 86, secret[:-1], secret + "A", "é" * 86, "=" * 86,
                  "2vErhBhv81FZ5YXbC5XElVcnoNSqz0XjhqSYII4AOT3GCA5UojDCT07Z9NG_4PVzcxv-Zdd7IpeBL-RcXvfOyw"):  # fmt: skip
        assert not is_our_secret(other)


def test_what_is_sealed_opens_again_and_is_not_to_be_read() -> None:
    sealer, secret = Sealer(KEY), new_secret()
    sealed = sealer.seal(secret, "int_1")
    assert sealer.open(sealed, "int_1") == secret
    assert secret.encode() not in sealed
    assert sealed != sealer.seal(secret, "int_1")
    assert Sealer(KEY).open(sealed, "int_1") == secret


def test_a_seal_belongs_to_its_row_and_its_key() -> None:
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


def test_a_ring_seals_under_one_key_and_opens_what_any_of_them_sealed() -> None:
    other = KEY[::-1]
    old, ring = Sealer(other), Sealer(KEY, other)
    kept = old.seal("kept", "int_1")
    assert ring.open(kept, "int_1") == "kept"
    assert ring.seal("s", "int_1")[:4].hex() == ring.key_id == Sealer(KEY).key_id
    ring.use(old.key_id)
    assert old.open(ring.seal("new", "int_1"), "int_1") == "new"


def test_what_is_sealed_under_a_key_that_is_not_in_the_ring_names_it() -> None:
    sealer = Sealer(KEY)
    sealed = Sealer(KEY[::-1]).seal("s", "int_1")
    with pytest.raises(UnknownSealingKey) as caught:
        sealer.open(sealed, "int_1")
    assert caught.value.key_id == Sealer(KEY[::-1]).key_id
    with pytest.raises(KeyError):
        sealer.use(caught.value.key_id)
    sealer.add([KEY[::-1]])
    assert sealer.open(sealed, "int_1") == "s"


def test_the_key_id_names_the_key_and_tells_nothing_of_it() -> None:
    assert re.fullmatch("[0-9a-f]{8}", Sealer(KEY).key_id)
    assert Sealer(KEY).key_id != Sealer(KEY[::-1]).key_id
    assert KEY.hex() not in repr(Sealer(KEY))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_sealing_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(bytes(length))


def test_secrets_are_compared_whole() -> None:
    assert same_secret("abc", "abc")
    for given in ("", "ab", "abcd", "abd", "äbc", "\ud800"):
        assert not same_secret(given, "abc")
