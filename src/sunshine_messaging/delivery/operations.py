"""The operations on deliveries, which only this service has: the log, another delivery, a test."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.store.statements import Statements
from sunshine_keys.webhooks.model import TRIGGERS
from sunshine_keys.webhooks.table import require_webhook
from sunshine_keys.wire import paging
from sunshine_keys.wire.operation import Call, messaging_facts
from sunshine_messaging.apps.table import register
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.events.audience import AnnouncedChange, delivery_of
from sunshine_messaging.events.model import CANCELLED, DELIVERED, FAILED, PENDING, Attempt, Delivery
from sunshine_messaging.events.table import DELIVERIES, SENDERS, Wanted, add_delivery, deliveries_page
from sunshine_messaging.moments import text

SPAN = 2000
"""How many deliveries a request for a filtered list looks at: 7 ms of a worker's time on SQLite. A store may hold millions."""


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery as JSON, without the event's payload and without answers.

    Its subject is the id of the conversation or the user that the event is about; for a test, that of the event.
    """
    event = {"id": delivery.event_id, "type": delivery.type, "createdAt": text(delivery.created)}
    view: dict[str, Any] = {
        "number": delivery.number,
        "webhookId": delivery.webhook_id,
        "state": delivery.state,
        "subject": delivery.subject,
        "event": event,
        "attempts": [_attempt_view(attempt) for attempt in delivery.attempts],
    }
    return view if delivery.due is None else view | {"nextAttemptAt": text(delivery.due)}


def _attempt_view(stored: dict[str, Any]) -> dict[str, Any]:
    attempt = msgspec.convert(stored, Attempt)
    view: dict[str, Any] = {"startedAt": text(attempt.started), "milliseconds": attempt.duration}
    if attempt.status is None:
        return view | {"error": attempt.error}
    return view | {"status": attempt.status}


def _whole_view(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery as JSON, with the event while it is stored, and with the beginnings of the answers."""
    view = delivery_view(delivery)
    for shown, stored in zip(view["attempts"], delivery.attempts, strict=True):
        if "status" in shown:
            shown["answer"] = stored.get("answer", "")
    return view | {"event": msgspec.Raw(delivery.event)} if delivery.event else view


async def list_deliveries(plane: Plane, call: Call) -> Any:
    query = call.request.query()
    before, after = paging.number(query, "before", paging.LARGEST), paging.number(query, "after", -1, 0)
    limit = paging.number(query, "limit", 25, most=100)
    wanted = Wanted(
        query.get("webhookId", ""), query.get("state", ""), query.get("type", ""), query.get("conversationId", "")
    )
    is_invalid = "before" in query and "after" in query
    is_invalid |= wanted.state not in ("", PENDING, DELIVERED, FAILED, CANCELLED)
    if is_invalid or wanted.type not in ("", *TRIGGERS):
        raise BadRequest("Invalid query parameters")
    await plane.require_app(call)
    rows, following = await plane.store.read(deliveries_page(call.ids["appId"], before, after, wanted, SPAN, limit))
    view = {"deliveries": [delivery_view(row) for row in rows], "hasMore": following is not None}
    return view if following is None else view | {"next": following}


def _require_delivery(app_id: str, number: str) -> Statements[Delivery]:
    """Return an app's delivery. Raises NotFound."""
    parsed = paging.digits(number)
    delivery = None if parsed is None else (yield from DELIVERIES.get(parsed))
    if delivery is None or delivery.app_id != app_id:
        raise NotFound
    return delivery


async def get_delivery(plane: Plane, call: Call) -> Any:
    await plane.require_app(call)
    delivery = await plane.store.read(_require_delivery(call.ids["appId"], call.ids["deliveryNumber"]))
    return {"delivery": _whole_view(delivery)}


class Redeliver(AnnouncedChange[bytes], frozen=True):
    """Deliver a stored event once more, and return the answer. Raises NotFound, and BadRequest for an event that has gone."""

    action = "delivery.redeliver"
    audited = False
    app_id: str
    number: str

    def apply(self) -> Statements[bytes]:
        former = yield from _require_delivery(self.app_id, self.number)
        if not former.event:
            raise BadRequest("The event is no longer stored: events are stored for a day")
        listener = self.audience.find(former.webhook_id)
        if listener is None:
            raise BadRequest("The webhook of this delivery has been deleted")
        repetition = delivery_of(self.audience, listener, former.type, former.subject, former.event_id, former.event)
        return _answer((yield from add_delivery(repetition)))


class DeliverTest(AnnouncedChange[bytes], frozen=True):
    """Deliver the published example of an event to a webhook, and return the answer. Raises NotFound."""

    action = "delivery.test"
    audited = False
    app_id: str
    webhook_id: str

    def apply(self) -> Statements[bytes]:
        listener = self.audience.find(self.webhook_id)
        if listener is None:
            raise NotFound
        yield from register(self.app_id)
        event_id, example = new_object_id(), messaging_facts()["test_event"]
        event = {
            "id": event_id,
            "createdAt": text(self.audience.now),
            "type": example["type"],
            "payload": example["payload"],
        }
        test = delivery_of(self.audience, listener, example["type"], event_id, event_id, msgspec.json.encode(event))
        return _answer((yield from add_delivery(test)))


def _answer(delivery: Delivery) -> bytes:
    return msgspec.json.encode({"delivery": _whole_view(delivery)})


async def redeliver_delivery(plane: Plane, call: Call) -> Any:
    return await plane.create(call, Redeliver(call.ids["appId"], call.ids["deliveryNumber"]))


async def test_webhook(plane: Plane, call: Call) -> Any:
    ids = call.ids
    await plane.engine.store.read(require_webhook(ids["appId"], ids["integrationId"], ids["webhookId"]))
    return await plane.create(call, DeliverTest(ids["appId"], ids["webhookId"]))


TABLES = (DELIVERIES, SENDERS)

HANDLERS: Handlers = {
    "ListDeliveries": list_deliveries,
    "GetDelivery": get_delivery,
    "RedeliverDelivery": redeliver_delivery,
    "TestWebhook": test_webhook,
}
