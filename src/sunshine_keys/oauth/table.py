"""The tables of OAuth clients and of codes, and their reads."""

from __future__ import annotations

from sunshine_keys.errors import NotFound
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.keys.model import TOKEN_PREFIX
from sunshine_keys.oauth.model import Code, OAuthClient
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.table import Index, Table

CLIENTS = Table("oauth_clients", OAuthClient, since=7, title="OAuth clients")

CODES = Table(
    "oauth_codes",
    Code,
    since=7,
    references={"token_id": "keys"},
    indexes=(
        Index("oauth_codes_by_token", ("token_id",)),
        Index("oauth_codes_by_age", ("expires",)),
    ),
)


def find_client(client_id: str) -> Statements[OAuthClient | None]:
    """Return the client, or None. Text without the form of an id is not looked up: PostgreSQL accepts no NUL in a text."""
    return (yield from CLIENTS.get(client_id)) if OBJECT_ID.fullmatch(client_id) else None


def require_client(client_id: str) -> Statements[OAuthClient]:
    """Return the client. Raises NotFound."""
    client = yield from find_client(client_id)
    if client is None:
        raise NotFound
    return client


def all_clients() -> Statements[list[OAuthClient]]:
    """Return all clients, in order of id."""
    return CLIENTS.select("ORDER BY id")


def token_counts(app_id: str) -> Statements[dict[str, int]]:
    """Return the numbers of an app's access tokens by integration."""
    sql = "SELECT integration_id, count(*) FROM keys WHERE app_id = $1 AND id >= $2 GROUP BY integration_id"
    return dict((yield from execute(sql, app_id, TOKEN_PREFIX)))
