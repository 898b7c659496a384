"""An integration with its keys: show it, create one, delete it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console import apps, deleting
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import name_fault, named
from sunshine_keys.console.lists import key_rows
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest, created_id
from sunshine_keys.integrations import operations as integrations
from sunshine_keys.integrations.changes import DeleteIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import require_integration
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.table import keys_of_integration


def name_of(integration: Integration) -> str:
    """Return the display name; the id if it has none."""
    name: Any = integration.attributes.get("displayName")
    return named(name, integration.id) if isinstance(name, str) else integration.id


async def create(visit: SignedInRequest) -> Response:
    visit.require()
    name = visit.form.text("name")
    if fault := name_fault(name):
        return await apps.show_app(visit, integration_fault=fault)
    origin = visit.origin_once(name)
    answer = await integrations.create(visit.engine, origin, visit.app_id, "custom", {"displayName": name}, [])
    integration_id = created_id(answer)
    path = f"/console/apps/{visit.app_id}/integrations/{integration_id}"
    return redirect(path, visit, ("integration-created", integration_id))


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    return await show_integration(visit)


async def show_integration(visit: SignedInRequest, key_fault: str = "") -> Response:
    """Return the page of the integration in the path; the fault is that of its form."""
    integration = await _integration(visit)
    return page(
        visit,
        "integration.html",
        app=await visit.engine.store.read(require_app(visit.app_id)),
        integration=integration,
        integration_name=name_of(integration),
        rows=await key_rows(visit, await keys_of_integration(visit.engine.store, integration.id)),
        slots=KEYS_PER_OWNER,
        key_fault=key_fault,
        name=visit.form.text("name"),
        status=422 if key_fault else 200,
    )


async def ask_to_delete(visit: SignedInRequest) -> Response:
    visit.require()
    return deleting.ask(visit, await _deletion(visit))


async def delete(visit: SignedInRequest) -> Response:
    visit.require()
    deletion = await _deletion(visit)
    if not deleting.is_confirmed(visit, deletion):
        return deleting.refuse(visit, deletion)
    await visit.engine.store.transact(visit.origin, DeleteIntegration(visit.app_id, deletion.id))
    return redirect(f"/console/apps/{visit.app_id}", visit, ("integration-deleted", deletion.id))


async def _integration(visit: SignedInRequest) -> Integration:
    """Return the integration in the path. Raises AppNotFound, IntegrationNotFound."""
    return await visit.engine.store.read(require_integration(visit.app_id, visit.ids["integration_id"]))


async def _deletion(visit: SignedInRequest) -> Deletion:
    integration = await _integration(visit)
    path = f"/console/apps/{visit.app_id}/integrations/{integration.id}"
    return Deletion(
        "integration",
        name_of(integration),
        integration.id,
        "Its webhooks and all its keys or access tokens are deleted with it. Programs that use one of those are refused from that "
        "moment on.",
        path,
        path,
    )
