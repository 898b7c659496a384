"""Tokens compared with two JOSE libraries, and read from arbitrary text."""

from __future__ import annotations

import time
import warnings

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey

from sunshine_keys.access import tokens
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope
from sunshine_keys.access.tokens import UnverifiedToken
from sunshine_keys.keys.secrets import new_secret

SECRET = new_secret()


@pytest.mark.parametrize("scope", list(Scope))
def test_other_libraries_accept_a_minted_token(scope: Scope) -> None:
    minted = tokens.mint("app_1", SECRET, scope, expires_in=60)

    assert jwt.get_unverified_header(minted) == {"alg": "HS256", "typ": "JWT", "kid": "app_1"}
    claims = jwt.decode(minted, SECRET, ["HS256"])
    assert claims["scope"] == scope.value
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time.time()) < 5
    assert joserfc_jwt.decode(minted, OctKey.import_key(SECRET)).claims == claims


def test_a_token_can_be_minted_without_an_end() -> None:
    assert "exp" not in jwt.decode(tokens.mint("app_1", SECRET, Scope.APP, expires_in=None), SECRET, ["HS256"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(claims=st.dictionaries(st.text(), json_values, max_size=4), secret=st.text(min_size=1, max_size=90))
def test_tokens_of_other_libraries_are_read(claims: dict[str, object], secret: str) -> None:
    for reserved in ("exp", "nbf", "iat", "sub", "jti", "aud", "iss"):  # PyJWT has its own rules for these
        claims.pop(reserved, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoded = jwt.encode(claims, secret, "HS256", {"kid": "k"})
    token = tokens.read_token(encoded)
    assert isinstance(token, UnverifiedToken)
    assert token.key_id == "k"
    assert tokens.read_claims(token, secret) == claims
    assert tokens.read_claims(token, secret + "x") == AuthenticationFailure(Reason.WRONG_SIGNATURE, "k")


@given(st.text() | st.builds(".".join, st.lists(st.text("eyJhbGciOiJIUzI1NiJ9_-=", max_size=40), max_size=4)))
def test_any_text_is_read_or_fails(text: str) -> None:
    token = tokens.read_token(text)
    if isinstance(token, UnverifiedToken):
        assert isinstance(tokens.read_claims(token, SECRET), AuthenticationFailure)


@given(st.integers(0), st.integers(1, 127))
def test_a_changed_token_is_rejected(position: int, change: int) -> None:
    encoded = tokens.mint("app_1", SECRET, Scope.APP)
    position %= len(encoded)
    changed = encoded[:position] + chr((ord(encoded[position]) + change) % 128) + encoded[position + 1 :]
    token = tokens.read_token(changed)
    if isinstance(token, UnverifiedToken):
        assert isinstance(tokens.read_claims(token, SECRET), AuthenticationFailure)


def test_a_token_has_expired_at_the_second_of_its_exp() -> None:
    claims = {"scope": "app", "exp": 100, "nbf": 99}
    assert tokens.check_claims(claims, "app_1", Scope.APP, 99.9) is None
    failure = tokens.check_claims(claims, "app_1", Scope.APP, 100)
    assert failure is not None
    assert (failure.reason, failure.cause) == (Reason.EXPIRED, "JWT expired 0 seconds before")
