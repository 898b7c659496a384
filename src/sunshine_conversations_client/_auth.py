"""Credentials of a request: HTTP Basic, bearer tokens, and tokens that the client signs."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from sunshine_conversations_client.configuration import Configuration
from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sunshine_conversations_client._messages import Headers

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
        self._cached: tuple[tuple[str, str, str, float], int, str] | None = None

    def token(self, key_id: str, secret: str, scope: str, now: float) -> str:
        """Return a token that is valid at `now`, the wall clock's seconds since 1970, and for 60 more seconds.

        A cached token whose issue lies in the future was signed by a clock that was ahead, and is replaced.
        """
        signed_for, now = (key_id, secret, scope, self.skew), now + self.skew
        cached = self._cached
        if (
            cached is None
            or cached[0] != signed_for
            or not cached[1] <= now < cached[1] + TOKEN_SECONDS - _RENEW_BEFORE_EXPIRY_SECONDS
        ):
            issued = int(now)
            token = _sign(key_id, secret, {"scope": scope, "iat": issued, "exp": issued + TOKEN_SECONDS})
            cached = self._cached = (signed_for, issued, token)
        return cached[2]

    def adjust_skew(self, server_time: float, now: float) -> None:
        """Adopt the service's clock from the Date of a refusal, in seconds since 1970, if it differs by over 2 seconds."""
        skew = server_time - now
        if abs(skew - self.skew) > _TOLERATED_SKEW_SECONDS:
            self.skew = skew


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


def apply_configured(
    configuration: Configuration,
    headers: Headers,
    schemes: Sequence[str] = SCHEMES,
    *,
    query: list[tuple[str, str]],
    signer: Signer | None = None,
    now: float = 0.0,
) -> bool:
    """Set the Authorization header from the configured credentials, unless `headers` already has one.

    A configured token comes first, then a token that `signer` signs, then HTTP Basic; without credentials the headers
    stay unchanged. `schemes` limits the choice to "basicAuth" or "bearerAuth". If the configuration overrides
    `auth_settings`, that method is called and decides; it may also name other schemes, or add to `query`. Return True if
    `signer` signed the token. Raises ApiArgumentError if a credential is not a string, or if one half of a key is missing.
    """
    if "authorization" in headers:
        return False
    overridden = _overridden_settings(configuration)
    if overridden is not None:
        chosen = {name: overridden[name] for name in schemes if overridden.get(name)}
        unchanged = list(chosen) == ["basicAuth"] and chosen["basicAuth"] == _basic_setting(configuration)
        if not unchanged:  # a key that the method leaves as it is may sign tokens all the same
            _apply_settings(chosen, headers, query)
            return False
    _check_credentials(configuration)
    token, key_id, secret, scope = (
        configuration.access_token,
        configuration.key_id,
        configuration.secret,
        configuration.scope,
    )
    if "bearerAuth" not in schemes:
        token = signer = None
    if token is not None:
        headers["Authorization"] = f"Bearer {token.strip()}"  # a token from a file may end in a newline
    elif signer is not None and key_id and secret and scope:
        headers["Authorization"] = f"Bearer {signer.token(key_id, secret, scope, now)}"
        return True
    elif "basicAuth" in schemes and (basic := configuration.get_basic_auth_token_or_none()) is not None:
        headers["Authorization"] = basic
    return False


def _overridden_settings(configuration: Configuration) -> dict[str, Any] | None:
    """Return what `auth_settings` returns if a subclass or a mock replaces it, else None. Raises ApiArgumentError."""
    if getattr(configuration.auth_settings, "__func__", None) is Configuration.auth_settings:
        return None
    settings: Any = configuration.auth_settings()
    if not isinstance(settings, dict):
        raise ApiArgumentError(f"auth_settings should return a dict, not {type(settings).__name__}")
    return settings


def _basic_setting(configuration: Configuration) -> Any:
    return Configuration.auth_settings(configuration).get("basicAuth")


def _apply_settings(chosen: dict[str, Any], headers: Headers, query: list[tuple[str, str]]) -> None:
    for name, setting in chosen.items():
        if name != "basicAuth" or "bearerAuth" not in chosen:  # both are the same header
            apply_request_auth(setting, headers, query, source="auth_settings")


def _check_credentials(configuration: Configuration) -> None:
    """Raise ApiArgumentError for an invalid credential."""
    for name, value in zip(_CREDENTIALS, _read_credentials(configuration), strict=True):
        if value is None:
            continue
        if not isinstance(value, str):
            raise ApiArgumentError(f"{name} should be a string, not {type(value).__name__}")
        if not value.isascii() and _SURROGATES.search(value):
            raise ApiArgumentError("The credentials contain surrogate characters. Use text that UTF-8 can encode.")
        other = _PARTNERS.get(name)
        if other is not None and getattr(configuration, other) is None:
            raise ApiArgumentError(f"{other} is missing. Set it together with {name}: a key has both.")


_PARTNERS = {"username": "password", "password": "username", "key_id": "secret", "secret": "key_id"}
_SURROGATES = re.compile("[\ud800-\udfff]")
_CREDENTIALS = ("access_token", "key_id", "password", "scope", "secret", "username")
_read_credentials = operator.attrgetter(*_CREDENTIALS)


def apply_request_auth(
    auth: dict[str, Any], headers: Headers, query: list[tuple[str, str]], *, source: str = "_request_auth"
) -> None:
    """Add the `_request_auth` of a call, or an entry of `auth_settings`, to its headers or its query.

    The form is {"in": "header" | "query" | "cookie", "key": name, "value": value, "type": ignored}, as in the official
    client. Raises ApiArgumentError for another `in`, a missing key or a value that is not a string.
    """
    try:
        place, name, value = auth["in"], auth["key"], auth["value"]
    except (KeyError, TypeError):
        raise ApiArgumentError(f"{source} should be a dict with the keys in, type, key and value") from None
    if not isinstance(name, str) or not isinstance(value, str):
        raise ApiArgumentError(f"{source}['key'] and {source}['value'] should be strings")
    if _SURROGATES.search(name) or _SURROGATES.search(value):
        raise ApiArgumentError(f"{source} contains surrogate characters. Use text that UTF-8 can encode.")
    if place == "header":
        headers[name] = value
    elif place == "query":
        query.append((name, value))
    elif place == "cookie":
        cookie = f"{name}={value}"
        headers["Cookie"] = f"{headers['Cookie']}; {cookie}" if "Cookie" in headers else cookie
    else:
        raise ApiArgumentError(f"{source}['in'] should be header, query or cookie")
