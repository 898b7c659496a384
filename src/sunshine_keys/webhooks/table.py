"""The table of webhooks, and its reads."""

from __future__ import annotations

from collections.abc import Sequence

from sunshine_keys.errors import NotFound
from sunshine_keys.integrations.table import require_webhooks_allowed
from sunshine_keys.store.statements import Statements, placeholders
from sunshine_keys.store.store import Reader
from sunshine_keys.store.table import Index, Table
from sunshine_keys.webhooks.model import Webhook

WEBHOOKS = Table(
    "webhooks",
    Webhook,
    references={"integration_id": "integrations"},
    indexes=(Index("webhooks_by_integration", ("integration_id", "id")),),
    sealed="sealed_secret",
    remembered=True,
)

_OF_APP = "WHERE integration_id IN (SELECT id FROM integrations WHERE app_id = $1) ORDER BY id"


def require_webhook(app_id: str, integration_id: str, webhook_id: str) -> Statements[Webhook]:
    """Return the integration's webhook. Raises NotFound, and what `require_webhooks_allowed` raises."""
    yield from require_webhooks_allowed(app_id, integration_id)
    webhook = yield from WEBHOOKS.first_of("WHERE id = $1 AND integration_id = $2", webhook_id, integration_id)
    if webhook is None:
        raise NotFound
    return webhook


def webhooks_of(integration_ids: Sequence[str]) -> Statements[list[Webhook]]:
    """Return the webhooks of these integrations, in order of id."""
    if not integration_ids:
        return []
    places = placeholders(len(integration_ids))
    return (yield from WEBHOOKS.select(f"WHERE integration_id IN ({places}) ORDER BY id", *integration_ids))


def webhooks_of_app(app_id: str) -> Statements[list[Webhook]]:
    """Return the webhooks of all integrations of an app, in order of id."""
    return WEBHOOKS.select(_OF_APP, app_id)


async def read_webhooks_of_app(store: Reader, app_id: str) -> Sequence[Webhook]:
    """Return the same, from memory if nothing has changed since they were read."""
    return await store.select(WEBHOOKS, _OF_APP, app_id)
