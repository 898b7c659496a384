"""Lifecycle events of keys, as entries of the audit trail become them."""

from __future__ import annotations

import re

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import CREDENTIAL_ID, Key, moment_text
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store import audit
from sunshine_keys.store.audit import Entry
from sunshine_keys.store.change import Refused
from sunshine_keys.store.statements import Statements, execute

TYPES = {
    "key.create": "key.created",
    "key.rotate": "key.rotated",
    "key.expiring": "key.expiring",
    "key.expire": "key.expired",
    "key.delete": "key.deleted",
    "key.keep": "key.kept",
    "key.use_after_rotation": "key.used_after_rotation",
    "app.delete": "app.deleted",
    "integration.delete": "integration.deleted",
    "oauth_client.delete": "oauth_client.deleted",
    "oauth_access.revoke": "oauth_access.revoked",
    "oauth_token.create": "oauth_token.created",
    "oauth_token.delete": "oauth_token.deleted",
    "store.restore": "store.restored",
}
"""The types of events by the actions of entries. The deletion of an owner is one event, however many keys it had."""

REFUSED = "key.refused"
"""The type of a request that was refused because its key had been deleted or had expired."""

TEST = "test"

MOST_BACK = 10_000
"""How many entries back a refusal looks for earlier refusals of the same day."""

_FIRST_END = (
    f"WHERE {audit.ENDS_OF_KEYS} AND {audit.LAST_ID} = $1 AND outcome = '{audit.DONE}' AND sequence < $2"
    " ORDER BY sequence LIMIT 1"
)
_EARLIER_REFUSAL = (
    "SELECT 1 FROM audit WHERE sequence > $1 AND sequence < $2 AND action = $3 AND resource = $4 AND outcome = $5"
    " AND time >= $6 LIMIT 1"
)

_UNSAFE = re.compile(r"[<>&@\[\]]")
"""Characters of names that chats take for a link or for a mention of people."""

_TEXTS = {
    "key.created": "{key} was created",
    "key.rotated": "{key} was rotated",
    "key.expiring": "{key} is about to expire",
    "key.expired": "{key} has expired",
    "key.deleted": "{key} was deleted",
    "key.kept": "{key} no longer ends by its rotation",
    "key.used_after_rotation": "{key} was used, although it has been rotated",
    REFUSED: "A request with {key}, which was deleted or has expired, was refused",
    "app.deleted": "App {app} was deleted with all its keys",
    "integration.deleted": "Integration {integration} of app {app} was deleted with all its keys",
    "oauth_client.deleted": "An OAuth client was deleted with its access tokens",
    "oauth_access.revoked": "The access of a partner's integration {integration} to app {app} was revoked",
    "oauth_token.created": "An access token for app {app} was issued to a partner's integration",
    "oauth_token.deleted": "An access token for app {app} was deleted",
    "store.restored": "The store was restored from a backup",
}


_WITHOUT_ACTOR = ("key.expiring", "key.expired", "key.used_after_rotation")
"""The types that nobody causes: the service notices them."""


class EventKey(msgspec.Struct, frozen=True, rename="camel"):
    """The key of an event. Its name and its end are None if the key no longer exists, or has none."""

    id: str
    scope: Scope
    app_id: str | None = None
    integration_id: str | None = None
    display_name: str | None = None
    expires_at: str | None = None


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """What a target receives, as JSON.

    `id` is the same in each attempt, and differs between the trails of two stores. `text` is a sentence for people, and
    `resource` the path below /v2 of what changed.
    """

    id: str
    type: str
    time: str
    text: str
    key: EventKey | None
    actor: str
    source: str
    request_id: str
    resource: str
    note: str


def event_id(entry: Entry) -> str:
    return f"evt_{entry.sequence}_{entry.hash.hex()[:16]}"


def type_of(entry: Entry) -> Statements[str | None]:
    """Return the type of the event that an entry stands for; None if it stands for none."""
    if entry.outcome == audit.DONE:
        return TYPES.get(entry.action)
    if entry.action == Refused.action and entry.outcome == "unauthorized":
        end = yield from _end_of_key(entry)
        if end is not None and not (yield from _was_refused_today(entry, end.sequence)):
            return REFUSED
    return None


def event_of(entry: Entry, type: str) -> Statements[Event]:
    """Return the event of this type that an entry stands for."""
    resource = entry.resource
    if type == REFUSED:
        end = yield from _end_of_key(entry)
        resource = resource if end is None else end.resource
    owners = _owners(resource)
    key_id = owners.get("keys") or owners.get("tokens")
    key = None if key_id is None else _event_key(key_id, owners, (yield from KEYS.get(key_id)))
    text = _text(type, entry, key, owners)
    origin = (entry.actor, entry.source, entry.request_id)
    return Event(event_id(entry), type, entry.time, text, key, *origin, resource, entry.note)


def test_event() -> Event:
    """Return an event that only shows that a target works."""
    now = audit.now()
    text = "Sunshine Keys sends this test: notifications arrive here."
    return Event(f"evt_test_{re.sub('[^0-9]', '', now)}", TEST, now, text, None, "operator", "", "", "", "")


def _end_of_key(entry: Entry) -> Statements[Entry | None]:
    """Return the entry before `entry`, a refusal, by which its key first ended; None if it still may be used."""
    key_id = entry.resource.rpartition("/")[2]
    if not CREDENTIAL_ID.fullmatch(key_id):
        return None
    key = yield from KEYS.get(key_id)
    if key is not None and key.expires_at is None:
        return None
    return (yield from audit.TABLE.first_of(_FIRST_END, key_id, entry.sequence))


def _was_refused_today(entry: Entry, after: int) -> Statements[bool]:
    """Return True if a refusal of the same key on the same day, in UTC, stands between entry number `after` and `entry`."""
    after = max(after, entry.sequence - MOST_BACK)
    return bool(
        (
            yield from execute(
                _EARLIER_REFUSAL, after, entry.sequence, entry.action, entry.resource, entry.outcome, entry.time[:10]
            )
        )
    )


def _owners(resource: str) -> dict[str, str]:
    """Return the ids in a path by the names before them: `apps`, `integrations`, `keys`."""
    parts = resource.split("/")
    return dict(zip(parts[::2], parts[1::2], strict=False))


def _event_key(key_id: str, owners: dict[str, str], key: Key | None) -> EventKey:
    app_id, integration_id = owners.get("apps"), owners.get("integrations")
    if key is not None:
        name = None if key.is_token else key.display_name
        return EventKey(key.id, key.scope, key.app_id, key.integration_id, name, moment_text(key.expires_at))
    scope = Scope.INTEGRATION if integration_id or "tokens" in owners else Scope.APP if app_id else Scope.ACCOUNT
    return EventKey(key_id, scope, app_id, integration_id)


def _text(type: str, entry: Entry, key: EventKey | None, owners: dict[str, str]) -> str:
    named = {
        "key": "A key" if key is None else _key_in_words(key),
        "app": owners.get("apps", ""),
        "integration": owners.get("integrations", ""),
    }
    text = _TEXTS[type].format(**named)
    if entry.note:
        text += f" ({entry.note})"
    if type in _WITHOUT_ACTOR:
        return f"{text}."
    if type == REFUSED:
        return f"{text}. It came from {entry.source}." if entry.source else f"{text}."
    actor = "the operator" if entry.actor == "operator" else entry.actor
    return f"{text}, by {actor}{f' from {entry.source}' if entry.source else ''}."


def _key_in_words(key: EventKey) -> str:
    name = "" if key.display_name is None else f' "{_plain(key.display_name)}"'
    owner = f" of app {key.app_id}" if key.app_id else ""
    owner = f" of integration {key.integration_id}" if key.integration_id else owner
    return f"Key{name} {key.id}{owner}"


def _plain(name: str) -> str:
    """Replace what a chat would not show as it is: names of keys may come from anybody who may create them."""
    return "".join(character if character.isprintable() else " " for character in _UNSAFE.sub("·", name))
