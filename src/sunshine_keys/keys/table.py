"""The table of keys, and its reads."""

from __future__ import annotations

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import NotFound
from sunshine_keys.integrations.table import require_keys_allowed
from sunshine_keys.keys.model import TOKEN_PREFIX, Key, Notice
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.store import Reader
from sunshine_keys.store.table import Index, Table

KEYS = Table(
    "keys",
    Key,
    references={"app_id": "apps", "integration_id": "integrations"},
    indexes=(
        Index("keys_by_app", ("app_id", "scope", "id")),
        # The index covers the whole key, so a list is read from one place: at ten million keys a list takes 19 µs. To look
        # up its ten keys took 74 µs (at a thousand keys: 15). With the index a key takes 570 bytes of the file, without 400.
        Index("keys_by_integration", ("integration_id", "id"), covers=True),
        Index("keys_by_end", ("notice", "expires_at"), where="expires_at IS NOT NULL"),
    ),
    sealed="sealed_secret",
    remembered=True,
)


def require_owner(app_id: str, integration_id: str | None) -> Statements[None]:
    """Check that the owner, an app (`integration_id` is None) or an integration, exists and may have keys.

    Raises AppNotFound, IntegrationNotFound or BadRequest.
    """
    if integration_id is None:
        yield from require_app(app_id)
    else:
        yield from require_keys_allowed(app_id, integration_id)


async def read_key(
    store: Reader, app_id: str, integration_id: str | None, key_id: str, *, missing: str = NotFound.title
) -> Key:
    """Return the key of an app (`integration_id` is None) or of an integration. `missing` is the title of NotFound.

    Raises NotFound, and what `require_owner` raises. One read finds the key. More reads follow only if the key is missing.
    """
    key = None if key_id.startswith(TOKEN_PREFIX) else await store.get(KEYS, key_id)
    if key is None or key.app_id != app_id or key.integration_id != integration_id:
        await store.read(require_owner(app_id, integration_id))
        raise NotFound(missing)
    return key


async def keys_of_app(store: Reader, app_id: str) -> list[Key]:
    """Return the app's own keys, in order of id."""
    return await store.select(KEYS, "WHERE app_id = $1 AND scope = 'app' ORDER BY id", app_id)


async def keys_of_integration(store: Reader, integration_id: str) -> list[Key]:
    """Return the integration's keys, in order of id, without access tokens."""
    return await store.select(KEYS, "WHERE integration_id = $1 AND id < $2 ORDER BY id", integration_id, TOKEN_PREFIX)


def account_keys() -> Statements[list[Key]]:
    """Return the account's own keys, in order of id."""
    return KEYS.select("WHERE app_id IS NULL AND scope = 'account' ORDER BY id")


def keys_after(key_id: str, limit: int) -> Statements[list[Key]]:
    """Return at most `limit` keys and access tokens of the whole store, in order of id, from the one that follows `key_id`."""
    return KEYS.select("WHERE id > $1 ORDER BY id LIMIT $2", key_id, limit)


def keys_ending(notice: Notice | None, after: float, until: float, limit: int) -> Statements[list[Key]]:
    """Return at most `limit` keys with this notice whose end is after `after` and not after `until`, the earliest first."""
    condition = "notice IS NULL" if notice is None else "notice = $4"
    clauses = f"WHERE {condition} AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $3"
    return KEYS.select(clauses, after, until, limit, *([] if notice is None else [notice.value]))


def key_counts() -> Statements[dict[Scope, int]]:
    """Return how many keys of each scope there are, without access tokens. Reads the whole table."""
    rows = yield from execute("SELECT scope, count(*) FROM keys WHERE id < $1 GROUP BY scope", TOKEN_PREFIX)
    return {Scope(scope): count for scope, count in rows}
