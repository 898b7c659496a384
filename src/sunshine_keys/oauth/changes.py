"""Changes of OAuth clients, codes and access tokens."""

from __future__ import annotations

import msgspec

from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import BadRequest, Conflict, InvalidGrant, NotFound
from sunshine_keys.integrations.changes import DeleteIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import INTEGRATIONS, first_integration
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS
from sunshine_keys.oauth.model import MOST_CLIENTS, Code, OAuthClient
from sunshine_keys.oauth.table import CLIENTS, CODES, find_client, require_client
from sunshine_keys.store.change import Change, Revokes
from sunshine_keys.store.statements import Statements, execute

_PRUNED_AT_ONCE = 100
_PRUNE = (
    "DELETE FROM oauth_codes WHERE id IN (SELECT id FROM oauth_codes WHERE expires <= $1 AND token_id IS NULL"  # noqa: S608 - a number of our own
    f" ORDER BY expires LIMIT {_PRUNED_AT_ONCE}) RETURNING client_id"
)


class CodeUsed(InvalidGrant):
    """The code was exchanged before, for the token `token_id` of the integration at `owner`."""

    def __init__(self, app_id: str, token_id: str) -> None:
        self.app_id = app_id
        self.token_id = token_id
        super().__init__(cause="the code was used before")


class PartnerConnected(Conflict):
    """Another exchange has made the partner's integration in the meantime."""


class CreateClient(Change[None], frozen=True):
    """Create a client. Raises BadRequest if there are as many as there may be, AppNotFound."""

    action = "oauth_client.create"
    path = "oauthClients/{0.client.id}"
    client: OAuthClient

    def apply(self) -> Statements[None]:
        if (yield from execute("SELECT count(*) FROM oauth_clients"))[0][0] >= MOST_CLIENTS:
            raise BadRequest(f"An account is limited to {MOST_CLIENTS} OAuth clients; delete one first")
        if self.client.app_id is not None:
            yield from require_app(self.client.app_id)
        yield from CLIENTS.insert(self.client)


class UpdateClient(Change[OAuthClient], frozen=True):
    """Write the name and the redirect URIs that are not None. Raises NotFound."""

    action = "oauth_client.update"
    path = "oauthClients/{0.client_id}"
    client_id: str
    display_name: str | None
    redirect_uris: list[str] | None

    def apply(self) -> Statements[OAuthClient]:
        client = yield from require_client(self.client_id)
        client = msgspec.structs.replace(
            client,
            display_name=self.display_name or client.display_name,
            redirect_uris=self.redirect_uris or client.redirect_uris,
        )
        yield from CLIENTS.update(client, "display_name", "redirect_uris")
        return client


class DeleteClient(Change[None], frozen=True):
    """Delete a client with the integrations that it has in apps, their webhooks and their access tokens. Raises NotFound."""

    action = "oauth_client.delete"
    path = "oauthClients/{0.client_id}"
    revokes = Revokes.ANY_KEY
    client_id: str

    def apply(self) -> Statements[None]:
        if not (yield from CLIENTS.delete("id = $1", self.client_id)):
            raise NotFound
        yield from INTEGRATIONS.delete("type = $1", self.client_id)
        yield from CODES.delete("client_id = $1", self.client_id)


class CreateCode(Change[None], frozen=True):
    """Record a consent. Raises AppNotFound, and BadRequest if the client or its redirect URI is gone.

    Up to 100 codes that expired by `now` without being used are deleted.
    """

    action = "oauth_code.create"
    path = "apps/{0.code.app_id}/oauthClients/{0.code.client_id}"
    code: Code
    now: float

    def apply(self) -> Statements[None]:
        client = yield from find_client(self.code.client_id)
        if client is None or self.code.redirect_uri not in client.redirect_uris:
            raise BadRequest("client_id should be that of a client, and redirect_uri one of its redirect URIs")
        yield from require_app(self.code.app_id)
        yield from CODES.insert(self.code)
        yield from execute(_PRUNE, self.now)


class CreateToken(Change[None], frozen=True):
    """Exchange a code for the access token `token`, and create the partner's integration unless the app has it.

    `redirect_uri` is that of the request, if it names one. `now` is in seconds since 1970. Raises InvalidGrant, CodeUsed,
    and PartnerConnected if the app has the partner's integration under another id than that of the token.
    """

    action = "oauth_token.create"
    path = "apps/{0.token.app_id}/integrations/{0.token.integration_id}/tokens/{0.token.id}"
    adds_keys = True
    token: Key
    code_id: bytes
    client_id: str
    redirect_uri: str | None
    now: float

    @property
    def seals(self) -> list[bytes]:
        return [self.token.sealed_secret]

    @property
    def note(self) -> str:
        return f"client {self.client_id}"

    def apply(self) -> Statements[None]:
        code = yield from self._code()
        client = yield from find_client(self.client_id)
        if client is None:
            raise InvalidGrant
        token = self.token
        assert token.app_id is not None
        assert token.integration_id is not None
        integration = yield from first_integration(token.app_id, client.id)
        if integration is not None and integration.id != token.integration_id:
            raise PartnerConnected
        if integration is None:
            attributes = {"displayName": client.display_name}
            yield from INTEGRATIONS.insert(Integration(token.integration_id, token.app_id, client.id, attributes))
        yield from KEYS.insert(token)
        yield from CODES.update(msgspec.structs.replace(code, token_id=token.id), "token_id")

    def _code(self) -> Statements[Code]:
        """Return the code if it can be exchanged."""
        code = yield from CODES.get(self.code_id)
        if code is None or code.client_id != self.client_id or code.app_id != self.token.app_id:
            raise InvalidGrant
        if code.token_id is not None:
            raise CodeUsed(code.app_id, code.token_id)
        if code.expires <= self.now or self.redirect_uri not in (None, code.redirect_uri):
            raise InvalidGrant
        if code.granted_by is not None:
            granting = yield from KEYS.get(code.granted_by)
            if granting is None or granting.has_ended(self.now):
                raise InvalidGrant(cause="the key of the person who consented has been deleted, or has ended")
        if not (yield from execute("SELECT 1 FROM apps WHERE id = $1", code.app_id)):
            raise InvalidGrant(cause="the app has been deleted")
        return code


class DeleteToken(Change[bool], frozen=True):
    """Delete an access token. `cause` is for the audit trail. Return False if the token is gone."""

    action = "oauth_token.delete"
    path = "apps/{0.app_id}/tokens/{0.token_id}"
    revokes = Revokes.KEY
    app_id: str
    token_id: str
    cause: str

    @property
    def note(self) -> str:
        return self.cause

    def apply(self) -> Statements[bool]:
        return KEYS.delete("id = $1", self.token_id)


class RevokeAccess(DeleteIntegration, frozen=True):
    """End a partner's access to an app: delete its integration with its access tokens and webhooks. Raises IntegrationNotFound."""

    action = "oauth_access.revoke"
