"""Read the Authorization header: Basic with a key's id and secret, or Bearer with a token that the key signed, or an access token."""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.tokens import UnverifiedToken, read_token
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.keys.model import TOKEN_PREFIX

_ACCESS_TOKEN = re.compile(f"({TOKEN_PREFIX}{OBJECT_ID.pattern})\\.([A-Za-z0-9_-]{{86}})", re.ASCII)


class BasicCredentials(NamedTuple):
    """A key's id and secret from a header, not verified."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return "BasicCredentials(…)"


class AccessToken(NamedTuple):
    """An access token of OAuth from a header, not verified: the id of its row, and its secret."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"AccessToken(key_id={self.key_id!r}, …)"

    @property
    def text(self) -> str:
        """The token as its owner sends it."""
        return f"{self.key_id}.{self.secret}"


Credentials = BasicCredentials | AccessToken | UnverifiedToken


def read_credentials(header: str) -> Credentials | AuthenticationFailure:
    """Return the credentials in `header`, the value of an Authorization header, or the failure if they are malformed.

    The result depends on the header alone, so it shows nothing about the keys in the store.
    """
    scheme, _, credentials = header.partition(" ")
    credentials = credentials.strip()
    match scheme.lower():
        case "basic":
            return _read_basic(credentials)
        case "bearer" if credentials:
            return _read_access_token(credentials) if credentials.startswith(TOKEN_PREFIX) else read_token(credentials)
        case "" | "bearer":
            return AuthenticationFailure(Reason.MISSING)
        case _:
            return AuthenticationFailure(Reason.UNKNOWN_SCHEME)


def _read_access_token(text: str) -> AccessToken | AuthenticationFailure:
    match = _ACCESS_TOKEN.fullmatch(text)
    return AuthenticationFailure(Reason.WRONG_ACCESS_TOKEN) if match is None else AccessToken(match[1], match[2])


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
