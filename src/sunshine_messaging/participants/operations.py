"""The operations on participants."""

from __future__ import annotations

from typing import Any

from sunshine_keys.errors import BadRequest
from sunshine_keys.wire import paging
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import INVALID_PAGE, Handlers, Plane
from sunshine_messaging.moments import text
from sunshine_messaging.participants.changes import JoinConversation, LeaveConversation, Member
from sunshine_messaging.participants.members import member
from sunshine_messaging.participants.model import participant_view
from sunshine_messaging.participants.table import PARTICIPANTS, participants_page


async def join_conversation(plane: Plane, call: Call) -> Any:
    if "subscribeSDKClient" not in call.body:
        raise BadRequest("should have required property 'subscribeSDKClient'")
    joining = member(call.body)
    change = JoinConversation(call.ids["appId"], call.ids["conversationId"], joining, text(plane.now()))
    return await plane.create(call, change)


async def list_participants(plane: Plane, call: Call) -> Any:
    query = call.request.query()
    page = paging.page(query, INVALID_PAGE)
    conversation = await plane.conversation(call)
    items, more = await plane.store.read(participants_page(conversation.id, page, INVALID_PAGE))
    neighbours = paging.neighbours(call.request.url(), page, query, [item.id for item in items], more)
    return {"participants": [participant_view(item) for item in items], **neighbours}


async def leave_conversation(plane: Plane, call: Call) -> Any:
    participant_id = call.body.get("participantId")
    if participant_id is not None:
        if {"userId", "userExternalId"} & call.body.keys():
            raise BadRequest("body should have exactly one of participantId, userId and userExternalId")
        leaving = Member(None, None)
    else:
        leaving = member(call.body)
    change = LeaveConversation(call.ids["appId"], call.ids["conversationId"], participant_id, leaving)
    await plane.change(call, change)
    return {}


TABLES = (PARTICIPANTS,)

HANDLERS: Handlers = {
    "JoinConversation": join_conversation,
    "ListParticipants": list_participants,
    "LeaveConversation": leave_conversation,
}
