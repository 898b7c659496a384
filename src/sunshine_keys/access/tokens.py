"""JSON Web Tokens: read, verify and mint them.

A token names its key in the header (`kid`), is signed with that key's secret by HS256 and no other algorithm, and states
the key's scope in its payload. A failure before the signature is verified depends on the token alone, so it shows a
stranger nothing about the keys in the store.

HS256 takes 1 µs for a token of a key whose last token was read a moment ago, and 8 µs with the standard library's HMAC, which
prepares the key for each token; a JOSE library took 70 µs. This code is as short as an adapter to such a library would be. The
tests compare it with two of them.
"""

from __future__ import annotations

import binascii
import hmac
import math
import time
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope

ALGORITHM = "HS256"
TOKEN_LENGTH = 8192
"""The longest token that is read, in characters."""

LINK_SECONDS = 60
"""The longest time until the token of a sign-in link expires."""

_LATEST_DATE = 2**53

_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class UnverifiedToken(msgspec.Struct, frozen=True):
    """A well-formed HS256 token. Trust nothing in it until `read_claims` has verified its signature."""

    key_id: str
    signed_part: bytes
    payload: str
    signature: bytes

    def __repr__(self) -> str:
        return f"UnverifiedToken(key_id={self.key_id!r}, …)"


def read_token(compact: str) -> UnverifiedToken | AuthenticationFailure:
    """Return the parts of an HS256 token whose header has a `kid`, or the failure if `compact` is not such a token."""
    if len(compact) > TOKEN_LENGTH:
        return AuthenticationFailure(Reason.TOKEN_TOO_LONG)
    parts = compact.split(".")
    if len(parts) != 3 or not compact.isascii():
        return AuthenticationFailure(Reason.MALFORMED_TOKEN)
    key_id = _read_key_id(parts[0])
    if not isinstance(key_id, str):
        return key_id
    signed_part = compact[: len(parts[0]) + 1 + len(parts[1])].encode()
    return UnverifiedToken(key_id, signed_part, parts[1], parts[2].encode())


def read_header(part: str) -> dict[str, Any] | AuthenticationFailure:
    """Return the JSON object in the first part of a token, or the failure if the part holds no object."""
    return _read_object(part, Reason.MALFORMED_HEADER)


@lru_cache(256)  # A key's tokens usually share one header.
def _read_key_id(part: str) -> str | AuthenticationFailure:
    """Return the id of the key that a token's header names, or the failure if the header is invalid."""
    header = read_header(part)
    if isinstance(header, AuthenticationFailure):
        return header
    if header.get("alg") != ALGORITHM:
        return AuthenticationFailure(Reason.WRONG_ALGORITHM)
    if "crit" in header:
        return AuthenticationFailure(Reason.CRITICAL_EXTENSION)
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        return AuthenticationFailure(Reason.MISSING_KEY_ID)
    return key_id


def is_signed_with(token: UnverifiedToken, secret: bytes) -> bool:
    """Return True if `secret` signed the token."""
    # Compare the signatures as text, so that only one spelling of a signature is valid.
    return hmac.compare_digest(_encode_base64url(_sign(secret, token.signed_part)), token.signature)


def read_claims(token: UnverifiedToken, secret: str) -> dict[str, Any] | AuthenticationFailure:
    """Return the token's claims if `secret` signed it and they can be read, else the failure."""
    if not is_signed_with(token, secret.encode()):
        return AuthenticationFailure(Reason.WRONG_SIGNATURE, token.key_id)
    claims = _read_object(token.payload, Reason.MALFORMED_PAYLOAD)
    if isinstance(claims, AuthenticationFailure):
        return AuthenticationFailure(claims.reason, token.key_id)
    return claims


def check_claims(claims: dict[str, Any], key_id: str, scope: Scope, now: float) -> AuthenticationFailure | None:
    """Return None if `claims` have the scope of the key that signed them and are valid at `now`, else the failure.

    `key_id` and `scope` are those of the key that signed the token; `now` is in seconds since 1970.
    """
    if "scope" not in claims:
        return AuthenticationFailure(Reason.MISSING_SCOPE, key_id)
    if claims["scope"] != scope.value:
        return AuthenticationFailure(Reason.WRONG_SCOPE, key_id, scope)
    if "exp" in claims:
        end = claims["exp"]
        if not _is_date(end):
            return AuthenticationFailure(Reason.INVALID_EXP, key_id)
        if now >= end:
            return AuthenticationFailure(Reason.EXPIRED, key_id, cause=f"JWT expired {now - end:.0f} seconds before")
    if "nbf" in claims:
        start = claims["nbf"]
        if not _is_date(start):
            return AuthenticationFailure(Reason.INVALID_NBF, key_id)
        if now < start:
            cause = f"JWT is valid only {start - now:.0f} seconds later"
            return AuthenticationFailure(Reason.NOT_YET_VALID, key_id, cause=cause)
    return None


def period(claims: dict[str, Any]) -> tuple[float, float]:
    """Return from when until when `check_claims` accepts claims that it has accepted once."""
    return claims.get("nbf", -math.inf), claims.get("exp", math.inf)


def check_link_claims(claims: dict[str, Any], key_id: str, now: float) -> AuthenticationFailure | None:
    """Return None if claims that `check_claims` accepts expire within LINK_SECONDS of `now`, else the failure."""
    if "exp" in claims and claims["exp"] <= now + LINK_SECONDS:
        return None
    return AuthenticationFailure(Reason.LONG_LIVED, key_id)


def mint(key_id: str, secret: str, scope: Scope, *, expires_in: int | None = 300) -> str:
    """Return a token signed by the key, which expires `expires_in` seconds from now, or never if that is None."""
    issued = int(time.time())
    claims: dict[str, Any] = {"scope": scope.value, "iat": issued}
    if expires_in is not None:
        claims["exp"] = issued + expires_in
    parts = ({"alg": ALGORITHM, "typ": "JWT", "kid": key_id}, claims)
    signed_part = b".".join(_encode_base64url(msgspec.json.encode(part)) for part in parts)
    return b".".join((signed_part, _encode_base64url(_sign(secret.encode(), signed_part)))).decode()


def _sign(secret: bytes, signed_part: bytes) -> bytes:
    signature = _keyed(secret).copy()
    signature.update(signed_part)
    return signature.finalize()


@lru_cache(256)
def _keyed(secret: bytes) -> HMAC:
    return HMAC(secret, SHA256())


def _encode_base64url(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=")


def _read_object(part: str, malformed: Reason) -> dict[str, Any] | AuthenticationFailure:
    """Decode a part of a token. `malformed` is the reason if the part is base64url, but not of a JSON object.

    binascii is called directly: the wrapper in the module base64 takes 2 of the 4 µs that a new token's parts take.
    """
    if "=" in part or "+" in part or "/" in part:
        return AuthenticationFailure(Reason.MALFORMED_TOKEN)
    try:
        raw = binascii.a2b_base64(part.encode().translate(_FROM_URL) + b"=" * (-len(part) % 4), strict_mode=True)
    except binascii.Error:
        return AuthenticationFailure(Reason.MALFORMED_TOKEN)
    try:
        return _decode_object(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return AuthenticationFailure(malformed)


def _is_date(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LATEST_DATE
