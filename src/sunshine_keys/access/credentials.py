"""Read the Authorization header: Basic with a key's id and secret, or Bearer with a token that the key signed."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.tokens import UnverifiedToken, read_token


class BasicCredentials(NamedTuple):
    """A key's id and secret from a header, not verified."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return "BasicCredentials(…)"


def read_credentials(header: str) -> BasicCredentials | UnverifiedToken | AuthenticationFailure:
    """Return the credentials in `header`, the value of an Authorization header, or the failure if they are malformed.

    The result depends on the header alone, so it shows nothing about the keys in the store.
    """
    scheme, _, credentials = header.partition(" ")
    credentials = credentials.strip()
    match scheme.lower():
        case "basic":
            return _read_basic(credentials)
        case "bearer" if credentials:
            return read_token(credentials)
        case "" | "bearer":
            return AuthenticationFailure(Reason.MISSING)
        case _:
            return AuthenticationFailure(Reason.UNKNOWN_SCHEME)


def _read_basic(credentials: str) -> BasicCredentials | AuthenticationFailure:
    try:
        decoded = base64.b64decode(credentials.encode("ascii"), validate=True).decode()
    except (UnicodeError, binascii.Error):
        return AuthenticationFailure(Reason.MALFORMED_BASIC)
    key_id, colon, secret = decoded.partition(":")
    if not colon:
        return AuthenticationFailure(Reason.MALFORMED_BASIC)
    if not key_id and not secret:
        return AuthenticationFailure(Reason.EMPTY)
    return BasicCredentials(key_id, secret)
