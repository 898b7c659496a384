"""OAuth clients and codes: the structs that the store holds, and the JSON of clients. Secrets and codes are only hashes here."""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import StrEnum
from typing import Any

import msgspec

from sunshine_keys.views import SecretView

CODE_SECONDS = 600.0
"""The lifetime of a code."""

MOST_CLIENTS = 100
"""The most clients of an account."""

_REDIRECT_URI = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(?:[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*)?",
    re.ASCII | re.IGNORECASE,
)


class Decision(StrEnum):
    """The answer that a client gets without a person's consent. It is for tests."""

    ALLOW = "allow"
    DENY = "deny"


class OAuthClient(msgspec.Struct, frozen=True):
    """A partner's client. `redirect_uris` are compared exactly, and the first is the default.

    With a `decision`, nobody is asked for consent. `app_id` is the app that ALLOW opens.
    """

    id: str
    display_name: str
    redirect_uris: list[str]
    secret_hash: bytes
    decision: Decision | None = None
    app_id: str | None = None

    def has_secret(self, secret: str) -> bool:
        """Return True if `secret` is the client's. The comparison takes constant time."""
        return hmac.compare_digest(self.secret_hash, hashed(secret))


class Code(msgspec.Struct, frozen=True):
    """A code: the consent that a client may open an app. `id` is the SHA-256 of the code's text.

    `granted_by` is the key of the person who consented, None for a preset decision. `expires` is in seconds since 1970.
    `token_id` is the access token that the code was exchanged for. The code is deleted with its token, so a second use is
    recognised for as long as the token lives.
    """

    id: bytes
    client_id: str
    app_id: str
    redirect_uri: str
    granted_by: str | None
    expires: float
    token_id: str | None = None


class ClientView(SecretView, frozen=True, omit_defaults=True):
    display_name: str
    redirect_uris: list[str]
    decision: str | None = None
    app_id: str | None = None
    secret: str | None = None


def client_view(client: OAuthClient, secret: str | None = None) -> ClientView:
    """Return the client as JSON; `secret` is None except at its creation."""
    return ClientView(client.id, client.display_name, client.redirect_uris, client.decision, client.app_id, secret)


def hashed(text: str) -> bytes:
    """Return the SHA-256 of a code or a secret. Both have at least 256 random bits, so they need no salt."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def redirect_uri(name: str, value: str) -> list[str]:
    """Check that a text is an http or https URL in ASCII, with a host and without a fragment or credentials."""
    match = _REDIRECT_URI.fullmatch(value)
    port = match[3] if match else None
    if match is None or (port is not None and not 0 < int(port[1:]) < 65536):
        return [f"{name} should be an http or https URL in ASCII without a fragment"]
    return []


def origin_of(uri: str) -> str:
    """Return the source that a Content-Security-Policy names for a redirect URI. It has no form for an IPv6 address."""
    match = _REDIRECT_URI.fullmatch(uri)
    if match is None:
        raise ValueError("not a redirect URI")
    return f"{match[1]}:" if match[2].startswith("[") else f"{match[1]}://{match[2]}{match[3] or ''}"


def connection_view(integration: Any, tokens: int) -> dict[str, Any]:
    """Return the connection of an app to a client as JSON: the partner's integration, and how many tokens open it."""
    name = integration.attributes.get("displayName", "")
    return {"integrationId": integration.id, "clientId": integration.type, "displayName": name, "tokens": tokens}
