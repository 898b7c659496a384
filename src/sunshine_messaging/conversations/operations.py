"""The operations on conversations."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, UserNotFound
from sunshine_keys.ids import OBJECT_ID, new_object_id
from sunshine_keys.wire import paging
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import INVALID_PAGE, Handlers, Plane
from sunshine_messaging.conversations.changes import CreateConversation, DeleteConversation, UpdateConversation
from sunshine_messaging.conversations.model import PERSONAL, Conversation, ConversationPatch, conversation_view
from sunshine_messaging.conversations.summaries import Summary, summaries_of_app
from sunshine_messaging.conversations.table import CONVERSATIONS, conversations_page
from sunshine_messaging.metadata import require_small
from sunshine_messaging.moments import text
from sunshine_messaging.participants.changes import Member
from sunshine_messaging.participants.members import member
from sunshine_messaging.participants.model import MOST_PARTICIPANTS
from sunshine_messaging.switchboards.model import Switchboard
from sunshine_messaging.users.model import user_view, without_nulls


async def create_conversation(plane: Plane, call: Call) -> Any:
    body, now = call.body, text(plane.now())
    members = _members(body["type"], body.get("participants", []))
    conversation = Conversation(
        id=new_object_id(),
        app_id=call.ids["appId"],
        type=body["type"],
        is_default=False,
        display_name=body.get("displayName"),
        description=body.get("description"),
        icon_url=body.get("iconUrl"),
        metadata=_metadata(body),
        created_at=now,
        last_updated_at=now,
    )
    return await plane.create(call, CreateConversation(conversation, members))


def _members(type: str, participants: list[Values]) -> list[Member]:
    """Return the participants of a new conversation. Raises BadRequest."""
    if type == PERSONAL and len(participants) != 1:
        raise BadRequest("participants should have exactly 1 item in a personal conversation")
    if len(participants) > MOST_PARTICIPANTS:
        raise BadRequest("Too many participants")
    for place, values in enumerate(participants):
        if type != PERSONAL and "subscribeSDKClient" not in values:
            raise BadRequest(f"participants[{place}] should have required property 'subscribeSDKClient'")
    return [member(values, f"participants[{place}]") for place, values in enumerate(participants)]


def _metadata(body: Values) -> Any:
    """Return the metadata of a body without nulls. Raises BadRequest."""
    metadata = body.get("metadata")
    require_small(metadata, "Conversation")
    return None if metadata is None else without_nulls(metadata)


async def list_conversations(plane: Plane, call: Call) -> Any:
    query = call.request.query()
    page = paging.page(query, INVALID_PAGE)
    named = paging.nested(query, "filter")
    user_id, external_id = named.get("userId"), named.get("userExternalId")
    if (user_id is None) == (external_id is None):
        raise BadRequest("Invalid query parameters")
    await plane.require_app(call)
    user = await Member(user_id, external_id, query.get("brandId")).read_user(plane.store, call.ids["appId"])
    if user is None:
        raise UserNotFound
    items, more = await plane.store.read(conversations_page(user.id, page, INVALID_PAGE))
    switchboard = await plane.switchboard(call.ids["appId"])
    neighbours = paging.neighbours(call.request.url(), page, query, [item.id for item in items], more)
    return {"conversations": [conversation_view(item, switchboard) for item in items], **neighbours}


async def list_app_conversations(plane: Plane, call: Call) -> Any:
    query, app_id = call.request.query(), call.ids["appId"]
    before, limit = query.get("before"), paging.number(query, "limit", 25, most=100)
    if before is not None and not OBJECT_ID.fullmatch(before):
        raise BadRequest("Invalid query parameters")
    await plane.require_app(call)
    switchboard = await plane.switchboard(app_id)
    rows = await plane.store.read(summaries_of_app(app_id, before, limit + 1))
    summaries = [_summary_view(row, switchboard) for row in rows[:limit]]
    return {"conversations": summaries, "hasMore": len(rows) > limit}


def _summary_view(summary: Summary, switchboard: Switchboard | None) -> dict[str, Any]:
    conversation = conversation_view(summary.conversation, switchboard)
    view: dict[str, Any] = {"conversation": conversation, "users": [user_view(user) for user in summary.users]}
    return view if summary.message is None else view | {"lastMessage": msgspec.Raw(summary.message)}


async def get_conversation(plane: Plane, call: Call) -> Any:
    conversation = await plane.conversation(call)
    return {"conversation": conversation_view(conversation, await plane.switchboard(conversation.app_id))}


async def update_conversation(plane: Plane, call: Call) -> Any:
    body = call.body
    patch = ConversationPatch(
        display_name=body.get("displayName", msgspec.UNSET),
        description=body.get("description", msgspec.UNSET),
        icon_url=body.get("iconUrl", msgspec.UNSET),
        metadata=_metadata(body) if "metadata" in body else msgspec.UNSET,
    )
    change = UpdateConversation(call.ids["appId"], call.ids["conversationId"], patch)
    conversation = await plane.change(call, change)
    return {"conversation": conversation_view(conversation, await plane.switchboard(conversation.app_id))}


async def delete_conversation(plane: Plane, call: Call) -> Any:
    await plane.change(call, DeleteConversation(call.ids["appId"], call.ids["conversationId"]))
    return {}


async def download_message_ref(plane: Plane, call: Call) -> Any:
    """Check a reference to a message of Apple's. There is no channel to download it from, so the answer is empty."""
    if "apple" not in call.body:
        raise BadRequest("should have required property 'apple'")
    await plane.conversation(call)
    await plane.store.read(Member(call.body["userId"], None).require_user(call.ids["appId"]))
    return {}


async def post_conversion_events(plane: Plane, call: Call) -> Any:
    """Count conversion events. They are not stored: only the channels could judge them."""
    if len(call.body) != 1:
        raise BadRequest("body should have exactly one of messenger, instagram and whatsapp")
    (event,) = call.body.values()
    await plane.conversation(call)
    data_set = f"{int.from_bytes(call.ids['appId'].encode()) % 10**16:016}"
    return {"conversionEvents": {"datasetId": data_set, "eventsReceived": len(event["payload"]["data"])}}


TABLES = (CONVERSATIONS,)

HANDLERS: Handlers = {
    "CreateConversation": create_conversation,
    "ListConversations": list_conversations,
    "ListAppConversations": list_app_conversations,
    "GetConversation": get_conversation,
    "UpdateConversation": update_conversation,
    "DeleteConversation": delete_conversation,
    "DownloadMessageRef": download_message_ref,
    "PostConversionEvents": post_conversion_events,
}
