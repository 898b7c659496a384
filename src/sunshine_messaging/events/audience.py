"""The webhooks that hear what a change does, and the base of changes that raise events."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from sunshine_keys.ids import new_object_id
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from sunshine_messaging.control.hearing import hears
from sunshine_messaging.events.model import PENDING, Delivery, Event, Form, Listener, truncated
from sunshine_messaging.events.table import add_delivery
from sunshine_messaging.moments import Milliseconds, text
from sunshine_messaging.switchboards.model import Switchboard

R = TypeVar("R")

_encode = msgspec.json.Encoder().encode


class Audience(msgspec.Struct, frozen=True):
    """The webhooks of an app, and its switchboard if it is enabled, as they were when a request began.

    `process` delivers what the webhooks hear. `now` is the time of the change.
    """

    app_id: str = ""
    process: str = ""
    now: Milliseconds = 0
    listeners: tuple[Listener, ...] = ()
    switchboard: Switchboard | None = None

    def raise_event(self, event: Event) -> Statements[None]:
        """Store the event for each webhook that hears it."""
        listeners = [listener for listener in self.listeners if self._hears(listener, event)]
        if not listeners:
            return
        event_id, bodies = new_object_id(), dict[Form, bytes]()
        for listener in listeners:
            if listener.form not in bodies:
                bodies[listener.form] = self._body(event_id, event, listener.form)
            body = bodies[listener.form]
            yield from add_delivery(delivery_of(self, listener, event.type, event.subject, event_id, body))

    def find(self, webhook_id: str) -> Listener | None:
        """Return a webhook of the app, or None."""
        return next((listener for listener in self.listeners if listener.webhook_id == webhook_id), None)

    def _hears(self, listener: Listener, event: Event) -> bool:
        if event.type not in listener.triggers:
            return False
        if self.switchboard is None or event.conversation is None:
            return True
        entry = self.switchboard.entry_of(listener.integration_id)
        return hears(event.type, entry, event.conversation.control, event.before, event.caller)

    def _body(self, event_id: str, event: Event, form: Form) -> bytes:
        payload = event.payload(form)
        if event.conversation is not None:
            payload = {"conversation": truncated(event.conversation, self.switchboard)} | payload
        return _encode({"id": event_id, "createdAt": text(self.now), "type": event.type, "payload": payload})


def delivery_of(
    audience: Audience, listener: Listener, type: str, subject: str, event_id: str, event: bytes
) -> Delivery:
    """Return a new delivery, which lacks its number."""
    return Delivery(
        number=0,
        event_id=event_id,
        type=type,
        app_id=audience.app_id,
        webhook_id=listener.webhook_id,
        subject=subject,
        created=audience.now,
        event=event,
        state=PENDING,
        queue=f"{listener.webhook_id}:{subject}",
        owner=audience.process,
        due=None,
        attempts=[],
    )


NOBODY = Audience()


class AnnouncedChange(Change[R], frozen=True, kw_only=True):
    """Base of changes that raise events. `Plane.change` and `Plane.create` set the audience."""

    audience: Audience = NOBODY

    @property
    def needs_switchboard(self) -> bool:
        """False if the change needs the switchboard only for the events that it raises: without webhooks, nobody reads it."""
        return True
