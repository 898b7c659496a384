"""Turn errors into answers: status, headers and body, for the API and the console; and log failures without their text."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import AsyncGenerator
from functools import lru_cache

import msgspec

from sunshine_keys.errors import (
    InvalidClient,
    InvalidRequest,
    MethodNotAllowed,
    RangeNotSatisfiable,
    ServiceError,
    StoreUnavailable,
    TooManyRequests,
    Unauthorized,
)

Headers = list[tuple[bytes, bytes]]

_CHALLENGE = (b"www-authenticate", b'Basic realm="Sunshine Conversations", charset="UTF-8", Bearer')


class File(msgspec.Struct, frozen=True):
    """Content that is sent unchanged, with headers of its own; for example a page."""

    headers: Headers
    body: bytes


class Stream(msgspec.Struct, frozen=True):
    """Content of `size` bytes that is sent while it is read, with a status and headers of its own.

    `headers` name the content type and how long a cache may store it.
    """

    status: int
    headers: Headers
    size: int
    parts: AsyncGenerator[bytes]


class Replay(msgspec.Struct, frozen=True):
    """The stored answer of a create that is repeated, as JSON."""

    body: msgspec.Raw


def error_headers(error: ServiceError) -> Headers:
    """Return the headers that belong to an error."""
    match error:
        case InvalidClient():
            return [(b"www-authenticate", b'Basic realm="OAuth clients", charset="UTF-8"')]
        case Unauthorized():
            return [_CHALLENGE]
        case MethodNotAllowed():
            return [(b"allow", error.allowed.encode())]
        case RangeNotSatisfiable():
            return [(b"content-range", b"bytes */%d" % error.size)]
        case TooManyRequests():
            return [(b"retry-after", str(math.ceil(error.wait)).encode())]
        case StoreUnavailable():
            return [(b"retry-after", b"1")]
        case _:
            return []


def error_body(error: ServiceError) -> msgspec.Raw:
    """Return the documented envelope as JSON, or that of RFC 6749 for an error of OAuth."""
    if isinstance(error, InvalidRequest):
        return msgspec.Raw(msgspec.json.encode({"error": error.code, "error_description": "; ".join(error.titles)}))
    return _envelope(error.code, error.titles)


@lru_cache(256)  # most errors are alike
def _envelope(code: str, titles: tuple[str, ...]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"errors": [{"code": code, "title": title} for title in titles]}))


def log_failure(logger: logging.Logger, subject: str, error: BaseException) -> None:
    """Log the type of an unexpected error and where it was raised.

    The error's text is left out, because it may contain any part of the request.
    """
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s failed with %s:\n%s", subject, type(error).__name__, places)
