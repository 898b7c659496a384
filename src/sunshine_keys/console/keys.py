"""Keys of apps and of integrations: create one, show its secret, its end, its use and snippets, delete it."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.responses import Response

from sunshine_keys.apps.model import App
from sunshine_keys.apps.table import require_app
from sunshine_keys.console import apps, deleting, integrations, revealing
from sunshine_keys.console.charts import History
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.integration_forms import name_of
from sunshine_keys.console.key_forms import KeyForm, refused
from sunshine_keys.console.key_lists import DAYS, Status, use_since
from sunshine_keys.console.moments import in_words
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest, created_id
from sunshine_keys.console.revealing import Hidden
from sunshine_keys.console.snippets import snippets
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import require_integration
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys import rotating
from sunshine_keys.keys.changes import ShowKey
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.rotations import ROTATIONS, rotation_to
from sunshine_keys.keys.table import read_key
from sunshine_keys.keys.usage import usage_of


def require_keys(visit: SignedInRequest) -> None:
    """Raises Forbidden. As in the API, only the account manages an app's own keys."""
    visit.require(account=visit.integration_id is None)


def owner_path(visit: SignedInRequest) -> str:
    path = f"/console/apps/{visit.app_id}"
    return path if visit.integration_id is None else f"{path}/integrations/{visit.integration_id}"


async def create(visit: SignedInRequest) -> Response:
    require_keys(visit)
    form = KeyForm.of(visit.form, visit.engine.store.now())
    if form.is_faulty:
        return await _owner_page(visit, form)
    origin = visit.origin_once(form.name, form.end, form.moment)
    try:
        answer = await keys.create(visit.engine, origin, visit.app_id, visit.integration_id, form.name, form.expires_at)
    except BadRequest as error:
        return await _owner_page(visit, refused(form, f"{error.titles[0]}."))
    key_id = created_id(answer)
    return redirect(f"{owner_path(visit)}/keys/{key_id}", visit, ("key-created", key_id))


async def _owner_page(visit: SignedInRequest, form: KeyForm) -> Response:
    if visit.integration_id is None:
        return await apps.show_app(visit, key_form=form)
    return await integrations.show_integration(visit, key_form=form)


async def show(visit: SignedInRequest) -> Response:
    require_keys(visit)
    key = await find(visit)
    integration = None
    if visit.integration_id is not None:
        integration = await visit.engine.store.read(require_integration(visit.app_id, visit.integration_id))
    app = await visit.engine.store.read(require_app(visit.app_id))
    return await show_key(visit, key, f"{owner_path(visit)}/keys/{key.id}", app, integration)


async def show_key(
    visit: SignedInRequest, key: Key, path: str, app: App | None = None, integration: Integration | None = None
) -> Response:
    """Return the page of a key, which is at `path`, with the app and the integration that it belongs to."""
    store, now = visit.engine.store, visit.engine.store.now()
    use = (await store.read(usage_of([key.id], use_since(now)))).get(key.id)
    rotation = await store.get(ROTATIONS, key.id)
    replaced = await store.read(rotation_to(key.id))
    # Only a key that was just created, or whose secret was asked for: the notice says so, for this key alone.
    shown = visit.notice in (("key-created", key.id), ("key-rotated", key.id), ("secret-shown", key.id))
    return page(
        visit,
        "key.html",
        app=app,
        integration=integration,
        integration_name=name_of(integration) if integration else "",
        key=key,
        badge=Status.of(key, rotation, now),
        has_ended=key.has_ended(now),
        end_in_words="" if key.expires_at is None else in_words(key.expires_at - now),
        rotation=rotation,
        uses=None if rotation is None else await rotating.status(visit.engine, rotation, key),
        replaced=replaced.key_id if replaced else "",
        secret=await visit.engine.unseal(key.sealed_secret, key.id) if shown else "",
        use=use,
        history=History.of(use.hours if use else {}, now, days=DAYS),
        snippets=snippets(key, visit.host_url),
        path=path,
    )


async def ask_to_reveal(visit: SignedInRequest) -> Response:
    require_keys(visit)
    return revealing.ask(visit, _hidden(visit, await find(visit)))


async def reveal(visit: SignedInRequest) -> Response:
    """Show the secret of a key."""
    require_keys(visit)
    key = await find(visit)
    hidden = _hidden(visit, key)
    if refusal := await revealing.refusal(visit, hidden):
        return refusal
    await visit.engine.store.transact(visit.origin, ShowKey(key))
    return redirect(hidden.back, visit, ("secret-shown", key.id))


def _hidden(visit: SignedInRequest, key: Key) -> Hidden:
    path = f"{owner_path(visit)}/keys/{key.id}"
    return Hidden("key", key.display_name, key.id, "do everything that the key may do", f"{path}/secret", path)


async def delete(visit: SignedInRequest) -> Response:
    require_keys(visit)
    deletion = await _deletion(visit)

    def delete() -> Awaitable[None]:
        return rotating.delete(visit.engine.store, visit.origin, visit.app_id, visit.integration_id, deletion.id)

    return await deleting.answer(visit, deletion, delete, "key-deleted", owner_path(visit))


async def find(visit: SignedInRequest) -> Key:
    """Return the key that the path names, with its secret sealed.

    Raises NotFound, AppNotFound, IntegrationNotFound.
    """
    missing = "There is no such key; it may have been deleted"
    owner = visit.app_id, visit.integration_id
    try:
        return await read_key(visit.engine.store, *owner, visit.ids["key_id"], missing=missing)
    except BadRequest:  # the API's answer for an integration that is not custom; a page that cannot exist is a 404
        raise NotFound(missing) from None


async def _deletion(visit: SignedInRequest) -> Deletion:
    key = await find(visit)
    path = f"{owner_path(visit)}/keys/{key.id}"
    return Deletion.of_key(key, path, path)
