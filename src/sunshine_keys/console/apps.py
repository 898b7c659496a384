"""The list of apps, and an app with its integrations and its own keys."""

from __future__ import annotations

from starlette.responses import Response

from sunshine_keys.apps import operations as apps
from sunshine_keys.apps.changes import DeleteApp
from sunshine_keys.apps.table import apps_page, require_app
from sunshine_keys.console import deleting
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import name_fault, named
from sunshine_keys.console.lists import Pager, key_rows
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest, created_id
from sunshine_keys.integrations.table import integrations_page
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.table import keys_of_app


async def show_list(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    return await _list(visit)


async def _list(visit: SignedInRequest, fault: str = "") -> Response:
    part = visit.page()
    items, more = await visit.engine.store.read(apps_page(part))
    pager = Pager.of("/console/apps", part, [app.id for app in items], more)
    return page(
        visit,
        "apps.html",
        apps=items,
        pager=pager,
        fault=fault,
        name=visit.form.text("name"),
        status=422 if fault else 200,
    )


async def create(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    name = visit.form.text("name")
    if fault := name_fault(name):
        return await _list(visit, fault)
    answer = await apps.create(visit.engine, visit.origin_once(name), name, {}, None)
    app_id = created_id(answer)
    return redirect(f"/console/apps/{app_id}", visit, ("app-created", app_id))


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    return await show_app(visit)


async def show_app(visit: SignedInRequest, *, integration_fault: str = "", key_fault: str = "") -> Response:
    """Return the page of the app in the path; the faults are those of its forms."""
    app = await visit.engine.store.read(require_app(visit.app_id))
    part = visit.page()
    items, more = await visit.engine.store.read(integrations_page(app.id, part, None))
    # As in the API, only the account manages an app's own keys.
    own_keys = await keys_of_app(visit.engine.store, app.id) if visit.is_account else []
    return page(
        visit,
        "app.html",
        app=app,
        integrations=items,
        pager=Pager.of(f"/console/apps/{app.id}", part, [integration.id for integration in items], more),
        rows=await key_rows(visit, own_keys),
        slots=KEYS_PER_OWNER,
        integration_fault=integration_fault,
        key_fault=key_fault,
        name=visit.form.text("name"),
        status=422 if integration_fault or key_fault else 200,
    )


async def ask_to_delete(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    return deleting.ask(visit, await _deletion(visit))


async def delete(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    deletion = await _deletion(visit)
    if not deleting.is_confirmed(visit, deletion):
        return deleting.refuse(visit, deletion)
    await visit.engine.delete_app(visit.origin, DeleteApp(visit.app_id))
    return redirect("/console/apps", visit, ("app-deleted", visit.app_id))


async def _deletion(visit: SignedInRequest) -> Deletion:
    app = await visit.engine.store.read(require_app(visit.app_id))
    path = f"/console/apps/{app.id}"
    return Deletion(
        "app",
        named(app.display_name, app.id),
        app.id,
        "All its integrations, their webhooks, and every key of the app and of its integrations are deleted with it. "
        "Programs that use one of those keys are refused from that moment on.",
        path,
        path,
    )
