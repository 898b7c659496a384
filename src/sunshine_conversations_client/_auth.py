"""Which credentials a request carries, and the tokens that a client signs itself."""

from __future__ import annotations

from sunshine_conversations_client.exceptions import ApiArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sunshine_conversations_client._messages import Headers
    from sunshine_conversations_client.configuration import Configuration

SCHEMES = ("basicAuth", "bearerAuth")
TOKEN_SECONDS = 300
_RENEWED_BEFORE_END = 60
_SKEW_TOLERATED = 2.0


class Signer:
    """Signs HS256 tokens for a configuration's `key_id`, `secret` and `scope`, and keeps each until it nears its end.

    `skew` is how far the service's clock is ahead of this machine's, as far as is known.
    """

    def __init__(self) -> None:
        self.skew = 0.0
        self._made: tuple[tuple[str, str, str, float], float, str] | None = None

    def token(self, key_id: str, secret: str, scope: str, now: float) -> str:
        """A token that is good for at least a minute from `now`, the wall clock's seconds since 1970."""
        made_for, now = (key_id, secret, scope, self.skew), now + self.skew
        if self._made is None or self._made[0] != made_for or now >= self._made[1] - _RENEWED_BEFORE_END:
            end = int(now) + TOKEN_SECONDS
            self._made = (made_for, end, _sign(key_id, secret, {"scope": scope, "iat": int(now), "exp": end}))
        return self._made[2]

    def learn(self, served: float, now: float) -> bool:
        """Take the service's time from a refusal; True where it differs so much that a new token may be accepted."""
        skew = served - now
        if abs(skew - self.skew) <= _SKEW_TOLERATED:
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
    """Whether a configuration has the client sign tokens."""
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
    """A token there is, else one that is signed, else Basic; nothing where there are no credentials.

    A call's own Authorization header is left as it is. Raises ApiArgumentError for credentials that are no text.
    """
    if "authorization" in headers:
        return
    token = configuration.access_token
    named = {name: getattr(configuration, name) for name in _TEXTS}
    for name, value in named.items():
        if value is not None and not isinstance(value, str):
            raise ApiArgumentError(f"{name} should be a string, not {type(value).__name__}")
    for name, other in _PAIRS:
        if named[name] is not None and named[other] is None:
            raise ApiArgumentError(f"{name} is given and {other} is not")
    try:
        if token is not None and "bearerAuth" in schemes:
            headers["Authorization"] = f"Bearer {token.strip()}"  # a token from a file may end in a newline
        elif signer is not None and signs(configuration) and "bearerAuth" in schemes:
            made = signer.token(named["key_id"], named["secret"], named["scope"], now)
            headers["Authorization"] = f"Bearer {made}"
        elif "basicAuth" in schemes and (basic := configuration.get_basic_auth_token_or_none()) is not None:
            headers["Authorization"] = basic
    except UnicodeEncodeError:
        raise ApiArgumentError("credentials should be text that UTF-8 can hold") from None


_PAIRS = (("username", "password"), ("password", "username"), ("key_id", "secret"), ("secret", "key_id"))
_TEXTS = ("access_token", "key_id", "password", "scope", "secret", "username")


def apply_given(auth: dict[str, Any], headers: Headers, query: list[tuple[str, str]]) -> None:
    """A call's `_request_auth`: {"in": "header" | "query" | "cookie", "key": name, "value": value, "type": any}.

    Raises ApiArgumentError for another `in` or a missing key.
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
