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


def require_custom(app_id: str, integration_id: str, what: str) -> Statements[Integration]:
    """Return the app's integration if its type is `custom`. `what` is in the error: API keys or webhooks.

    Raises AppNotFound, IntegrationNotFound or BadRequest.
    """
    integration = yield from require_integration(app_id, integration_id)
    if integration.type != "custom":
        raise BadRequest(f"{what} are available only for custom integrations")
    return integration


def integrations_page(
    app_id: str, page: Page, types: frozenset[str] | None
) -> Statements[tuple[list[Integration], bool]]:
    """Return one page of the app's integrations of `types` (None: all types), and whether more follow."""
    condition, values = "app_id = $1", (app_id, *sorted(types or ()))
    if types is not None:
        condition += f" AND type IN ({placeholders(len(types), after=1)})"
    return INTEGRATIONS.page(condition, values, page)


def integrations_of_app(app_id: str) -> Statements[list[Integration]]:
    """Return all integrations of the app, oldest first."""
    return INTEGRATIONS.select("WHERE app_id = $1 ORDER BY id", app_id)
