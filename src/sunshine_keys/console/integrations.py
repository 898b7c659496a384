"""An integration with its webhooks and its keys: show it, create one, rename it, delete it."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console import apps, deleting, revealing
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import name_fault
from sunshine_keys.console.integration_forms import IntegrationForm, events_in_short, name_of
from sunshine_keys.console.key_forms import BLANK, ENDS, KeyForm
from sunshine_keys.console.key_lists import key_list
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest, created_id
from sunshine_keys.console.revealing import Hidden
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.integrations import operations as integrations
from sunshine_keys.integrations.changes import DeleteIntegration, UpdateIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import require_integration
from sunshine_keys.keys.model import KEYS_PER_OWNER
from sunshine_keys.keys.table import keys_of_integration
from sunshine_keys.webhooks.changes import ShowWebhook
from sunshine_keys.webhooks.model import Webhook
from sunshine_keys.webhooks.table import require_webhook, webhooks_of

_NO_WEBHOOK = "There is no such webhook; it may have been deleted"


class ShownWebhook(msgspec.Struct, frozen=True):
    """A webhook as its integration's page shows it. `secret` is empty unless the page may show it."""

    webhook: Webhook
    events: str
    secret: str

    def __repr__(self) -> str:
        return f"ShownWebhook({self.webhook.id!r})"


async def create(visit: SignedInRequest) -> Response:
    visit.require()
    form = IntegrationForm.of(visit.form)
    if form.is_faulty:
        return await apps.show_app(visit, form=form)
    origin = visit.origin_once(form.name, form.target, *form.triggers)
    answer = await integrations.create(
        visit.engine, origin, visit.app_id, "custom", {"displayName": form.name}, [form.webhook]
    )
    integration_id = created_id(answer)
    path = f"/console/apps/{visit.app_id}/integrations/{integration_id}"
    return redirect(path, visit, ("integration-created", integration_id))


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    return await show_integration(visit)


async def show_integration(visit: SignedInRequest, *, key_form: KeyForm = BLANK, rename_fault: str = "") -> Response:
    """Return the page of the integration in the path; `key_form` is the form of a new key."""
    integration = await _integration(visit)
    keys = await keys_of_integration(visit.engine.store, integration.id)
    path = _path(visit, integration.id)
    return page(
        visit,
        "integration.html",
        app=await visit.engine.store.read(require_app(visit.app_id)),
        integration=integration,
        integration_name=name_of(integration),
        path=path,
        webhooks=await _webhooks(visit, integration),
        keys=await key_list(visit, keys, path, f"{path}/keys"),
        slots=KEYS_PER_OWNER,
        key_form=key_form,
        ends=ENDS,
        rename_fault=rename_fault,
        name=visit.form.text("name"),
        status=422 if key_form.is_faulty or rename_fault else 200,
    )


async def _webhooks(visit: SignedInRequest, integration: Integration) -> list[ShownWebhook]:
    """Return the webhooks; with secrets if the integration was just created, or if a secret was asked for."""
    webhooks = await visit.engine.store.read(webhooks_of([integration.id])) if integration.has_webhooks else []
    rows: list[ShownWebhook] = []
    for webhook in webhooks:
        is_shown = visit.notice in (("integration-created", integration.id), ("webhook-secret-shown", webhook.id))
        secret = await visit.engine.unseal(webhook.sealed_secret, webhook.id) if is_shown else ""
        rows.append(ShownWebhook(webhook, events_in_short(webhook.triggers), secret))
    return rows


async def rename(visit: SignedInRequest) -> Response:
    visit.require()
    name = visit.form.text("name")
    if fault := name_fault(name):
        return await show_integration(visit, rename_fault=fault)
    integration = await _integration(visit)
    change = UpdateIntegration(visit.app_id, integration.id, {"displayName": name})
    await visit.engine.store.transact(visit.origin, change)
    return redirect(_path(visit, integration.id), visit, ("integration-renamed", integration.id))


async def ask_to_reveal(visit: SignedInRequest) -> Response:
    visit.require()
    return revealing.ask(visit, _hidden(visit, await _webhook(visit)))


async def reveal(visit: SignedInRequest) -> Response:
    """Show the secret of a webhook."""
    visit.require()
    webhook = await _webhook(visit)
    hidden = _hidden(visit, webhook)
    if refusal := await revealing.refusal(visit, hidden):
        return refusal
    await visit.engine.store.transact(visit.origin, ShowWebhook(visit.app_id, webhook))
    return redirect(hidden.back, visit, ("webhook-secret-shown", webhook.id))


async def delete(visit: SignedInRequest) -> Response:
    visit.require()
    deletion = await _deletion(visit)
    return await deleting.answer(
        visit,
        deletion,
        lambda: visit.engine.store.transact(visit.origin, DeleteIntegration(visit.app_id, deletion.id)),
        "integration-deleted",
        f"/console/apps/{visit.app_id}",
    )


async def _integration(visit: SignedInRequest) -> Integration:
    """Return the integration in the path. Raises AppNotFound, IntegrationNotFound."""
    return await visit.engine.store.read(require_integration(visit.app_id, visit.ids["integration_id"]))


async def _webhook(visit: SignedInRequest) -> Webhook:
    """Return the webhook in the path. Raises AppNotFound, IntegrationNotFound, NotFound."""
    ids = visit.app_id, visit.ids["integration_id"], visit.ids["webhook_id"]
    try:
        return await visit.engine.store.read(require_webhook(*ids))
    except BadRequest:  # the API's answer for an integration without webhooks; a page that cannot exist is a 404
        raise NotFound(_NO_WEBHOOK) from None


def _path(visit: SignedInRequest, integration_id: str) -> str:
    return f"/console/apps/{visit.app_id}/integrations/{integration_id}"


def _hidden(visit: SignedInRequest, webhook: Webhook) -> Hidden:
    back = _path(visit, webhook.integration_id)
    return Hidden(
        "webhook",
        webhook.target,
        webhook.id,
        "send events to its target that look like those of this service",
        f"{back}/webhooks/{webhook.id}/secret",
        back,
    )


async def _deletion(visit: SignedInRequest) -> Deletion:
    integration = await _integration(visit)
    path = _path(visit, integration.id)
    return Deletion(
        "integration",
        name_of(integration),
        integration.id,
        "Its webhooks and all its keys or access tokens are deleted with it. Programs that use one of those are refused from that "
        "moment on.",
        path,
        path,
    )
