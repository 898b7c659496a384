"""Reading the Authorization header, and the reasons why credentials fail."""

from __future__ import annotations

import base64

import pytest

from sunshine_keys.access.credentials import BasicCredentials, read_credentials
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope
from sunshine_keys.access.tokens import UnverifiedToken, mint


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_basic_is_read_in_any_case(scheme: str) -> None:
    assert read_credentials(f"{scheme} {encoded('int_1:a:b')}") == BasicCredentials("int_1", "a:b")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_is_read_but_not_verified(scheme: str) -> None:
    token = read_credentials(f"{scheme} {mint('int_1', 'secret', Scope.INTEGRATION)}")
    assert isinstance(token, UnverifiedToken)
    assert token.key_id == "int_1"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", Reason.MISSING),
        ("Bearer", Reason.MISSING),
        ("Bearer  ", Reason.MISSING),
        ("Digest x", Reason.UNKNOWN_SCHEME),
        ("Basic", Reason.MALFORMED_BASIC),
        ("Basic ?", Reason.MALFORMED_BASIC),
        ("Basic é", Reason.MALFORMED_BASIC),
        (f"Basic {encoded('no colon')}", Reason.MALFORMED_BASIC),
        (f"Basic {encoded(':')}", Reason.EMPTY),
        ("Bearer a.b", Reason.MALFORMED_TOKEN),
        (f"Bearer {'a' * 8193}", Reason.TOKEN_TOO_LONG),
    ],
)
def test_a_header_that_cannot_be_read_has_a_reason_and_names_no_key(header: str, reason: Reason) -> None:
    assert read_credentials(header) == AuthenticationFailure(reason)


def test_credentials_keep_the_secret_out_of_their_repr() -> None:
    assert "top-secret" not in repr(read_credentials(f"Basic {encoded('int_1:top-secret')}"))


def test_reasons_have_their_own_values() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason.__members__)


def test_the_title_names_the_scope_that_a_token_should_have() -> None:
    failure = AuthenticationFailure(Reason.WRONG_SCOPE, "app_1", Scope.APP)
    assert failure.error.titles == ("JWT scope should be app, the scope of the key that signed it",)
