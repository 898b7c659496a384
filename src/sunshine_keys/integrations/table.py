"""The table of integrations, and its reads."""

from __future__ import annotations

from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import BadRequest, IntegrationNotFound
from sunshine_keys.integrations.model import Integration
from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Statements, placeholders
from sunshine_keys.store.table import Index, Table

INTEGRATIONS = Table(
    "integrations",
    Integration,
    references={"app_id": "apps"},
    indexes=(Index("integrations_by_app", ("app_id", "id")),),
)


def find_integration(app_id: str, integration_id: str) -> Statements[Integration | None]:
    """Return the integration if it belongs to the app, else None."""
    return INTEGRATIONS.first_of("WHERE id = $1 AND app_id = $2", integration_id, app_id)


def require_integration(app_id: str, integration_id: str) -> Statements[Integration]:
    """Return the app's integration. Raises AppNotFound if the app is missing, else IntegrationNotFound."""
    integration = yield from find_integration(app_id, integration_id)
    if integration is None:
        yield from require_app(app_id)
        raise IntegrationNotFound
    return integration


def require_keys_allowed(app_id: str, integration_id: str) -> Statements[None]:
    """Raise AppNotFound, IntegrationNotFound, or BadRequest if the integration is not of type `custom`."""
    if (yield from require_integration(app_id, integration_id)).type != "custom":
        raise BadRequest("API keys are available only for custom integrations")


def require_webhooks_allowed(app_id: str, integration_id: str) -> Statements[None]:
    """Raise AppNotFound, IntegrationNotFound, or BadRequest if the integration is neither custom nor a partner's."""
    if not (yield from require_integration(app_id, integration_id)).has_webhooks:
        raise BadRequest("Webhooks are available only for custom integrations")


def integrations_page(
    app_id: str, page: Page, types: frozenset[str] | None, *, with_partners: bool = True
) -> Statements[tuple[list[Integration], bool]]:
    """Return one page of the app's integrations of `types` (None: all types), and whether more follow."""
    condition, values = "app_id = $1", (app_id, *sorted(types or ()))
    if not with_partners:
        condition += " AND length(type) < 24"
    if types is not None:
        condition += f" AND type IN ({placeholders(len(types), after=1)})"
    return INTEGRATIONS.page(condition, values, page)


def integrations_of_app(app_id: str) -> Statements[list[Integration]]:
    """Return all integrations of the app, oldest first."""
    return INTEGRATIONS.select("WHERE app_id = $1 ORDER BY id", app_id)


def partners_of(app_id: str) -> Statements[list[Integration]]:
    """Return the integrations of partners in the app, in order of id."""
    return INTEGRATIONS.select("WHERE app_id = $1 AND length(type) = 24 ORDER BY id", app_id)


def first_integration(app_id: str, type: str) -> Statements[Integration | None]:
    """Return the app's first integration of a type, or None."""
    return INTEGRATIONS.first_of("WHERE app_id = $1 AND type = $2 ORDER BY id LIMIT 1", app_id, type)
