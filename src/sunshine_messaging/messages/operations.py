"""The operations on messages."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.apps.table import APPS
from sunshine_keys.errors import BadRequest, ConversationNotFound, NotFound
from sunshine_keys.store.page import Page
from sunshine_keys.wire import paging
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import INVALID_PAGE, Handlers, Plane
from sunshine_messaging.messages import content
from sunshine_messaging.messages.changes import (
    Author,
    DeleteAllMessages,
    DeleteMessage,
    Destination,
    PostMessage,
)
from sunshine_messaging.messages.markup import control_target
from sunshine_messaging.messages.model import PAGE_SIZE, id_of
from sunshine_messaging.messages.table import MESSAGES, messages_page
from sunshine_messaging.metadata import require_small
from sunshine_messaging.participants.members import member
from sunshine_messaging.users.model import without_nulls


def author_of(values: Values) -> Author:
    """Return the author that a body names. Raises BadRequest."""
    is_user = values["type"] == "user"
    if not is_user and {"userId", "userExternalId", "brandId"} & values.keys():
        raise BadRequest("author of type business should NOT have userId, userExternalId or brandId")
    named = member(values, "author") if is_user else None
    return Author(named, values.get("displayName"), values.get("avatarUrl"), values.get("subtypes"))


async def post_message(plane: Plane, call: Call) -> Any:
    body = call.body
    author = author_of(body["author"])
    contents = content.normalised(body, by_business=author.member is None)
    metadata = body.get("metadata")
    require_small(metadata, "Message")
    if author.member is not None and author.display_name is None:
        app = await plane.engine.store.get(APPS, call.ids["appId"])
        if app is not None and app.settings.get("useAnimalNames"):
            author = msgspec.structs.replace(author, uses_animal_names=True)
    change = PostMessage(
        call.ids["appId"],
        call.ids["conversationId"],
        author,
        contents,
        without_nulls(metadata) if metadata else None,
        _destination(body, author),
        plane.now(),
        pass_to=control_target(body["content"]) if author.member is None else None,
        integration_id=call.actor.integration_id,
    )
    return await plane.create(call, change)


def _destination(body: Values, author: Author) -> Destination | None:
    """Return the destination that a body names, or None. Raises BadRequest."""
    values = body.get("destination")
    if values is None:
        return None
    if author.member is not None:
        raise BadRequest("destination is for messages of a business only")
    if len(values) != 1:
        raise BadRequest("destination should have exactly one of integrationId and integrationType")
    return Destination(values.get("integrationId"), values.get("integrationType"))


async def list_messages(plane: Plane, call: Call) -> Any:
    query = call.request.query()
    page = _page(query)
    try:
        conversation = await plane.conversation(call)
    except ConversationNotFound:
        raise NotFound from None  # as documented, unlike the other operations
    bodies, more = await plane.store.read(messages_page(conversation.id, page, INVALID_PAGE))
    ids = [id_of(body) for body in bodies[:: len(bodies) - 1 or 1]]  # the first and the last
    neighbours = paging.neighbours(call.request.url(), page, query, ids, more, newest_first=True)
    return {"messages": msgspec.Raw(b"[%b]" % b",".join(bodies)), **neighbours}


def _page(query: dict[str, str]) -> Page:
    """Return the requested page. A size is ignored: pages hold 100 messages. Raises BadRequest."""
    if not query:
        return _NEWEST
    fields = {f"page[{name}]": value for name, value in paging.nested(query, "page").items() if name != "size"}
    return paging.page(fields | {"page[size]": str(PAGE_SIZE)}, INVALID_PAGE)


_NEWEST = Page(size=PAGE_SIZE)


async def delete_all_messages(plane: Plane, call: Call) -> Any:
    await plane.change(call, DeleteAllMessages(call.ids["appId"], call.ids["conversationId"]))
    return {}


async def delete_message(plane: Plane, call: Call) -> Any:
    change = DeleteMessage(call.ids["appId"], call.ids["conversationId"], call.ids["messageId"])
    await plane.change(call, change)
    return {}


TABLES = (MESSAGES,)

HANDLERS: Handlers = {
    "PostMessage": post_message,
    "ListMessages": list_messages,
    "DeleteAllMessages": delete_all_messages,
    "DeleteMessage": delete_message,
}
