"""Keys of apps and of integrations: create one, show its secret, its use and snippets, delete it."""

from __future__ import annotations

from starlette.responses import Response

from sunshine_keys.apps.model import App
from sunshine_keys.apps.table import require_app
from sunshine_keys.console import apps, deleting, integrations, revealing
from sunshine_keys.console.charts import History
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import name_fault
from sunshine_keys.console.integration_forms import name_of
from sunshine_keys.console.lists import DAYS, use_since
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest, created_id
from sunshine_keys.console.revealing import Hidden
from sunshine_keys.console.snippets import snippets
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import require_integration
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.changes import DeleteKey, ShowKey
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import find_key
from sunshine_keys.keys.usage import usage_of


def _require(visit: SignedInRequest) -> None:
    """Raises Forbidden. As in the API, only the account manages an app's own keys."""
    visit.require(account=visit.integration_id is None)


def _owner_path(visit: SignedInRequest) -> str:
    path = f"/console/apps/{visit.app_id}"
    return path if visit.integration_id is None else f"{path}/integrations/{visit.integration_id}"


async def create(visit: SignedInRequest) -> Response:
    _require(visit)
    name = visit.form.text("name")
    if fault := name_fault(name):
        return await _owner_page(visit, fault)
    origin = visit.origin_once(name)
    try:
        answer = await keys.create(visit.engine, origin, visit.app_id, visit.integration_id, name)
    except BadRequest as error:
        return await _owner_page(visit, f"{error.titles[0]}.")
    key_id = created_id(answer)
    return redirect(f"{_owner_path(visit)}/keys/{key_id}", visit, ("key-created", key_id))


async def _owner_page(visit: SignedInRequest, fault: str) -> Response:
    if visit.integration_id is None:
        return await apps.show_app(visit, key_fault=fault)
    return await integrations.show_integration(visit, key_fault=fault)


async def show(visit: SignedInRequest) -> Response:
    _require(visit)
    key = await _key(visit)
    integration = None
    if visit.integration_id is not None:
        integration = await visit.engine.store.read(require_integration(visit.app_id, visit.integration_id))
    app = await visit.engine.store.read(require_app(visit.app_id))
    return await show_key(visit, key, f"{_owner_path(visit)}/keys/{key.id}", app, integration)


async def show_key(
    visit: SignedInRequest, key: Key, path: str, app: App | None = None, integration: Integration | None = None
) -> Response:
    """Return the page of a key, which is at `path`, with the app and the integration that it belongs to."""
    now = visit.clock()
    use = (await visit.engine.store.read(usage_of([key.id], use_since(now)))).get(key.id)
    # Only a key that was just created, or whose secret was asked for: the notice says so, for this key alone.
    shown = visit.notice in (("key-created", key.id), ("secret-shown", key.id))
    return page(
        visit,
        "key.html",
        app=app,
        integration=integration,
        integration_name=name_of(integration) if integration else "",
        key=key,
        secret=await visit.engine.unseal(key.sealed_secret, key.id) if shown else "",
        use=use,
        history=History.of(use.hours if use else {}, now, days=DAYS),
        snippets=snippets(key, visit.host_url),
        path=path,
    )


async def ask_to_reveal(visit: SignedInRequest) -> Response:
    _require(visit)
    return revealing.ask(visit, _hidden(visit, await _key(visit)))


async def reveal(visit: SignedInRequest) -> Response:
    """Show the secret of a key."""
    _require(visit)
    key = await _key(visit)
    hidden = _hidden(visit, key)
    if refusal := await revealing.refusal(visit, hidden):
        return refusal
    await visit.engine.store.transact(visit.origin, ShowKey(key))
    return redirect(hidden.back, visit, ("secret-shown", key.id))


def _hidden(visit: SignedInRequest, key: Key) -> Hidden:
    path = f"{_owner_path(visit)}/keys/{key.id}"
    return Hidden("key", key.display_name, key.id, "do everything that the key may do", f"{path}/secret", path)


async def delete(visit: SignedInRequest) -> Response:
    _require(visit)
    deletion = await _deletion(visit)
    return await deleting.answer(
        visit,
        deletion,
        lambda: visit.engine.store.transact(visit.origin, DeleteKey(visit.app_id, visit.integration_id, deletion.id)),
        "key-deleted",
        _owner_path(visit),
    )


async def _key(visit: SignedInRequest) -> Key:
    """Return the key that the path names, with its secret sealed.

    Raises NotFound, AppNotFound, IntegrationNotFound.
    """
    missing = "There is no such key; it may have been deleted"
    owner = visit.app_id, visit.integration_id
    try:
        return await find_key(visit.engine.store, *owner, visit.ids["key_id"], missing=missing)
    except BadRequest:  # the API's answer for an integration that is not custom; a page that cannot exist is a 404
        raise NotFound(missing) from None


async def _deletion(visit: SignedInRequest) -> Deletion:
    key = await _key(visit)
    path = f"{_owner_path(visit)}/keys/{key.id}"
    return Deletion.of_key(key, path, path)
