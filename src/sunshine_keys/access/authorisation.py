"""Check what an authenticated key may do."""

from __future__ import annotations

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import Scope
from sunshine_keys.errors import Forbidden


def authorise(actor: Actor, scopes: frozenset[Scope], app_id: str | None, integration_id: str | None) -> None:
    """Raise Forbidden unless `actor` has one of `scopes` and owns the app and the integration.

    `app_id` and `integration_id` are the ids in the request's path; None if the path has none. Another owner's app or
    integration is forbidden whether it exists or not. The error's `cause` is for the audit trail.
    """
    if actor.scope not in scopes:
        needed = " or ".join(sorted(scopes))
        raise Forbidden(cause=f"scope {actor.scope} where {needed} is needed")
    if actor.scope is Scope.ACCOUNT:
        return
    if app_id is not None and app_id != actor.app_id:
        raise Forbidden(cause="the key is for another app")
    if actor.scope is Scope.INTEGRATION and integration_id is not None and integration_id != actor.integration_id:
        raise Forbidden(cause="the key is for another integration")
