"""Credentials of a request: HTTP Basic, bearer tokens, and tokens that the client signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sunshine_conversations_client._messages import Headers
    from sunshine_conversations_client.configuration import Configuration

SCHEMES = ("basicAuth", "bearerAuth")
TOKEN_SECONDS = 300
_RENEW_BEFORE_EXPIRY_SECONDS = 60
_TOLERATED_SKEW_SECONDS = 2.0


class Signer:
    """Signs HS256 tokens for a configuration's `key_id`, `secret` and `scope`, and caches the latest one.

    `skew` is the number of seconds by which the service's clock is ahead of this machine's. It is 0 until a refusal shows
    a difference.
    """

    def __init__(self) -> None:
        self.skew = 0.0
        self._cached: tuple[tuple[str, str, str, float], float, str] | None = None

    def token(self, key_id: str, secret: str, scope: str, now: float) -> str:
        """Return a token that stays valid for at least 60 seconds after `now`, the wall clock's seconds since 1970."""
        signed_for, now = (key_id, secret, scope, self.skew), now + self.skew
        cached = self._cached
        if cached is None or cached[0] != signed_for or now >= cached[1] - _RENEW_BEFORE_EXPIRY_SECONDS:
            expiry = int(now) + TOKEN_SECONDS
            token = _sign(key_id, secret, {"scope": scope, "iat": int(now), "exp": expiry})
            cached = self._cached = (signed_for, expiry, token)
        return cached[2]

    def adjust_skew(self, server_time: float, now: float) -> bool:
        """Adopt the service's clock from the Date of a refusal, in seconds since 1970.

        Return True if the skew changed by more than 2 seconds. The service may then accept a new token.
        """
        skew = server_time - now
        if abs(skew - self.skew) <= _TOLERATED_SKEW_SECONDS:
            return False
        self.skew = skew
        return True


def _sign(key_id: str, secret: str, claims: dict[str, Any]) -> str:
    import hashlib
    import hmac
    import json
    from base64 import urlsafe_b64encode

    def encode(raw: bytes) -> bytes:
        return urlsafe_b64encode(raw).rstrip(b"=")

    header = {"alg": "HS256", "typ": "JWT", "kid": key_id}
    signed = b".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(secret.encode(), signed, hashlib.sha256)
    return b".".join((signed, encode(signature))).decode()


def signs(configuration: Configuration) -> bool:
    """Return True if the client signs tokens for this configuration: it has a key and a scope, and no token."""
    return configuration.access_token is None and bool(
        configuration.key_id and configuration.secret and configuration.scope
    )


def apply_configured(
    configuration: Configuration,
    headers: Headers,
    schemes: Sequence[str] = SCHEMES,
    *,
    signer: Signer | None = None,
    now: float = 0.0,
) -> None:
    """Set the Authorization header from the configured credentials, unless `headers` already has one.

    A configured token comes first, then a token that `signer` signs, then HTTP Basic; without credentials the headers
    stay unchanged. `schemes` limits the choice to "basicAuth" or "bearerAuth". Raises ApiArgumentError if a credential is
    not a string, or if one half of a key is missing.
    """
    if "authorization" in headers:
        return
    token = configuration.access_token
    credentials = {name: getattr(configuration, name) for name in _CREDENTIALS}
    for name, value in credentials.items():
        if value is not None and not isinstance(value, str):
            raise ApiArgumentError(f"{name} should be a string, not {type(value).__name__}")
    for name, other in _PAIRS:
        if credentials[name] is not None and credentials[other] is None:
            raise ApiArgumentError(f"{other} is missing. Set it together with {name}: a key has both.")
    try:
        if token is not None and "bearerAuth" in schemes:
            headers["Authorization"] = f"Bearer {token.strip()}"  # a token from a file may end in a newline
        elif signer is not None and signs(configuration) and "bearerAuth" in schemes:
            signed = signer.token(credentials["key_id"], credentials["secret"], credentials["scope"], now)
            headers["Authorization"] = f"Bearer {signed}"
        elif "basicAuth" in schemes and (basic := configuration.get_basic_auth_token_or_none()) is not None:
            headers["Authorization"] = basic
    except UnicodeEncodeError:
        raise ApiArgumentError(
            "The credentials contain surrogate characters. Use text that UTF-8 can encode."
        ) from None


_PAIRS = (("username", "password"), ("password", "username"), ("key_id", "secret"), ("secret", "key_id"))
_CREDENTIALS = ("access_token", "key_id", "password", "scope", "secret", "username")


def apply_request_auth(auth: dict[str, Any], headers: Headers, query: list[tuple[str, str]]) -> None:
    """Add the `_request_auth` of a call to its headers or its query.

    The form is {"in": "header" | "query" | "cookie", "key": name, "value": value, "type": ignored}, as in the official
    client. Raises ApiArgumentError for another `in`, a missing key or a value that is not a string.
    """
    try:
        place, name, value = auth["in"], auth["key"], auth["value"]
    except (KeyError, TypeError):
        raise ApiArgumentError("_request_auth should be a dict with the keys in, type, key and value") from None
    if not isinstance(name, str) or not isinstance(value, str):
        raise ApiArgumentError("_request_auth['key'] and _request_auth['value'] should be strings")
    if place == "header":
        headers[name] = value
    elif place == "query":
        query.append((name, value))
    elif place == "cookie":
        cookie = f"{name}={value}"
        headers["Cookie"] = f"{headers['Cookie']}; {cookie}" if "Cookie" in headers else cookie
    else:
        raise ApiArgumentError("_request_auth['in'] should be header, query or cookie")
