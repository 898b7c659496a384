"""Names and pages of what entries of the audit trail refer to, as far as the person may see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from sunshine_keys.apps.table import APPS
from sunshine_keys.console.forms import named
from sunshine_keys.console.integration_forms import name_of
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.integrations.table import INTEGRATIONS
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store.audit import Entry
from sunshine_keys.store.statements import Statements, placeholders
from sunshine_keys.store.table import Table
from sunshine_keys.webhooks.table import WEBHOOKS

S = TypeVar("S", bound=msgspec.Struct)

_AT_ONCE = 500
"""The most objects that one statement reads, because the number of values in a statement is limited."""

_PEOPLE = {"operator": "Operator", "stranger": "Stranger"}
_KINDS = {"apps": "App", "integrations": "Integration", "keys": "Key", "webhooks": "Webhook"}


class Reference(msgspec.Struct, frozen=True):
    """What an entry refers to. `name` is empty for an object that is deleted, or that the person may not see.

    `kind` says what it is, `path` is its page; both may be empty.
    """

    id: str
    name: str = ""
    path: str = ""
    kind: str = ""

    @property
    def label(self) -> str:
        """The name; the id if it has none."""
        return self.name or self.id


class NamedEntry(msgspec.Struct, frozen=True):
    """An entry with the references of its actor and of its resource, from the app down."""

    entry: Entry
    actor: Reference
    resource: list[Reference]


async def named_entries(visit: SignedInRequest, entries: Sequence[Entry]) -> list[NamedEntry]:
    """Return the entries with the names that their objects have now."""
    ids: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for entry in entries:
        ids["keys"].add(entry.actor)
        for kind, id in _parts(entry.resource):
            ids.get(kind, set()).add(id)
    references = await visit.engine.store.read(_references(visit, ids))
    return [
        NamedEntry(
            entry,
            references.get(("keys", entry.actor), Reference(entry.actor, _PEOPLE.get(entry.actor, ""))),
            [references.get(part, Reference(part[1], kind=_kind(part[0]))) for part in _parts(entry.resource)],
        )
        for entry in entries
    ]


def _parts(resource: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the id of each object in the path of a resource."""
    words = resource.split("/") if resource else []
    yield from zip(words[::2], [*words[1::2], ""], strict=False)


def _kind(plural: str) -> str:
    return _KINDS.get(plural, plural.removesuffix("s").capitalize())


def _references(visit: SignedInRequest, ids: dict[str, set[str]]) -> Statements[dict[tuple[str, str], Reference]]:
    """Return references by the kind and the id of an object."""
    own = visit.actor.app_id
    references: dict[tuple[str, str], Reference] = {}
    for app in (yield from _with_ids(APPS, ids["apps"])):
        if own in (None, app.id):
            reference = Reference(app.id, named(app.display_name, app.id), f"/console/apps/{app.id}", "App")
            references["apps", app.id] = reference
    apps: dict[str, str] = {}
    webhooks = yield from _with_ids(WEBHOOKS, ids["webhooks"])
    owners = {webhook.integration_id for webhook in webhooks}
    for integration in (yield from _with_ids(INTEGRATIONS, ids["integrations"] | owners)):
        if own in (None, integration.app_id):
            apps[integration.id] = path = f"/console/apps/{integration.app_id}/integrations/{integration.id}"
            reference = Reference(integration.id, name_of(integration), path, "Integration")
            references["integrations", integration.id] = reference
    for webhook in webhooks:
        if path := apps.get(webhook.integration_id, ""):
            references["webhooks", webhook.id] = Reference(webhook.id, webhook.target, path, "Webhook")
    for key in (yield from _with_ids(KEYS, ids["keys"])):
        if visit.is_account or key.id == visit.actor.key_id or (key.app_id == own and key.integration_id):
            name = named(key.display_name, key.id)
            references["keys", key.id] = Reference(key.id, name, _key_path(visit, key), "Key")
    return references


def _key_path(visit: SignedInRequest, key: Key) -> str:
    """Return the page of a key; that of its integration for an access token; empty if the person may not open it."""
    if key.integration_id:
        path = f"/console/apps/{key.app_id}/integrations/{key.integration_id}"
        return path if key.is_token else f"{path}/keys/{key.id}"
    if not visit.is_account:
        return ""
    return f"/console/apps/{key.app_id}/keys/{key.id}" if key.app_id else f"/console/account-keys/{key.id}"


def _with_ids(table: Table[S], ids: set[str]) -> Statements[list[S]]:
    """Return the rows of a table that have these ids."""
    rows: list[S] = []
    listed = sorted(ids)
    for first in range(0, len(listed), _AT_ONCE):
        part = listed[first : first + _AT_ONCE]
        rows += yield from table.select(f"WHERE id IN ({placeholders(len(part))})", *part)
    return rows
