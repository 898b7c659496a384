"""What holds in every store: the checks that belong inside the transaction of a change."""

from __future__ import annotations

from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import BadRequest
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.model import KEYS_PER_OWNER


def require_keys_allowed(integration: Integration) -> None:
    if integration.type != "custom":
        raise BadRequest("API keys are available only for custom integrations")


def require_webhooks_allowed(integration: Integration) -> None:
    if integration.type != "custom":
        raise BadRequest("Webhooks are available only for custom integrations")


def require_room_for_key(scope: Scope, present: int) -> None:
    """An app and an integration have at most ten keys; an account may have any number."""
    if scope is not Scope.ACCOUNT and present >= KEYS_PER_OWNER:
        owner = "app" if scope is Scope.APP else "integration"
        raise BadRequest(f"An {owner} is limited to {KEYS_PER_OWNER} API keys; delete one first")
