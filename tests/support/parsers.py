"""Run the parsers that a stranger's bytes reach first: they refuse, or read what was written, and raise nothing else."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json

from sunshine_keys.access import tokens
from sunshine_keys.access.credentials import BasicCredentials, read_credentials
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope
from sunshine_keys.access.tokens import UnverifiedToken
from sunshine_keys.errors import BadRequest
from sunshine_keys.wire import strict_json

SECRET = "s" * 86


def parse(content: bytes) -> None:
    """Read `content` with each parser: as a header, as JSON, and as a part of something well-formed."""
    _read_header(content.decode("latin-1"))
    _read_header(base64.b64encode(content).decode())
    _read_header(b".".join(map(_encoded, content.split(b"\xff"))).decode())
    _read_claims(content)
    with contextlib.suppress(BadRequest):
        assert strict_json.decode(content) == json.loads(content)


def _read_header(text: str) -> None:
    basic = read_credentials(f"Basic {text}")
    if isinstance(basic, BasicCredentials):
        assert base64.b64decode(text.strip()) == f"{basic.key_id}:{basic.secret}".encode()
    token = tokens.read_token(text)
    if isinstance(token, UnverifiedToken):
        assert token.key_id and token.signed_part.count(b".") == 1
        assert isinstance(tokens.read_claims(token, SECRET), AuthenticationFailure)


def _read_claims(payload: bytes) -> None:
    """Read `payload` as the claims of a token that the key did sign."""
    signed_part = _encoded(b'{"alg":"HS256","kid":"int_1"}') + b"." + _encoded(payload)
    signature = _encoded(hmac.digest(SECRET.encode(), signed_part, "sha256"))
    token = tokens.read_token((signed_part + b"." + signature).decode())
    if isinstance(token, AuthenticationFailure):
        assert token.reason is Reason.TOKEN_TOO_LONG
        return
    claims = tokens.read_claims(token, SECRET)
    if isinstance(claims, AuthenticationFailure):
        assert claims.reason is Reason.MALFORMED_PAYLOAD
        return
    assert claims == json.loads(payload)
    if tokens.check_claims(claims, "int_1", Scope.INTEGRATION, 0.0) is None:
        assert claims["scope"] == "integration"


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
