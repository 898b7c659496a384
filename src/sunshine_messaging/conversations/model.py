"""Conversations: the struct that the store holds, and its JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_messaging.control.model import Control, shown_entry
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


class ConversationView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A conversation as JSON of the API. Unset fields are left out."""

    id: str
    type: str
    is_default: bool
    display_name: str | None = None
    description: str | None = None
    icon_url: str | None = None
    metadata: dict[str, Any] | None = None
    business_last_read: str | None = None
    active_switchboard_integration: dict[str, Any] | None = None
    pending_switchboard_integration: dict[str, Any] | None = None
    last_updated_at: str
    created_at: str


def conversation_view(conversation: Conversation, switchboard: Switchboard | None) -> ConversationView:
    """Return the conversation as JSON of the API. `switchboard` is the app's, if it is enabled."""
    return ConversationView(
        id=conversation.id,
        type=conversation.type,
        is_default=conversation.is_default,
        display_name=conversation.display_name,
        description=conversation.description,
        icon_url=conversation.icon_url,
        metadata=conversation.metadata,
        business_last_read=conversation.business_last_read,
        active_switchboard_integration=shown_entry(switchboard, conversation.active_entry),
        pending_switchboard_integration=shown_entry(switchboard, conversation.pending_entry),
        last_updated_at=conversation.last_updated_at,
        created_at=conversation.created_at,
    )
