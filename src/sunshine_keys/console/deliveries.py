"""What was sent to the webhooks of an app: a list, one delivery with its attempts, another delivery, a test event."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console.forms import legible
from sunshine_keys.console.integration_forms import name_of
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.integrations.table import integrations_of_app
from sunshine_keys.webhooks.model import REQUEST_HEADERS, SECRET_HEADER, TRIGGERS
from sunshine_keys.webhooks.table import webhooks_of_app
from sunshine_keys.wire import paging

STATES = ("pending", "delivered", "failed", "cancelled")

_SHOWN = 50
_LISTED_WEBHOOKS = 100
"""The most webhooks in the lists of the forms. With more of them, the person types the id of a webhook."""

_FIELDS = {"webhook": "webhookId", "state": "state", "type": "type", "conversation": "conversationId"}
"""The fields of the filter, and the query parameters of the operation."""


class Filter(msgspec.Struct, frozen=True):
    """The fields of the form as they were sent, and their faults by field."""

    path: str
    fields: dict[str, str]
    faults: dict[str, str]

    @classmethod
    def of(cls, path: str, fields: dict[str, str]) -> Filter:
        faults = dict.fromkeys(_FIELDS, "")
        for name, kind in (("webhook", "webhook"), ("conversation", "conversation")):
            if fields[name] and not OBJECT_ID.fullmatch(fields[name]):
                faults[name] = f"The id of a {kind} has 24 hex digits."
        if fields["state"] and fields["state"] not in STATES:
            faults["state"] = "There is no such state. Choose one from the list."
        if fields["type"] and fields["type"] not in TRIGGERS:
            faults["type"] = "There is no such type of event. Choose one from the list."
        return cls(path, fields, faults)

    @property
    def is_faulty(self) -> bool:
        return any(self.faults.values())

    def link(self, **cursor: int) -> str:
        query = {name: value for name, value in self.fields.items() if value} | cursor
        return f"{self.path}?{urlencode(query)}" if query else self.path


class _Listed(msgspec.Struct, frozen=True):
    """A page of the list, and links to others; an empty link leads nowhere."""

    deliveries: list[Any] = []
    newer: str = ""
    older: str = ""
    is_first: bool = True


def _path(visit: SignedInRequest) -> str:
    return f"/console/apps/{visit.app_id}/deliveries"


async def show_list(visit: SignedInRequest) -> Response:
    visit.require()
    return await _list(visit)


async def _list(visit: SignedInRequest, fault: str = "") -> Response:
    """Return the list. The fault is that of the form for a test event."""
    app = await visit.engine.store.read(require_app(visit.app_id))
    query = visit.request.query_params
    filter = Filter.of(_path(visit), {name: query.get(name, "").strip() for name in _FIELDS})
    webhooks = await visit.engine.store.read(webhooks_of_app(visit.app_id))
    listed = _Listed() if filter.is_faulty else await _read(visit, filter)
    return page(
        visit,
        "deliveries.html",
        app=app,
        filter=filter,
        is_filtered=any(filter.fields.values()),
        states=[(state, state) for state in STATES],
        types=[(type, type) for type in TRIGGERS],
        listed=listed,
        webhooks={webhook.id: webhook for webhook in webhooks},
        names=await _names(visit),
        is_choice=len(webhooks) <= _LISTED_WEBHOOKS,
        conversation_of=conversation_of,
        chosen=visit.form.text("webhook_id") or filter.fields["webhook"],
        fault=fault,
        status=422 if fault or filter.is_faulty else 200,
    )


async def _read(visit: SignedInRequest, filter: Filter) -> _Listed:
    """Read the page of the list that the query asks for. Raises BadRequest."""
    wanted = {_FIELDS[name]: value for name, value in filter.fields.items() if value} | {"limit": str(_SHOWN)}
    cursor = {
        name: visit.request.query_params[name] for name in ("before", "after") if name in visit.request.query_params
    }
    if any(paging.digits(number) is None for number in cursor.values()) or len(cursor) > 1:
        raise BadRequest("There is no such page of this list")
    answer = await visit.call("ListDeliveries", query=wanted | cursor)
    items, following = answer["deliveries"], answer.get("next")
    if "after" in cursor:
        if following is None:  # the newest page, which holds more of them
            return await _newest(visit, filter, wanted)
        oldest = items[0]["number"] if items else int(cursor["after"])
        return _Listed(items[::-1], filter.link(after=following), filter.link(before=oldest), False)
    is_first = "before" not in cursor
    newest = items[0]["number"] if items else int(cursor.get("before", 0)) - 1
    return _Listed(
        items,
        "" if is_first else filter.link(after=newest),
        "" if following is None else filter.link(before=following),
        is_first,
    )


async def _newest(visit: SignedInRequest, filter: Filter, wanted: dict[str, str]) -> _Listed:
    answer = await visit.call("ListDeliveries", query=wanted)
    following = answer.get("next")
    return _Listed(answer["deliveries"], "", "" if following is None else filter.link(before=following))


async def _names(visit: SignedInRequest) -> dict[str, str]:
    """Return the names of the app's integrations by their ids."""
    integrations = await visit.engine.store.read(integrations_of_app(visit.app_id))
    return {integration.id: name_of(integration) for integration in integrations}


def conversation_of(delivery: Any) -> str:
    """Return the id of the conversation that a delivery is about, which may have been deleted; empty if there is none."""
    event = delivery["event"]
    conversation = event.get("payload", {}).get("conversation")
    if isinstance(conversation, dict) and isinstance(conversation.get("id"), str):
        id: str = conversation["id"]
    elif event["type"].startswith(("conversation:", "switchboard:", "passthrough:")):
        id = delivery["subject"]
    else:
        return ""
    # The subject of a test event is the event itself, and its example is about a conversation that does not exist.
    return id if delivery["subject"] != event["id"] and event["type"] != "conversation:remove" else ""


async def send_test(visit: SignedInRequest) -> Response:
    """Send a test event to a webhook, and show its delivery."""
    visit.require()
    webhook_id = visit.form.text("webhook_id")
    if not webhook_id:
        return await _list(visit, "Choose a webhook.")
    webhooks = await visit.engine.store.read(webhooks_of_app(visit.app_id))
    webhook = next((webhook for webhook in webhooks if webhook.id == webhook_id), None)
    if webhook is None:
        return await _list(visit, "There is no such webhook. It may have been deleted: choose another.")
    answer = await visit.call("TestWebhook", integrationId=webhook.integration_id, webhookId=webhook.id)
    number = answer["delivery"]["number"]
    return redirect(f"{_path(visit)}/{number}", visit, ("test-sent", str(number)))


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    return await _delivery(visit)


async def _delivery(visit: SignedInRequest, fault: str = "") -> Response:
    app = await visit.engine.store.read(require_app(visit.app_id))
    try:
        delivery = (await visit.call("GetDelivery", deliveryNumber=visit.ids["number"]))["delivery"]
    except NotFound:
        raise NotFound("There is no such delivery. Deliveries are listed for seven days") from None
    webhooks = await visit.engine.store.read(webhooks_of_app(visit.app_id))
    webhook = next((webhook for webhook in webhooks if webhook.id == delivery["webhookId"]), None)
    body = ""
    if "payload" in delivery["event"]:
        head = {"app": {"id": app.id}, "webhook": {"id": delivery["webhookId"], "version": "v2"}}
        body = legible(json.dumps(head | {"events": [delivery["event"]]}, indent=2, ensure_ascii=False))
    return page(
        visit,
        "delivery.html",
        app=app,
        delivery=delivery,
        webhook=webhook,
        integration_name=(await _names(visit)).get(webhook.integration_id, "") if webhook else "",
        conversation_id=conversation_of(delivery),
        headers=REQUEST_HEADERS,
        secret_header=SECRET_HEADER,
        body=body,
        path=_path(visit),
        fault=fault,
        status=422 if fault else 200,
    )


async def redeliver(visit: SignedInRequest) -> Response:
    """Deliver the event once more, and show the new delivery."""
    visit.require()
    try:
        answer = await visit.call("RedeliverDelivery", deliveryNumber=visit.ids["number"])
    except BadRequest as error:
        return await _delivery(visit, f"{error.titles[0]}.")
    number = answer["delivery"]["number"]
    return redirect(f"{_path(visit)}/{number}", visit, ("redelivered", visit.ids["number"]))
