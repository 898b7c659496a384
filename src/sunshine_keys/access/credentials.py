"""The Authorization header: Basic with a key's id and secret, or Bearer with a token it signed."""

from __future__ import annotations

import base64
import binascii

from sunshine_keys.access.authentication import Actor, Authenticator
from sunshine_keys.errors import Unauthorized


async def authenticate(authenticator: Authenticator, authorization: str) -> Actor:
    """Raises Unauthorized, telling the honest caller what to mend."""
    scheme, _, credentials = authorization.partition(" ")
    match scheme.lower():
        case "basic":
            return await authenticator.by_secret(*_basic(credentials.strip()), authorization)
        case "bearer":
            token = credentials.strip()
            if not token:
                raise Unauthorized
            return await authenticator.by_token(token, authorization)
        case "":
            raise Unauthorized
        case _:
            raise Unauthorized("Authorization should be Basic or Bearer")


def _basic(credentials: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(credentials.encode("ascii"), validate=True).decode()
    except (UnicodeError, binascii.Error):
        raise Unauthorized("Basic credentials should be base64 of key id, colon, secret") from None
    key_id, colon, secret = decoded.partition(":")
    if not colon:
        raise Unauthorized("Basic credentials should be base64 of key id, colon, secret")
    if not key_id and not secret:
        raise Unauthorized  # what HTTP libraries send for credentials that were left empty
    return key_id, secret
