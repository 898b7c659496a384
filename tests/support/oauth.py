"""Partners that connect themselves to a test's app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from support.wire import Answer, Key, Tenant, Wire

CALLBACK = "https://partner.example/callback"
CLIENTS = "/sunshine/v1/oauthClients"

TAGS = ("OAuth", "OAuth clients")

BODIES: dict[str, Any] = {
    "get_token": {
        "code": "{code}",
        "grant_type": "authorization_code",
        "client_id": "{oauthClientId}",
        "client_secret": "{oauthClientSecret}",
    },
    "create_oauth_client": {"displayName": "A partner", "redirectUris": [CALLBACK]},
    "update_oauth_client": {"displayName": "Another"},
}
"""A body of each operation. Texts such as `{code}` stand for those of `placeholders`."""

PARTNERS = ("authorize", "get_token", "revoke_access")
"""The operations without a key: they take nothing, the secret of a client, or an access token."""


@dataclass(frozen=True)
class Partner:
    """A partner's client, with the answer ALLOW for the tenant's app unless the test chooses otherwise."""

    wire: Wire
    id: str
    secret: str = field(repr=False)

    def authorize(self, **query: str) -> Answer:
        """Send the request of a browser that sends no Accept. Without a query, it is a right one."""
        named = {"client_id": self.id, "response_type": "code"} | query
        return self.wire.get(f"/oauth/authorize?{urlencode(named)}")

    def code(self, **query: str) -> str:
        return returned(self.authorize(**query))["code"]

    def exchange(self, code: str, **changes: str) -> Answer:
        return self.wire.post("/oauth/token", body=self.body(code) | changes)

    def body(self, code: str) -> dict[str, str]:
        return {
            "code": code,
            "grant_type": "authorization_code",
            "client_id": self.id,
            "client_secret": self.secret,
        }

    def token(self) -> str:
        """Return a new access token, as the value of an Authorization header."""
        answer = self.exchange(self.code())
        assert answer.status == 200, answer
        return f"Bearer {answer.json['access_token']}"


def new_partner(wire: Wire, account: Key, **values: Any) -> Partner:
    body = {"displayName": "A partner", "redirectUris": [CALLBACK]} | values
    answer = wire.post(CLIENTS, account, body)
    assert answer.status == 201, answer
    created = answer.json["oauthClient"]
    return Partner(wire, created["id"], created["secret"])


def partner_of(wire: Wire, tenant: Tenant, **values: Any) -> Partner:
    """Return a new partner, whose requests for the tenant's app are allowed at once."""
    return new_partner(wire, tenant.account, **{"decision": "allow", "appId": tenant.app_id} | values)


def placeholders(wire: Wire, tenant: Tenant) -> dict[str, str]:
    """Return the texts that requests about a new partner, which is connected to the tenant's app, need."""
    partner = partner_of(wire, tenant)
    token = partner.token().removeprefix("Bearer ")
    return {
        "oauthClientId": partner.id,
        "oauthClientSecret": partner.secret,
        "code": partner.code(),
        "accessToken": token,
    }


def returned(answer: Answer, callback: str = CALLBACK) -> dict[str, str]:
    """Return the query that a redirect sends to the callback."""
    assert answer.status in (302, 303), answer
    location = answer.headers["location"]
    assert location.startswith(callback), location
    query = parse_qs(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values()), location
    return {name: values[0] for name, values in query.items()}
