"""Changes of keys."""

from __future__ import annotations

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.keys.model import KEYS_PER_OWNER, Key
from sunshine_keys.keys.table import KEYS, require_keys_allowed, require_owner
from sunshine_keys.store.change import AuditOnly, Change, Revokes
from sunshine_keys.store.statements import Statements, execute


class CreateKey(Change[Key], frozen=True):
    """Create a key. Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration, or already ten keys)."""

    action = "key.create"
    key: Key

    @property
    def resource(self) -> str:
        return key_path(self.key.app_id, self.key.integration_id, self.key.id)

    @property
    def seals(self) -> list[bytes]:
        return [self.key.sealed_secret]

    def apply(self) -> Statements[Key]:
        key = self.key
        if key.scope is Scope.INTEGRATION and key.app_id and key.integration_id:
            yield from require_keys_allowed(key.app_id, key.integration_id)
            yield from _require_room("integration", "integration_id = $1", key.integration_id)
        elif key.scope is Scope.APP and key.app_id:
            yield from require_app(key.app_id)
            yield from _require_room("app", "app_id = $1 AND scope = 'app'", key.app_id)
        yield from KEYS.insert(key)
        return key


class DeleteKey(Change[None], frozen=True):
    """Delete an app's key (`integration_id` is None) or an integration's.

    Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound.
    """

    action = "key.delete"
    revokes = Revokes.KEY
    app_id: str
    integration_id: str | None
    key_id: str

    @property
    def resource(self) -> str:
        return key_path(self.app_id, self.integration_id, self.key_id)

    def apply(self) -> Statements[None]:
        """Delete the key without reading its owner first: an existing key has an owner that may have keys.

        Only if there is no such key, look for the reason.
        """
        condition, values = "id = $1 AND app_id = $2", (self.key_id, self.app_id)
        if self.integration_id is None:
            deleted = yield from KEYS.delete(f"{condition} AND scope = 'app'", *values)
        else:
            deleted = yield from KEYS.delete(f"{condition} AND integration_id = $3", *values, self.integration_id)
        if not deleted:
            yield from require_owner(self.app_id, self.integration_id)
            raise NotFound


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


def _require_room(owner: str, condition: str, owner_id: str) -> Statements[None]:
    """Raise BadRequest if the owner has ten keys. An account may have any number of keys."""
    rows = yield from execute(f"SELECT count(*) FROM keys WHERE {condition}", owner_id)  # noqa: S608 - conditions above
    if rows[0][0] >= KEYS_PER_OWNER:
        raise BadRequest(f"An {owner} is limited to {KEYS_PER_OWNER} API keys; delete one first")
