"""Keys of apps and of integrations: create one, show its secret, its use and snippets, delete it."""

from __future__ import annotations

from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console import apps, deleting, integrations
from sunshine_keys.console.charts import Chart
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import name_fault
from sunshine_keys.console.lists import DAYS, use_since
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest, created_id
from sunshine_keys.console.snippets import snippets
from sunshine_keys.errors import BadRequest, NotFound, TooManyRequests, Unauthorized
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
    return await integrations.show_integration(visit, fault)


async def show(visit: SignedInRequest) -> Response:
    _require(visit)
    key = await _key(visit)
    now = visit.clock()
    use = (await visit.engine.store.read(usage_of([key.id], use_since(now)))).get(key.id)
    # Only a key that was just created, or whose secret was asked for: the notice says so, for this key alone.
    shown = visit.notice in (("key-created", key.id), ("secret-shown", key.id))
    integration = None
    if visit.integration_id is not None:
        integration = await visit.engine.store.read(require_integration(visit.app_id, visit.integration_id))
    return page(
        visit,
        "key.html",
        app=await visit.engine.store.read(require_app(visit.app_id)),
        integration=integration,
        integration_name=integrations.name_of(integration) if integration else "",
        key=key,
        secret=await visit.engine.unseal(key.sealed_secret, key.id) if shown else "",
        use=use,
        chart=Chart.of(use.hours if use else {}, now, days=DAYS, bars=DAYS * 24),
        snippets=snippets(key, visit.host_url),
        path=f"{_owner_path(visit)}/keys/{key.id}",
        owner_path=_owner_path(visit),
    )


async def ask_to_reveal(visit: SignedInRequest) -> Response:
    _require(visit)
    return await _ask_to_reveal(visit)


async def _ask_to_reveal(visit: SignedInRequest, fault: str = "", status: int = 200) -> Response:
    key = await _key(visit)
    return page(visit, "reveal.html", key=key, back=f"{_owner_path(visit)}/keys/{key.id}", fault=fault, status=status)


async def reveal(visit: SignedInRequest) -> Response:
    """Show the secret to a person who enters the secret of the session's key: a browser may have been left open."""
    _require(visit)
    key = await _key(visit)
    own, secret = visit.actor.key_id, visit.form.text("secret")
    if not secret:
        return await _ask_to_reveal(
            visit, "The secret is empty. Enter the secret of the key that you signed in with.", 422
        )
    try:
        await visit.admission.authenticate_secret(visit.source, visit.request_id, own, secret)
    except Unauthorized as error:
        visit.request.state.code = error.code
        return await _ask_to_reveal(
            visit, "This is not the secret of the key that you signed in with. Try again.", error.status
        )
    except TooManyRequests as error:
        visit.request.state.code = error.code
        return await _ask_to_reveal(visit, f"{error.titles[0]}. Wait a minute.", error.status)
    await visit.engine.store.transact(visit.origin, ShowKey(key))
    return redirect(f"{_owner_path(visit)}/keys/{key.id}", visit, ("secret-shown", key.id))


async def ask_to_delete(visit: SignedInRequest) -> Response:
    _require(visit)
    return deleting.ask(visit, await _deletion(visit))


async def delete(visit: SignedInRequest) -> Response:
    _require(visit)
    deletion = await _deletion(visit)
    if not deleting.is_confirmed(visit, deletion):
        return deleting.refuse(visit, deletion)
    await visit.engine.store.transact(visit.origin, DeleteKey(visit.app_id, visit.integration_id, deletion.id))
    return redirect(_owner_path(visit), visit, ("key-deleted", deletion.id))


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
