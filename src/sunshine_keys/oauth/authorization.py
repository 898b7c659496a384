"""Requests for authorization: what a partner asks for, and the redirects that answer it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import msgspec

from sunshine_keys.engine import Engine
from sunshine_keys.errors import BadRequest
from sunshine_keys.oauth.changes import CreateCode
from sunshine_keys.oauth.model import CODE_SECONDS, Code, Decision, OAuthClient, hashed
from sunshine_keys.oauth.table import find_client
from sunshine_keys.store import Origin

STATE_BYTES = 4096
"""The most bytes of `state`."""


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A request whose client and redirect URI are right. `state` is None if it is missing. `error` is that of RFC 6749, or ""."""

    client: OAuthClient
    redirect_uri: str
    state: str | None
    error: str = ""

    def refused(self, error: str) -> str:
        """Return the URL that sends the browser back with an error."""
        return self._answered({"error": error})

    def answered(self, code: str) -> str:
        """Return the URL that sends the browser back with a code."""
        return self._answered({"code": code})

    def _answered(self, answer: dict[str, str]) -> str:
        if self.state is not None:
            answer["state"] = self.state
        separator = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{separator}{urlencode(answer, quote_via=quote, safe='')}"

    @property
    def query(self) -> str:
        """The query of the consent page, which holds this request."""
        fields = {"client_id": self.client.id, "response_type": "code", "redirect_uri": self.redirect_uri}
        return urlencode(fields | ({} if self.state is None else {"state": self.state}))


async def read(engine: Engine, fields: Mapping[str, str]) -> AuthorizationRequest:
    """Return the request in a query or a form.

    Raises BadRequest if the client is unknown, or the redirect URI is not exactly a registered one: then the browser must
    not be sent there.
    """
    client = await engine.store.read(find_client(fields.get("client_id", "")))
    if client is None:
        raise BadRequest("client_id should be the id of a registered client")
    redirect_uri = fields.get("redirect_uri", client.redirect_uris[0])
    if redirect_uri not in client.redirect_uris:
        raise BadRequest("redirect_uri should be exactly as it is registered for the client")
    state = fields.get("state")
    if state is not None and len(state.encode()) > STATE_BYTES:
        raise BadRequest(f"state should NOT be longer than {STATE_BYTES} bytes")
    match fields.get("response_type"):
        case "code":
            error = ""
        case None:
            error = "invalid_request"
        case _:
            error = "unsupported_response_type"
    return AuthorizationRequest(client, redirect_uri, state, error)


async def begin(engine: Engine, fields: Mapping[str, str], origin: Origin, now: float, consent_page: str) -> str:
    """Return the URL that a request for authorization redirects to.

    It is the consent page, unless the request is wrong or the client has a preset decision. Raises BadRequest as `read`
    does, and if a decision is missing and this service has no pages.
    """
    request = await read(engine, fields)
    if request.error:
        return request.refused(request.error)
    match request.client.decision:
        case Decision.DENY:
            return request.refused("access_denied")
        case Decision.ALLOW:
            assert request.client.app_id is not None
            return await allow(engine, request, request.client.app_id, origin, now)
        case _ if consent_page:
            return f"{consent_page}?{request.query}"
        case _:
            raise BadRequest("This service shows no pages, so the client needs a preset decision")


async def allow(engine: Engine, request: AuthorizationRequest, app_id: str, origin: Origin, now: float) -> str:
    """Record the consent of the origin's key, and return the URL that sends the browser back with a code.

    Raises AppNotFound, BadRequest if the client or its redirect URI is gone, and Unauthorized if the key is.
    """
    text = secrets.token_urlsafe(32)
    code = Code(hashed(text), request.client.id, app_id, request.redirect_uri, origin.key_id, now + CODE_SECONDS)
    await engine.store.transact(origin, CreateCode(code, now))
    return request.answered(text)
