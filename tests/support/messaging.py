"""Objects of the conversation plane for tests, and its store beside a service that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sunshine_keys.compose import messaging_file
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.locations import SqliteFile
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_messaging.plane import CATALOG
from sunshine_messaging.users.changes import LinkZendeskUser
from support.wire import Key, Place, Service, Tenant, Wire

BODIES: dict[str, Any] = {
    "create_user": {"profile": {"givenName": "Jane"}},
    "update_user": {"profile": {"surname": "Doe"}},
    "sync_user": {"survivingZendeskId": "35436"},
}
"""A body of each operation that the objects of `placeholders` accept. Texts such as `{userId}` stand for their ids."""

OTHER_BODIES: dict[str, Any] = {
    "create_user": {"metadata": {"a": 1}},
}
"""Another body of each create."""


@asynccontextmanager
async def opened_store(place: Place) -> AsyncIterator[Store]:
    """Open the store of a plane that has been used, as another process would."""
    location = place.settings.location
    store: Store
    if isinstance(location, SqliteFile):
        store = SqliteStore(messaging_file(location.path), CATALOG)
    else:
        store = PostgresStore(location.url, CATALOG)
    try:
        yield store
    finally:
        await store.close()


def link_zendesk_user(place: Place, tenant: Tenant, user_id: str, zendesk_id: str, email: str) -> None:
    """Link a user to a Zendesk user, which no operation of the API can."""

    async def link() -> None:
        async with opened_store(place) as store:
            identities = [{"type": "email", "value": email, "verification": "sso"}]
            await store.transact(OPERATOR, LinkZendeskUser(tenant.app_id, user_id, zendesk_id, identities))

    asyncio.run(link())


def placeholders(wire: Wire, service: Service, tenant: Tenant) -> dict[str, str]:
    """Create objects of the plane in the tenant's app. Return their ids by the names of path parameters."""
    auth = tenant.app_key
    user = wire.post(tenant.users, auth, {"externalId": "jane", "profile": {"givenName": "Jane"}}).json["user"]
    link_zendesk_user(service.place, tenant, user["id"], "30045042291606", "jane@example.com")
    return {"userIdOrExternalId": user["id"], "userId": user["id"], "zendeskId": "30045042291606"}


def filled(body: Any, ids: dict[str, str]) -> Any:
    """Return a body with ids in the place of texts such as `{userId}`."""
    if isinstance(body, dict):
        return {name: filled(part, ids) for name, part in body.items()}
    if isinstance(body, list):
        return [filled(part, ids) for part in body]
    return body.format(**ids) if isinstance(body, str) and body.startswith("{") else body


def create_user(wire: Wire, tenant: Tenant, auth: Key | None = None, **fields: Any) -> dict[str, Any]:
    answer = wire.post(tenant.users, auth or tenant.key, fields)
    assert answer.status == 201, answer
    user: dict[str, Any] = answer.json["user"]
    return user


def reads(tenant: Tenant, ids: dict[str, str]) -> list[str]:
    """Return the paths of the objects of `placeholders`."""
    return [f"{tenant.users}/{ids['userId']}"]
