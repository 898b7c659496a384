"""The parsers that a stranger's bytes reach first: they refuse, or read what was written, and raise nothing else."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json

from sunshine_keys.access import tokens
from sunshine_keys.access.credentials import _basic
from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import BadRequest, Unauthorized
from sunshine_keys.wire import strict_json

SECRET = "s" * 86


def parse(content: bytes) -> None:
    """Have all of them read `content`: as a header, as JSON, and inside of what is well-formed around it."""
    _read_header(content.decode("latin-1"))
    _read_header(base64.b64encode(content).decode())
    _read_header(b".".join(map(_encoded, content.split(b"\xff"))).decode())
    _read_claims(content)
    with contextlib.suppress(BadRequest):
        assert strict_json.decode(content) == json.loads(content)


def _read_header(text: str) -> None:
    with contextlib.suppress(Unauthorized):
        key_id, secret = _basic(text)
        assert base64.b64decode(text) == f"{key_id}:{secret}".encode()
    with contextlib.suppress(Unauthorized):
        token = tokens.read(text)
        assert token.key_id and token.signed_part.count(b".") == 1
        assert tokens.claims_if_signed_by(SECRET, token) is None


def _read_claims(payload: bytes) -> None:
    """Of a token that the key did sign."""
    signed_part = _encoded(b'{"alg":"HS256","kid":"int_1"}') + b"." + _encoded(payload)
    signature = _encoded(hmac.digest(SECRET.encode(), signed_part, "sha256"))
    with contextlib.suppress(Unauthorized):
        claims = tokens.claims_if_signed_by(SECRET, tokens.read((signed_part + b"." + signature).decode()))
        assert claims == json.loads(payload)
        tokens.check_claims(claims, Scope.INTEGRATION, 0.0)
        assert claims["scope"] == "integration"


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
