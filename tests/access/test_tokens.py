"""Tokens held against two JOSE libraries, and against any bytes."""

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
from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import Unauthorized
from sunshine_keys.keys.secrets import new_secret

SECRET = new_secret()


@pytest.mark.parametrize("scope", list(Scope))
def test_a_minted_token_is_good_to_others(scope: Scope) -> None:
    made = tokens.mint("app_1", SECRET, scope, expires_in=60)

    assert jwt.get_unverified_header(made) == {"alg": "HS256", "typ": "JWT", "kid": "app_1"}
    claims = jwt.decode(made, SECRET, ["HS256"])
    assert claims["scope"] == scope.value
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time.time()) < 5
    assert joserfc_jwt.decode(made, OctKey.import_key(SECRET)).claims == claims


def test_a_token_can_be_made_without_an_end() -> None:
    assert "exp" not in jwt.decode(tokens.mint("app_1", SECRET, Scope.APP, expires_in=None), SECRET, ["HS256"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(claims=st.dictionaries(st.text(), json_values, max_size=4), secret=st.text(min_size=1, max_size=90))
def test_others_tokens_are_read_as_they_were_meant(claims: dict[str, object], secret: str) -> None:
    for reserved in ("exp", "nbf", "iat", "sub", "jti", "aud", "iss"):  # PyJWT has its own rules for these
        claims.pop(reserved, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = jwt.encode(claims, secret, "HS256", {"kid": "k"})
    token = tokens.read(made)
    assert token.key_id == "k"
    assert tokens.claims_if_signed_by(secret, token) == claims
    assert tokens.claims_if_signed_by(secret + "x", token) is None


@given(st.text() | st.builds(".".join, st.lists(st.text("eyJhbGciOiJIUzI1NiJ9_-=", max_size=40), max_size=4)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        token = tokens.read(text)
    except Unauthorized:
        return
    assert tokens.claims_if_signed_by(SECRET, token) is None


@given(st.integers(0), st.integers(1, 127))
def test_no_changed_token_is_taken(position: int, change: int) -> None:
    made = tokens.mint("app_1", SECRET, Scope.APP)
    position %= len(made)
    changed = made[:position] + chr((ord(made[position]) + change) % 128) + made[position + 1 :]
    try:
        claims = tokens.claims_if_signed_by(SECRET, tokens.read(changed))
    except Unauthorized:
        return
    assert claims is None


def test_the_moment_of_expiry_is_already_too_late() -> None:
    tokens.check_claims({"scope": "app", "exp": 100, "nbf": 99}, Scope.APP, 99.9)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.check_claims({"scope": "app", "exp": 100}, Scope.APP, 100)
