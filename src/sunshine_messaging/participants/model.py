"""Participants: the struct that the store holds, and its JSON."""

from __future__ import annotations

from typing import Any

import msgspec

MOST_PARTICIPANTS = 10
"""The most participants of a conversation (documented)."""


class Participant(msgspec.Struct, frozen=True):
    """A user in a conversation.

    `unread_count` is the number of messages by others that the user has not read. `seen` is the time, in milliseconds since
    1970, of the last message that the user has read or that was there when the user joined: later ones are unread.
    """

    id: str
    conversation_id: str
    user_id: str
    user_external_id: str | None
    unread_count: int
    seen: int
    last_read: str | None
    client_associations: list[Any]


def participant_view(participant: Participant) -> dict[str, Any]:
    """Return the participant as JSON of the API. Unset fields are left out."""
    view: dict[str, Any] = {"id": participant.id, "userId": participant.user_id}
    if participant.user_external_id is not None:
        view["userExternalId"] = participant.user_external_id
    view |= {"unreadCount": participant.unread_count, "clientAssociations": participant.client_associations}
    if participant.last_read is not None:
        view["lastRead"] = participant.last_read
    return view
