"""Receiving webhooks: the check of a request's `X-API-Key`, and the events in its body. It does no I/O and needs no framework."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sunshine_conversations_client.exceptions import ApiArgumentError, WebhookDecodeError, WebhookVerificationError
from sunshine_conversations_client.models._events import WebhookEnvelope

if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["WebhookDecodeError", "WebhookEnvelope", "WebhookVerificationError", "parse"]

_NAMES = ("x-api-key", "http_x_api_key")
"""The header's name in lower case: in requests, and in the environ of WSGI and Django's `request.META`."""

_MAX_DEPTH = 100
"""How deep the objects and lists of a body may nest. Published events have 7 levels."""


def parse(headers: Any, body: bytes | str, secret: str | Iterable[str]) -> WebhookEnvelope:
    """Verify a request that a webhook sent, and return what it holds.

    headers: a mapping or an iterable of pairs, as text or bytes, with names in any case. The headers of every common
    framework, the environ of WSGI and `scope["headers"]` of ASGI have that form.
    body: the bytes of the body, or their text.
    secret: the webhook's secret, or several while you change to a new webhook.

    An event of an unknown type is a plain `EventSubSchema`, and `additional_properties` has what no field holds. Raises
    WebhookVerificationError if the request does not carry exactly one `X-API-Key` that equals a secret: answer 401. Raises
    WebhookDecodeError if a verified body is no JSON object with a list of events: answer 400. Raises ApiArgumentError for
    an empty secret, an empty list of secrets, and arguments of another type.
    """
    secrets = _secrets(secret)
    if not isinstance(body, bytes | bytearray | memoryview | str):
        raise ApiArgumentError(f"body should be the bytes of the request's body, not {type(body).__name__}")
    values = _api_keys(headers)
    if not values:
        raise WebhookVerificationError("The request has no X-API-Key header.")
    if len(values) > 1:
        raise WebhookVerificationError("The request has more than one X-API-Key header.")
    if not _matches(values[0], secrets):
        raise WebhookVerificationError("The X-API-Key header of the request equals no secret of this webhook.")
    return _envelope(_decoded(body))


def _secrets(secret: Any) -> list[bytes]:
    """Return the secrets as bytes without white space around them, which no header can carry."""
    texts = [secret] if isinstance(secret, str) else secret
    if not isinstance(texts, Iterable) or isinstance(texts, bytes | bytearray | Mapping):
        raise ApiArgumentError(f"secret should be a str or a list of them, not {type(secret).__name__}")
    secrets: list[bytes] = []
    for text in texts:
        if not isinstance(text, str):
            raise ApiArgumentError(
                f"secret should be a str or a list of them, and has an item of {type(text).__name__}"
            )
        secrets.append(_bytes(text).strip())
    if not secrets or not all(secrets):
        raise ApiArgumentError("secret is empty: set the secret that the service shows for the webhook")
    return secrets


def _api_keys(headers: Any) -> list[bytes]:
    """Return the values of all `X-API-Key` headers."""
    items = getattr(headers, "items", None)
    pairs = items() if callable(items) else headers
    values: list[bytes] = []
    if not isinstance(pairs, Iterable) or isinstance(pairs, str | bytes):
        _reject_headers()
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            _reject_headers()
        name, value = pair
        if isinstance(name, bytes):
            name = name.decode("latin-1")
        if isinstance(name, str) and name.lower() in _NAMES and value is not None:
            several = value if isinstance(value, tuple | list) else [value]
            if not all(isinstance(item, str | bytes) for item in several):
                _reject_headers()
            values += [_bytes(item).strip() for item in several]
    return values


def _reject_headers() -> NoReturn:
    raise ApiArgumentError("headers should be a mapping or a list of pairs, with names and values of str or bytes")


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _matches(value: bytes, secrets: list[bytes]) -> bool:
    """Compare with every secret, so that the time does not depend on which of them matches."""
    matched = False
    for secret in secrets:
        matched |= hmac.compare_digest(value, secret)
    return matched


def _decoded(body: bytes | bytearray | memoryview | str) -> Any:
    """Return the JSON of a body. The error is raised outside of `except`: those of Python hold the body."""
    reason = ""
    decoded: Any = None
    try:
        text = body if isinstance(body, str) else bytes(body).decode("utf-8")
        decoded = json.loads(text.removeprefix("\ufeff"), parse_constant=_reject_constant)
    except RecursionError:
        reason = "The JSON of the request is nested too deeply."
    except ValueError:  # also a UnicodeDecodeError, and an integer of more digits than Python converts
        reason = "The body of the request is not JSON in UTF-8."
    if not reason and _is_deeper(decoded, _MAX_DEPTH):
        reason = "The JSON of the request is nested too deeply."
    if reason:
        raise WebhookDecodeError(reason)
    return decoded


def _reject_constant(_name: str) -> NoReturn:
    raise ValueError  # NaN and Infinity, which are not JSON


def _is_deeper(value: Any, limit: int) -> bool:
    """Return True if lists and dictionaries nest deeper than `limit`, without recursion."""
    level = [value]
    for _ in range(limit + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return False
        level = [item for held in containers for item in (held.values() if isinstance(held, dict) else held)]
    return True


def _envelope(decoded: Any) -> WebhookEnvelope:
    if not isinstance(decoded, dict):
        raise WebhookDecodeError("The JSON of the request is no object.")
    for name in ("app", "webhook"):
        if not isinstance(decoded.get(name), dict | None):
            raise WebhookDecodeError(f"The `{name}` of the request is no object.")
    events = decoded.get("events")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise WebhookDecodeError("The `events` of the request are no list of objects.")
    envelope = WebhookEnvelope.from_dict(decoded)
    assert envelope is not None
    return envelope
