"""The operations of OAuth: authorize, token and revocation, and this service's own operations on partners' clients."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any
from urllib.parse import unquote_plus

from sunshine_keys.access.credentials import AccessToken
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import (
    BadRequest,
    Forbidden,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    StoreUnavailable,
    Unauthorized,
    UnsupportedGrantType,
)
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.table import first_integration, partners_of
from sunshine_keys.keys.model import TOKEN_PREFIX, Key
from sunshine_keys.keys.secrets import new_secret, token_hash
from sunshine_keys.oauth import authorization
from sunshine_keys.oauth.changes import (
    CodeUsed,
    CreateClient,
    CreateToken,
    DeleteClient,
    DeleteToken,
    PartnerConnected,
    RevokeAccess,
    UpdateClient,
)
from sunshine_keys.oauth.model import (
    ClientView,
    Decision,
    OAuthClient,
    client_view,
    connection_view,
    hashed,
    redirect_uri,
)
from sunshine_keys.oauth.table import CLIENTS, CODES, all_clients, find_client, require_client, token_counts
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.store import Origin
from sunshine_keys.wire.answers import File
from sunshine_keys.wire.operation import Call, OpenCall, operation

_ATTEMPTS = 3
"""An exchange that meets another one of the same partner succeeds at the second attempt."""

_NO_SECRET = hashed(secrets.token_urlsafe(32))


async def authorize(call: OpenCall) -> File:
    """Redirect a browser to the consent page, or back to the partner."""
    request = call.request
    if request.body_is_coming:
        await request.skip()
    origin = Origin(None, request.source, request.id)
    url = await authorization.begin(call.engine, request.query(), origin, call.clock(), call.consent_page)
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"location", url.encode())]
    return File(headers, f"Found. Redirecting to {url}".encode())


async def get_token(call: OpenCall) -> Any:
    """Exchange a code for an access token."""
    fields = await _fields(call)
    if fields["grant_type"] != "authorization_code":
        raise UnsupportedGrantType
    client = await _client(call, fields)
    code = fields.get("code")
    if not code:
        raise InvalidRequest("should have required property 'code'")
    token = await _exchanged(call, client, hashed(code), fields.get("redirect_uri"))
    return {"access_token": token.text, "token_type": "Bearer"}


async def _fields(call: OpenCall) -> dict[str, str]:
    """Return the fields of the request with the client's id and secret, which may be in the Authorization header instead.

    Raises InvalidRequest, InvalidClient, UnsupportedMediaType, PayloadTooLarge.
    """
    try:
        body = await call.request.form_or_json()
    except BadRequest as error:
        raise InvalidRequest(*error.titles) from None
    if not isinstance(body, dict):
        raise InvalidRequest("body should be object")
    fields: dict[str, str] = {}
    for name in ("grant_type", "code", "client_id", "client_secret", "redirect_uri"):
        if name in body:
            if not isinstance(body[name], str):
                raise InvalidRequest(f"{name} should be string")
            fields[name] = body[name]
    try:
        header = call.request.authorization()
    except Unauthorized as error:
        raise InvalidRequest(*error.titles) from None
    if header:
        if "client_secret" in fields:
            raise InvalidRequest(
                "The client's secret should be in the body or in the Authorization header, not in both"
            )
        client_id, secret = _basic(header)
        if fields.get("client_id", client_id) != client_id:
            raise InvalidRequest("client_id should be that of the Authorization header")
        fields |= {"client_id": client_id, "client_secret": secret}
    for name in ("grant_type", "client_id", "client_secret"):
        if name not in fields:
            raise InvalidRequest(f"should have required property '{name}'")
    return fields


def _basic(header: str) -> tuple[str, str]:
    """Return the client's id and secret in an Authorization header. Raises InvalidClient."""
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = (
            base64.b64decode(encoded.strip().encode("ascii"), validate=True).decode().partition(":")
        )
    except (UnicodeError, binascii.Error):
        raise InvalidClient from None
    if scheme.lower() != "basic" or not colon:
        raise InvalidClient
    return unquote_plus(client_id), unquote_plus(secret)


async def _client(call: OpenCall, fields: dict[str, str]) -> OAuthClient:
    """Return the client that the request authenticates as. Raises InvalidClient, TooManyRequests."""
    client_id, request = fields["client_id"], call.request
    call.admission.admit_credentials(request.source, request.id, client_id)
    client = await call.engine.store.read(find_client(client_id))
    checked = client or OAuthClient("", "", [], _NO_SECRET)
    if not checked.has_secret(fields["client_secret"]) or client is None:
        failure = AuthenticationFailure(Reason.WRONG_CLIENT_SECRET, client_id)
        call.admission.refuse(failure, request.source, request.id)
        raise InvalidClient
    return client


async def _exchanged(call: OpenCall, client: OAuthClient, code_id: bytes, uri: str | None) -> AccessToken:
    """Return a new access token for a code. Raises InvalidGrant, StoreUnavailable.

    A code that was exchanged before ends the token that it was exchanged for: one of the two exchanges was a thief's.
    """
    store, now = call.engine.store, call.clock()
    origin = Origin(None, call.request.source, call.request.id)
    for _ in range(_ATTEMPTS):
        code = await store.get(CODES, code_id)
        if code is None:
            raise InvalidGrant
        integration = await store.read(first_integration(code.app_id, client.id))
        integration_id = new_object_id() if integration is None else integration.id
        token = AccessToken(TOKEN_PREFIX + new_object_id(), new_secret())
        name, app_id = client.display_name, code.app_id

        def build(sealer: Sealer) -> tuple[CreateToken, AccessToken]:
            sealed = sealer.seal(token_hash(token.secret), token.key_id)  # noqa: B023 - called within this round
            key = Key(token.key_id, Scope.INTEGRATION, app_id, integration_id, name, sealed)  # noqa: B023 - as above
            return CreateToken(key, code_id, client.id, uri, now), token  # noqa: B023 - as above

        try:
            await call.engine.create(origin, build)
        except PartnerConnected:
            continue
        except CodeUsed as used:
            await store.transact(origin, DeleteToken(used.app_id, used.token_id, "its code was used a second time"))
            raise InvalidGrant from None
        return token
    raise StoreUnavailable


async def revoke_access(call: Call) -> Any:
    """End the access of the partner whose token the request has. Raises Forbidden for a key."""
    actor = call.actor
    if not actor.key_id.startswith(TOKEN_PREFIX):
        raise Forbidden(cause="a key where an access token is needed")
    assert actor.app_id is not None
    assert actor.integration_id is not None
    await call.engine.store.transact(call.origin, RevokeAccess(actor.app_id, actor.integration_id))
    return {}


async def create_client(call: Call) -> Any:
    body, secret = call.body, new_secret()
    decision = None if "decision" not in body else Decision(body["decision"])
    app_id = body.get("appId")
    if (decision is Decision.ALLOW) != (app_id is not None):
        raise BadRequest("appId should be there if and only if decision is allow")
    client = OAuthClient(new_object_id(), body["displayName"], body["redirectUris"], hashed(secret), decision, app_id)
    view = client_view(client, secret)
    return {"oauthClient": await call.engine.create(call.origin, lambda _: (CreateClient(client), view))}


async def list_clients(call: Call) -> Any:
    return {"oauthClients": [client_view(client) for client in await call.engine.store.read(all_clients())]}


async def get_client(call: Call) -> Any:
    return _answer(await call.engine.store.read(require_client(call.ids["oauthClientId"])))


async def update_client(call: Call) -> Any:
    body = call.body
    change = UpdateClient(call.ids["oauthClientId"], body.get("displayName"), body.get("redirectUris"))
    return _answer(await call.engine.store.transact(call.origin, change))


async def delete_client(call: Call) -> Any:
    await call.engine.store.transact(call.origin, DeleteClient(call.ids["oauthClientId"]))
    return {}


async def list_connections(call: Call) -> Any:
    app_id, store = call.ids["appId"], call.engine.store
    await store.read(require_app(app_id))
    counts = await store.read(token_counts(app_id))
    partners = await store.read(partners_of(app_id))
    return {"oauthConnections": [connection_view(partner, counts.get(partner.id, 0)) for partner in partners]}


def _answer(client: OAuthClient) -> dict[str, ClientView]:
    return {"oauthClient": client_view(client)}


_RULES = {"redirectUris[]": redirect_uri}

TABLES = (CLIENTS, CODES)

OPERATIONS = [
    operation("Authorize", authorize),
    operation("GetToken", get_token),
    operation("RevokeAccess", revoke_access),
    operation("CreateOauthClient", create_client, rules=_RULES),
    operation("ListOauthClients", list_clients),
    operation("GetOauthClient", get_client),
    operation("UpdateOauthClient", update_client, rules=_RULES),
    operation("DeleteOauthClient", delete_client),
    operation("ListOauthConnections", list_connections),
]
