"""Events, the webhooks that may hear them, and the deliveries that the store holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sunshine_messaging.clients.model import Client, Device, client_view, device_view
from sunshine_messaging.control.hearing import NOBODY
from sunshine_messaging.control.model import Control, control_view
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.moments import Milliseconds
from sunshine_messaging.switchboards.model import Switchboard
from sunshine_messaging.users.model import User, user_view


class Source(msgspec.Struct, frozen=True):
    """Where an event comes from: `view` is its JSON. `client` and `device` are those of a person."""

    view: dict[str, Any]
    client: Client | None = None
    device: Device | None = None


API_SOURCE = Source({"type": "api:conversations"})
"""The source of what a program does through the API (observed)."""

PENDING, DELIVERED, FAILED, CANCELLED = "pending", "delivered", "failed", "cancelled"
"""The states of a delivery. A cancelled one was for a webhook that has been deleted."""

FINAL = frozenset({400, 401, 403, 404, 406})
"""Statuses after which there is no further attempt (documented)."""

NO_OWNER = "0"
"""The owner of deliveries whose process has stopped. It sorts before all processes."""


class Form(msgspec.Struct, frozen=True):
    """How much a webhook hears of users and sources (`includeFullUser`, `includeFullSource`)."""

    full_user: bool
    full_source: bool

    def user(self, user: User) -> dict[str, Any]:
        """Return a user as JSON of an event."""
        view = user_view(user)
        del view["hasPaymentInfo"]
        if not self.full_user:
            view = {name: value for name, value in view.items() if name in _SHORT_USER}
        return view | {"authenticated": user.authenticated}

    def source(self, source: Source) -> dict[str, Any]:
        """Return a source as JSON of an event."""
        view = source.view
        if self.full_source and source.client is not None:
            view = view | {"client": client_view(source.client)}
        if self.full_source and source.device is not None:
            view = view | {"device": device_view(source.device)}
        return view

    def author(self, author: dict[str, Any], user: User | None) -> dict[str, Any]:
        """Return the author of a message or an activity as JSON of an event. `user` is the user that it names."""
        return author if user is None else author | {"user": self.user(user)}


_SHORT_USER = {"id", "externalId", "zendeskId", "brandId"}


def truncated(conversation: Conversation, switchboard: Switchboard | None) -> dict[str, Any]:
    """Return a conversation as JSON of an event (`conversationTruncated`)."""
    view: dict[str, Any] = {"id": conversation.id, "type": conversation.type}
    if conversation.metadata is not None:
        view["metadata"] = conversation.metadata
    return view | control_view(switchboard, conversation.control)


class Event(msgspec.Struct, frozen=True):
    """Something that webhooks can hear of. `type` is one of `webhooks.model.TRIGGERS`.

    `payload` returns the event's payload in the form that a webhook wants, without the `conversation`, which the audience
    adds. Events of one `subject`, the id of a conversation or a user, reach a webhook in their order.

    Who controls the conversation decides which webhooks hear of it. For an action on control, `before` is the control before
    it, and `caller` the entry that acts.
    """

    type: str
    subject: str
    payload: Callable[[Form], dict[str, Any]]
    conversation: Conversation | None = None
    before: Control = NOBODY
    caller: str | None = None


class Listener(msgspec.Struct, frozen=True):
    """A webhook of an app, as events need it."""

    webhook_id: str
    integration_id: str
    triggers: list[str]
    form: Form


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt to deliver. `started` is in milliseconds since 1970, `duration` in milliseconds.

    `status` is that of the answer, and `answer` the beginning of its body. Without an answer, `error` says why.
    """

    started: Milliseconds
    duration: float
    status: int | None = None
    answer: str = ""
    error: str = ""

    @property
    def outcome(self) -> str:
        """`delivered`, `refused` (there is no further attempt), `failed` or `no_answer`."""
        if self.status is None:
            return "no_answer"
        if 200 <= self.status < 300:
            return DELIVERED
        return "refused" if self.status in FINAL else FAILED


class Delivery(msgspec.Struct, frozen=True):
    """An event on its way to one webhook, and later a line of the log.

    `number` orders all deliveries. `event` is the event as JSON, empty once it is a day old. `queue` is the webhook's id
    and the event's subject until the first attempt has ended, then None. While the delivery is pending, `owner` is the
    process that delivers it. `due` is the time of the next attempt after the first one.
    """

    number: int
    event_id: str
    type: str
    app_id: str
    webhook_id: str
    subject: str
    created: Milliseconds
    event: bytes
    state: str
    queue: str | None
    owner: str | None
    due: Milliseconds | None
    attempts: list[Any]


class Sender(msgspec.Struct, frozen=True):
    """A process that delivers. `beats` grows each second; if it does not, another process takes over."""

    id: str
    beats: int
