"""Conversations: the struct that the store holds, and its JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_messaging.control.model import Control, control_view
from sunshine_messaging.switchboards.model import Switchboard

PERSONAL, SDK_GROUP = "personal", "sdkGroup"


class Conversation(msgspec.Struct, frozen=True):
    """A conversation. Times are moments on the wire.

    `messages` is the number of its messages. `last_received` is the time of its last message in milliseconds since 1970,
    0 if it has had none; it stays when that message is deleted, so that the order of messages never changes.
    `active_entry` and `pending_entry` are ids of entries of the switchboard; one that has been deleted counts as none.
    """

    id: str
    app_id: str
    type: str
    is_default: bool
    display_name: str | None
    description: str | None
    icon_url: str | None
    metadata: dict[str, Any] | None
    created_at: str
    last_updated_at: str
    business_last_read: str | None = None
    messages: int = 0
    last_received: int = 0
    active_entry: str | None = None
    pending_entry: str | None = None

    @property
    def control(self) -> Control:
        return Control(self.active_entry, self.pending_entry)


class ConversationPatch(msgspec.Struct, frozen=True):
    """The properties that a PATCH names; UNSET leaves a field as it is, None clears it. Metadata is replaced."""

    display_name: str | msgspec.UnsetType | None = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    icon_url: str | msgspec.UnsetType | None = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET

    def apply(self, conversation: Conversation) -> Conversation:
        values = ((field, getattr(self, field)) for field in self.__struct_fields__)
        return msgspec.structs.replace(
            conversation, **{field: value for field, value in values if value is not msgspec.UNSET}
        )


def conversation_view(conversation: Conversation, switchboard: Switchboard | None) -> dict[str, Any]:
    """Return the conversation as JSON of the API. Unset fields are left out. `switchboard` is the app's, if it is enabled."""
    view: dict[str, Any] = {
        "id": conversation.id,
        "type": conversation.type,
        "isDefault": conversation.is_default,
    }
    fields = (
        ("displayName", conversation.display_name),
        ("description", conversation.description),
        ("iconUrl", conversation.icon_url),
        ("metadata", conversation.metadata),
        ("businessLastRead", conversation.business_last_read),
    )
    view |= {name: value for name, value in fields if value is not None}
    view |= control_view(switchboard, conversation.control)
    return view | {"lastUpdatedAt": conversation.last_updated_at, "createdAt": conversation.created_at}
