"""The parsers on input that Hypothesis generates. `make fuzz` runs them under a coverage-guided fuzzer."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st
from support.parsers import parse

from sunshine_keys.access import tokens
from sunshine_keys.access.failures import AuthenticationFailure
from sunshine_keys.access.scopes import Scope
from sunshine_keys.access.tokens import UnverifiedToken


def encoded(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
HEADERS = st.fixed_dictionaries({"alg": st.just("HS256") | JSON, "kid": st.just("int_1") | JSON}) | JSON
TOKENS = st.tuples(HEADERS.map(encoded), JSON.map(encoded) | st.binary(), st.binary()).map(b".".join)
CLAIMS = st.fixed_dictionaries({"scope": st.just("integration")}, optional={"exp": JSON, "nbf": JSON})
BASIC = st.binary().map(base64.b64encode)


@given(st.binary() | TOKENS | BASIC | (CLAIMS | JSON).map(json.dumps).map(str.encode))
def test_parsers_accept_or_refuse_and_raise_nothing_else(content: bytes) -> None:
    parse(content)


@given(st.data())
def test_a_token_with_one_byte_changed_is_not_accepted(data: st.DataObject) -> None:
    secret = "s" * 86
    token = tokens.mint("int_1", secret, Scope.INTEGRATION).encode()
    place = data.draw(st.integers(0, len(token) - 1))
    byte = data.draw(st.integers(33, 126).filter(lambda code: code != token[place]))
    changed = (token[:place] + bytes([byte]) + token[place + 1 :]).decode()
    read = tokens.read_token(changed)
    if isinstance(read, UnverifiedToken):
        assert isinstance(tokens.read_claims(read, secret), AuthenticationFailure)
