"""Secrets of keys: their form, their checksum, their comparison."""

from __future__ import annotations

import re

from sunshine_keys.keys.secrets import is_our_secret, new_secret, same_secret


def test_secrets_are_86_base64url_characters_and_unique() -> None:
    secrets = {new_secret() for _ in range(1000)}
    assert len(secrets) == 1000
    assert all(re.fullmatch("[A-Za-z0-9_-]{86}", secret) for secret in secrets)


def test_only_secrets_of_this_service_are_recognised() -> None:
    secret = new_secret()
    assert is_our_secret(secret)
    for index in range(0, 85, 7):
        changed = secret[:index] + ("A" if secret[index] != "A" else "B") + secret[index + 1 :]
        assert not is_our_secret(changed)
    for other in ("", "A" * 86, secret[:-1], secret + "A", "é" * 86, "=" * 86,
                  "2vErhBhv81FZ5YXbC5XElVcnoNSqz0XjhqSYII4AOT3GCA5UojDCT07Z9NG_4PVzcxv-Zdd7IpeBL-RcXvfOyw"):  # fmt: skip
        assert not is_our_secret(other)


def test_secrets_are_compared_whole() -> None:
    assert same_secret("abc", "abc")
    for other in ("", "ab", "abcd", "abd", "äbc", "\ud800"):
        assert not same_secret(other, "abc")
