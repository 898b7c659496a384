"""The operation on activities."""

from __future__ import annotations

from typing import Any

from sunshine_keys.errors import BadRequest
from sunshine_keys.wire.operation import Call
from sunshine_messaging.activities.changes import MarkRead
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.conversations.table import require_conversation
from sunshine_messaging.messages.operations import author_of

READ = "conversation:read"


async def post_activity(plane: Plane, call: Call) -> Any:
    author = author_of(call.body["author"])
    app_id, conversation_id = call.ids["appId"], call.ids["conversationId"]
    if call.body["type"] == READ:
        await plane.change(call, MarkRead(app_id, conversation_id, author.member, plane.now()))
        return {}
    if author.member is not None:
        raise BadRequest(f"type should be {READ} for an author of type user")
    # Typing of a business is shown by SDKs. Nothing is stored.
    await plane.require_app(call)
    await plane.store.read(require_conversation(app_id, conversation_id))
    return {}


TABLES = ()

HANDLERS: Handlers = {"PostActivity": post_activity}
