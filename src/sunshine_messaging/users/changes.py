"""Changes of users."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import UserExists
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from sunshine_messaging.apps.table import register
from sunshine_messaging.clients.table import CLIENTS, clients_of
from sunshine_messaging.conversations.changes import erase_conversation
from sunshine_messaging.conversations.table import personal_conversations
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import Event
from sunshine_messaging.messages.changes import erase_author, erase_message
from sunshine_messaging.messages.table import messages_by
from sunshine_messaging.metadata import require_small
from sunshine_messaging.users.model import HandleKind, User, UserPatch, handle_prefix, handles, user_view
from sunshine_messaging.users.table import HANDLES, USERS, handle_exists, replace_handles, require_user


class CreateUser(Change[bytes], frozen=True):
    """Create a user and return the answer. Raises UserExists if another user has its external id."""

    action = "user.create"
    audited = False
    user: User

    def apply(self) -> Statements[bytes]:
        user = self.user
        if user.external_id is not None:
            prefix = handle_prefix(HandleKind.EXTERNAL_ID, user.app_id, user.brand_id, user.external_id)
            if (yield from handle_exists(prefix)):
                raise UserExists
        yield from register(user.app_id)
        yield from USERS.insert(user)
        for handle in handles(user):
            yield from HANDLES.insert(handle)
        return msgspec.json.encode({"user": user_view(user)})


class UpdateUser(Change[User], frozen=True):
    """Patch a user, found by id or external id. Raises UserNotFound, and BadRequest for too much metadata."""

    action = "user.update"
    audited = False
    app_id: str
    name: str
    brand_id: str | None
    patch: UserPatch

    def apply(self) -> Statements[User]:
        user = self.patch.apply((yield from require_user(self.app_id, self.name, self.brand_id)))
        require_small(user.metadata, "User")
        yield from USERS.update(user, "signed_up_at", "to_be_retained", "profile", "metadata")
        return user


class LinkZendeskUser(Change[User], frozen=True):
    """Link a user to a Zendesk user, and set its identities. No operation of the API does this. Raises UserNotFound."""

    action = "user.link"
    audited = False
    app_id: str
    user_id: str
    zendesk_id: str
    identities: list[dict[str, Any]]

    def apply(self) -> Statements[User]:
        user = yield from require_user(self.app_id, self.user_id, None)
        linked = msgspec.structs.replace(user, zendesk_id=self.zendesk_id, identities=self.identities)
        yield from USERS.update(linked, "zendesk_id", "identities")
        yield from replace_handles(user, linked)
        return linked


class DeleteUser(AnnouncedChange[None], frozen=True):
    """Delete a user, found by id or external id, with its clients, its personal conversations and its messages.

    Raises UserNotFound.
    """

    action = "user.delete"
    audited = False
    app_id: str
    name: str
    brand_id: str | None

    def apply(self) -> Statements[None]:
        user = yield from require_user(self.app_id, self.name, self.brand_id)
        for conversation_id in (yield from personal_conversations(user.id)):
            yield from erase_conversation(conversation_id)
        for message in (yield from messages_by(user.id)):
            yield from erase_message(message)
        yield from USERS.delete("id = $1", user.id)
        yield from self.audience.raise_event(Event("user:remove", user.id, lambda form: {"user": form.user(user)}))


class DeletePersonalInformation(Change[User], frozen=True):
    """Clear a user's profile, metadata and identities, and its name in messages and clients. Raises UserNotFound."""

    action = "user.depersonalise"
    audited = False
    app_id: str
    name: str
    brand_id: str | None

    def apply(self) -> Statements[User]:
        user = yield from require_user(self.app_id, self.name, self.brand_id)
        cleared = msgspec.structs.replace(user, profile={}, metadata={}, identities=[])
        yield from USERS.update(cleared, "profile", "metadata", "identities")
        yield from replace_handles(user, cleared)
        yield from erase_author(user)
        for client in (yield from clients_of(user.id)):
            bare = msgspec.structs.replace(client, display_name=None, avatar_url=None, info=None, raw=None)
            yield from CLIENTS.update(bare, "display_name", "avatar_url", "info", "raw")
        return cleared
