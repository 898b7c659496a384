"""The list of apps, and an app with its integrations and its own keys."""

from __future__ import annotations

from starlette.responses import Response

from sunshine_keys.apps import operations as apps
from sunshine_keys.apps.changes import DeleteApp
from sunshine_keys.apps.table import apps_page, require_app
from sunshine_keys.console import deleting
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import name_fault, named
from sunshine_keys.console.integration_forms import BLANK, IntegrationForm, name_of
from sunshine_keys.console.key_forms import BLANK as BLANK_KEY
from sunshine_keys.console.key_forms import ENDS, KeyForm
from sunshine_keys.console.key_lists import key_list
from sunshine_keys.console.lists import listed
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest, created_id
from sunshine_keys.integrations.table import integrations_page
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.table import keys_of_app
from sunshine_keys.webhooks.model import TRIGGERS


async def show_list(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    return await _list(visit)


async def _list(visit: SignedInRequest, fault: str = "") -> Response:
    return page(
        visit,
        "apps.html",
        apps=await listed(visit, "/console/apps", apps_page, lambda app: app.display_name),
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


async def show_app(visit: SignedInRequest, *, form: IntegrationForm = BLANK, key_form: KeyForm = BLANK_KEY) -> Response:
    """Return the page of the app in the path, with the forms of a new integration and of a new key."""
    app = await visit.engine.store.read(require_app(visit.app_id))
    # As in the API, only the account manages an app's own keys.
    own_keys = await keys_of_app(visit.engine.store, app.id) if visit.is_account else []
    return page(
        visit,
        "app.html",
        app=app,
        integrations=await listed(
            visit, f"/console/apps/{app.id}", lambda part: integrations_page(app.id, part, None), name_of
        ),
        keys=await key_list(visit, own_keys, f"/console/apps/{app.id}", f"/console/apps/{app.id}/keys"),
        slots=KEYS_PER_OWNER,
        form=form,
        triggers=TRIGGERS,
        key_form=key_form,
        ends=ENDS,
        status=422 if form.is_faulty or key_form.is_faulty else 200,
    )


async def delete(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    deletion = await _deletion(visit)
    return await deleting.answer(
        visit,
        deletion,
        lambda: visit.engine.delete_app(visit.origin, DeleteApp(visit.app_id)),
        "app-deleted",
        "/console/apps",
    )


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
