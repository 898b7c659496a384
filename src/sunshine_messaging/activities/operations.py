"""The operations on activities."""

from __future__ import annotations

from typing import Any

from sunshine_keys.errors import BadRequest
from sunshine_keys.wire.operation import Call
from sunshine_messaging.activities.changes import MarkRead, TypeAsBusiness
from sunshine_messaging.activities.model import typing_view
from sunshine_messaging.activities.table import TYPING, typing_in
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.messages.operations import author_of

READ, TYPING_START = "conversation:read", "typing:start"

TYPING_MILLISECONDS = 10_000
"""Who has not begun to type again for so long, types no more (assumed; the documentation has no time)."""


async def post_activity(plane: Plane, call: Call) -> Any:
    author = author_of(call.body["author"])
    app_id, conversation_id = call.ids["appId"], call.ids["conversationId"]
    if call.body["type"] == READ:
        await plane.change(call, MarkRead(app_id, conversation_id, author.member, plane.now()))
        return {}
    if author.member is not None:
        raise BadRequest(f"type should be {READ} for an author of type user")
    begins = call.body["type"] == TYPING_START
    await plane.change(call, TypeAsBusiness(app_id, conversation_id, begins, plane.now()))
    return {}


async def list_typing(plane: Plane, call: Call) -> Any:
    conversation = await plane.conversation(call)
    # Who posts a message no longer types.
    since = max(conversation.last_received, plane.now() - TYPING_MILLISECONDS)
    return {"typing": [typing_view(typing) for typing in await plane.store.read(typing_in(conversation.id, since))]}


TABLES = (TYPING,)

HANDLERS: Handlers = {"PostActivity": post_activity, "ListTyping": list_typing}
