"""Changes of keys."""

from __future__ import annotations

from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.keys.model import KEYS_PER_OWNER, TOKEN_PREFIX, Key, moment_text
from sunshine_keys.keys.table import KEYS, account_keys, require_owner
from sunshine_keys.store.change import AuditOnly, Change, Revokes, Superseded
from sunshine_keys.store.statements import Statements, execute

_APP, _OWNER, _NOW = (f"${len(KEYS.columns) + place}" for place in (1, 2, 3))
_IS_LIVE = "(expires_at IS NULL OR expires_at > {})"
_APP_HAS_ROOM = (
    f"EXISTS (SELECT 1 FROM apps WHERE id = {_APP}) AND (SELECT count(*) FROM keys"  # noqa: S608 - names of our own
    f" WHERE app_id = {_OWNER} AND scope = 'app' AND {_IS_LIVE.format(_NOW)}) < {KEYS_PER_OWNER}"
)
_INTEGRATION_HAS_ROOM = (
    f"EXISTS (SELECT 1 FROM integrations WHERE id = {_OWNER} AND app_id = {_APP} AND type = 'custom')"  # noqa: S608
    f" AND (SELECT count(*) FROM keys WHERE integration_id = {_OWNER} AND {_IS_LIVE.format(_NOW)}) < {KEYS_PER_OWNER}"
)
_IS_NO_SUCCESSOR = " AND NOT EXISTS (SELECT 1 FROM rotations WHERE successor_id = $1)"

INVALID_END = "expiresAt should be in the future, and before the year 9999"


class CreateKey(Change[Key], frozen=True):
    """Create a key.

    Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration, already ten keys, or an end that is not after
    `now`).

    Keys that have ended at `now`, in seconds since 1970, do not count.
    """

    action = "key.create"
    adds_keys = True
    key: Key
    now: float = 0.0

    @property
    def resource(self) -> str:
        return key_path(self.key.app_id, self.key.integration_id, self.key.id)

    @property
    def note(self) -> str:
        return "" if self.key.expires_at is None else f"until {moment_text(self.key.expires_at)}"

    @property
    def touches(self) -> set[str]:
        """The key, and its owner because of the limit of ten keys. The account has no limit."""
        return {id for id in (self.key.id, self.key.integration_id or self.key.app_id) if id is not None}

    @property
    def seals(self) -> list[bytes]:
        return [self.key.sealed_secret]

    def apply(self) -> Statements[Key]:
        """Insert the key if its owner exists and has room, in one statement. Only if not, look for the reason."""
        key = self.key
        if key.has_ended(self.now):
            raise BadRequest(INVALID_END)
        if key.app_id is None:
            yield from KEYS.insert(key)
            return key
        condition = _APP_HAS_ROOM if key.integration_id is None else _INTEGRATION_HAS_ROOM
        owner_id = key.integration_id or key.app_id
        if not (yield from KEYS.insert_if(condition, key, key.app_id, owner_id, self.now)):
            yield from require_owner(key.app_id, key.integration_id)
            yield from require_room(key, self.now)
            raise AssertionError("the key's owner exists and has room")
        return key


class DeleteKey(Change[None], frozen=True):
    """Delete a key of the account (`app_id` is None), of an app (`integration_id` is None) or of an integration.

    `even_last` allows the deletion of the last account key that has not ended at `now`, in seconds since 1970. With
    `unless_successor`, raises IsSuccessor for the successor of another key. Raises AppNotFound, IntegrationNotFound, NotFound,
    BadRequest (the integration is not custom, or the key is the last account key).
    """

    action = "key.delete"
    revokes = Revokes.KEY
    app_id: str | None
    integration_id: str | None
    key_id: str
    even_last: bool = False
    now: float = 0.0
    unless_successor: bool = False

    @property
    def resource(self) -> str:
        return key_path(self.app_id, self.integration_id, self.key_id)

    @property
    def touches(self) -> set[str] | None:
        """The key and its owner. Only a deletion from the account reads other keys."""
        return None if self.app_id is None else {self.key_id, self.integration_id or self.app_id}

    def apply(self) -> Statements[None]:
        """Delete the key without reading its owner first: an existing key has an owner that may have keys.

        Only if none is deleted, look for the reason.
        """
        if self.app_id is None:
            yield from self._delete_from_account()
            return
        condition = "id = $1 AND id < $3 AND app_id = $2"
        values: tuple[str, ...] = (self.key_id, self.app_id, TOKEN_PREFIX)
        if self.integration_id is None:
            condition += " AND scope = 'app'"
        else:
            condition += " AND integration_id = $4"
            values += (self.integration_id,)
        if (yield from KEYS.delete(condition + _IS_NO_SUCCESSOR if self.unless_successor else condition, *values)):
            return
        if self.unless_successor and (yield from KEYS.first_of(f"WHERE {condition}", *values)) is not None:
            raise IsSuccessor
        yield from require_owner(self.app_id, self.integration_id)
        raise NotFound

    def _delete_from_account(self) -> Statements[None]:
        live = [key.id for key in (yield from account_keys()) if not key.has_ended(self.now)]
        if not self.even_last and live == [self.key_id]:
            raise BadRequest("This is the last account key")
        if not (yield from KEYS.delete("id = $1 AND scope = 'account'", self.key_id)):
            raise NotFound


class IsSuccessor(Superseded):
    """The key is the successor of another, which gets its own end back first (`rotations.KeepKey`)."""


class ShowKey(AuditOnly, frozen=True):
    """A secret was shown again."""

    action = "key.show"
    key: Key

    @property
    def resource(self) -> str:
        return key_path(self.key.app_id, self.key.integration_id, self.key.id)


def key_path(app_id: str | None, integration_id: str | None, key_id: str) -> str:
    """Return the path of a key below /v2. Owners that are None are left out."""
    owners = (("apps", app_id), ("integrations", integration_id))
    return "".join(f"{kind}/{owner}/" for kind, owner in owners if owner is not None) + f"keys/{key_id}"


def require_room(key: Key, now: float, *, is_successor: bool = False) -> Statements[None]:
    """Raise BadRequest if the owner of `key` has ten keys that have not ended at `now`, or eleven for the successor of one.

    An account may have any number of keys.
    """
    match key.scope:
        case Scope.INTEGRATION:
            condition, owner_id = "integration_id = $1", key.integration_id
        case Scope.APP:
            condition, owner_id = "app_id = $1 AND scope = 'app'", key.app_id
        case Scope.ACCOUNT:
            return
    live = f"SELECT count(*) FROM keys WHERE {condition} AND {_IS_LIVE.format('$2')}"  # noqa: S608 - conditions above
    rows = yield from execute(live, owner_id, now)
    if rows[0][0] >= KEYS_PER_OWNER + is_successor:
        besides = " and the successor of one of them" if is_successor else ""
        raise BadRequest(f"An {key.scope.value} is limited to {KEYS_PER_OWNER} API keys{besides}; delete one first")
