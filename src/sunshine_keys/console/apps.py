"""The list of apps, and an app with its integrations and its own keys."""

from __future__ import annotations

from starlette.responses import Response

from sunshine_keys.apps import operations as apps
from sunshine_keys.apps.changes import DeleteApp
from sunshine_keys.apps.table import apps_page, require_app
from sunshine_keys.console import deleting
from sunshine_keys.console.deleting import Doomed
from sunshine_keys.console.forms import name_fault
from sunshine_keys.console.lists import Pager, key_rows
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.visits import Visit, created_id
from sunshine_keys.integrations.table import integrations_page
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.table import keys_of_app


async def show_list(visit: Visit) -> Response:
    visit.require(account=True)
    return await _list(visit)


async def _list(visit: Visit, fault: str = "") -> Response:
    asked = visit.page()
    found, more = await visit.engine.store.read(apps_page(asked))
    pager = Pager.of("/console/apps", asked, [app.id for app in found], more)
    return page(
        visit,
        "apps.html",
        apps=found,
        pager=pager,
        fault=fault,
        name=visit.form.text("name"),
        status=422 if fault else 200,
    )


async def create(visit: Visit) -> Response:
    visit.require(account=True)
    name = visit.form.text("name")
    if fault := name_fault(name):
        return await _list(visit, fault)
    made = await apps.create(visit.engine, visit.origin_once(name), name, {}, None)
    app_id = created_id(made)
    return redirect(f"/console/apps/{app_id}", visit, ("app-created", app_id))


async def show(visit: Visit) -> Response:
    visit.require()
    return await show_app(visit)


async def show_app(visit: Visit, *, integration_fault: str = "", key_fault: str = "") -> Response:
    """The app that the path names; the faults are those of the forms in it."""
    app = await visit.engine.store.read(require_app(visit.app_id))
    asked = visit.page()
    found, more = await visit.engine.store.read(integrations_page(app.id, asked, None))
    # An app's own keys are for the account to manage, as in the API.
    own_keys = await keys_of_app(visit.engine.store, app.id) if visit.is_account else []
    return page(
        visit,
        "app.html",
        app=app,
        integrations=found,
        pager=Pager.of(f"/console/apps/{app.id}", asked, [each.id for each in found], more),
        rows=await key_rows(visit, own_keys),
        slots=KEYS_PER_OWNER,
        integration_fault=integration_fault,
        key_fault=key_fault,
        name=visit.form.text("name"),
        status=422 if integration_fault or key_fault else 200,
    )


async def ask_to_delete(visit: Visit) -> Response:
    visit.require(account=True)
    return deleting.ask(visit, await _doomed(visit))


async def delete(visit: Visit) -> Response:
    visit.require(account=True)
    doomed = await _doomed(visit)
    if not deleting.is_confirmed(visit, doomed):
        return deleting.refuse(visit, doomed)
    await visit.engine.store.transact(visit.origin, DeleteApp(visit.app_id))
    return redirect("/console/apps", visit, ("app-deleted", visit.app_id))


async def _doomed(visit: Visit) -> Doomed:
    app = await visit.engine.store.read(require_app(visit.app_id))
    return Doomed(
        "app",
        app.display_name,
        app.id,
        "All its integrations, their webhooks and every key of the app and of its integrations go with it. "
        "What uses one of those keys is refused from that moment on.",
        f"/console/apps/{app.id}",
    )
