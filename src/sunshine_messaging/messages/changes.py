"""Changes of messages, and the counts that follow from them."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, Locked, SwitchboardInvalidAction
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.attachments.changes import show
from sunshine_messaging.attachments.table import delete_shown_by
from sunshine_messaging.clients.channels import carry
from sunshine_messaging.clients.model import Client
from sunshine_messaging.clients.table import clients_of
from sunshine_messaging.control.changes import ChangeControl, settle_control
from sunshine_messaging.control.states import Action
from sunshine_messaging.conversations.model import PERSONAL, Conversation
from sunshine_messaging.conversations.table import require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import API_SOURCE, Event, Form, Source
from sunshine_messaging.messages.model import MOST_MESSAGES, Message, message_id, received_at
from sunshine_messaging.messages.table import MESSAGES, delete_all, messages_by, require_message
from sunshine_messaging.moments import Milliseconds, text
from sunshine_messaging.participants.changes import Member
from sunshine_messaging.participants.table import participants_of, require_participant
from sunshine_messaging.users.model import User

NO_AVATAR = f"https://www.gravatar.com/avatar/{'0' * 32}.png?s=200&d=mm"
"""The avatar of an author who has none (observed)."""

_NO_SUCH_DESTINATION = "The conversation's user has no client of this destination"
_encode = msgspec.json.Encoder().encode

_COUNT = "UPDATE conversations SET messages = messages + $2, last_received = $3, last_updated_at = $4 WHERE id = $1 RETURNING id"
_UNREAD = (
    "UPDATE participants SET unread_count = unread_count + $2 WHERE conversation_id = $1 AND user_id <> $3"
    " RETURNING user_id, client_associations"
)
_NO_LONGER_UNREAD = (
    "UPDATE participants SET unread_count = unread_count - 1"
    " WHERE conversation_id = $1 AND seen < $2 AND user_id <> $3 RETURNING id"
)


class Author(msgspec.Struct, frozen=True):
    """An author as a body names it: a business, or the user `member`. `uses_animal_names` is the app's setting."""

    member: Member | None
    display_name: str | None = None
    avatar_url: str | None = None
    subtypes: list[str] | None = None
    uses_animal_names: bool = False

    def view(self, user: User | None) -> dict[str, Any]:
        """Return the author as JSON of the API. `user` is the user that `member` names."""
        view: dict[str, Any] = {"type": "business" if user is None else "user"}
        if user is not None:
            view["userId"] = user.id
        if self.subtypes:
            view["subtypes"] = self.subtypes
        name = self.display_name
        if name is None and user is not None:
            name = user_name(user, uses_animal_names=self.uses_animal_names)
        if name is not None:
            view["displayName"] = name
        avatar = self.avatar_url or (None if user is None else user.profile.get("avatarUrl"))
        return view | {"avatarUrl": avatar or NO_AVATAR}


class Destination(msgspec.Struct, frozen=True):
    """The channel that a message is for: one integration, or all of one type."""

    integration_id: str | None
    integration_type: str | None


class PostMessage(AnnouncedChange[bytes], frozen=True):
    """Store messages, one for each of `contents` or a single one of an `activity`, and return the answer.

    Raises ConversationNotFound, UserNotFound, NotFound for a user who is no member, BadRequest for a destination that the
    user does not have, and Locked. `source` is that of the event, and `quoted` the message that this one answers. `original`
    are the fields of the source that only messages have. `responder_id` is the default responder of a user's channel. Control
    goes to `pass_to` afterwards; `integration_id` is the integration that passes it, None for an app or account key.
    """

    action = "message.post"
    audited = False
    app_id: str
    conversation_id: str
    author: Author
    contents: list[dict[str, Any]]
    metadata: dict[str, Any] | None
    destination: Destination | None
    now: Milliseconds
    source: Source = API_SOURCE
    original: dict[str, Any] | None = None
    quoted: dict[str, Any] | None = None
    responder_id: str | None = None
    activity: dict[str, Any] | None = None
    pass_to: str | None = None
    integration_id: str | None = None

    @property
    def needs_switchboard(self) -> bool:
        return self.author.member is not None or self.pass_to is not None

    def apply(self) -> Statements[bytes]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        user = None
        if self.author.member is not None:
            user = yield from self.author.member.require_user(self.app_id)
            yield from require_participant(conversation.id, user.id)
        client = None
        if self.destination is not None:
            client = yield from _require_destination(conversation, self.destination)
        if conversation.messages + len(self.contents) > MOST_MESSAGES:
            raise Locked
        if user is not None:
            conversation = yield from settle_control(self.audience, conversation, self.responder_id)
        author, author_id = self.author.view(user), None if user is None else user.id
        received, views, bodies = conversation.last_received, [], []
        parts = [{"content": content} for content in self.contents]
        if self.activity is not None:
            parts.append({"activity": self.activity})
        for part in parts:
            received = max(self.now, received + 1)
            view = self._view(received, author, part)
            message = Message(conversation.id + view["id"], author_id, _encode(view))
            yield from MESSAGES.insert(message)
            if "mediaUrl" in part.get("content", ()):
                yield from show(self.app_id, conversation.id, message.key, part["content"]["mediaUrl"])
            yield from self.audience.raise_event(_posted(conversation, view, user, self.source))
            views.append(view)
            bodies.append(message.body)
        if views:
            yield from execute(_COUNT, conversation.id, len(views), received, text(received))
        others = yield from execute(_UNREAD, conversation.id, len(views), author_id or "")
        if self.activity is None and (self.destination is None or client is not None):
            for user_id, associations in others:
                yield from carry(self.audience, conversation, user_id, associations, client, views)
        if self.pass_to is not None:
            passing = ChangeControl(
                self.app_id, conversation.id, Action.PASS, self.integration_id, self.pass_to, audience=self.audience
            )
            with contextlib.suppress(SwitchboardInvalidAction):  # there is no enabled switchboard
                yield from passing.apply()
        return b'{"messages":[' + b",".join(bodies) + b"]}"

    def _view(self, received: Milliseconds, author: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
        """Return a new message as JSON of the API. `part` is its content or its activity."""
        view: dict[str, Any] = {
            "id": message_id(received),
            "received": text(received),
            "author": author,
            **part,
            "source": self.source.view | (self.original or {}),
        }
        if self.quoted:
            view["quotedMessage"] = self.quoted
        return view | {"metadata": self.metadata} if self.metadata else view


def _posted(conversation: Conversation, message: dict[str, Any], user: User | None, source: Source) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        author = form.author(message["author"], user)
        return {"message": message | {"author": author, "source": message["source"] | form.source(source)}}

    return Event("conversation:message", conversation.id, payload, conversation)


def _require_destination(conversation: Conversation, destination: Destination) -> Statements[Client | None]:
    """Return the client of this destination; None if it is `none`.

    Raises BadRequest unless the conversation is personal and its user has such a client.
    """
    if conversation.type != PERSONAL:
        raise BadRequest("destination is for personal conversations only")
    if destination.integration_type == "none":
        return None
    (participant,) = yield from participants_of(conversation.id)
    clients = [
        client
        for client in (yield from clients_of(participant.user_id))
        if destination.integration_id in (None, client.integration_id)
        and destination.integration_type in (None, client.type)
    ]
    if not clients:
        raise BadRequest(_NO_SUCH_DESTINATION)
    return next((client for client in clients if client.status == "active"), clients[0])


class DeleteMessage(Change[None], frozen=True):
    """Delete a message. Raises ConversationNotFound, NotFound."""

    action = "message.delete"
    audited = False
    app_id: str
    conversation_id: str
    message_id: str

    def apply(self) -> Statements[None]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        message = yield from require_message(conversation.id, self.message_id)
        yield from erase_message(message)


class DeleteAllMessages(Change[None], frozen=True):
    """Delete all messages of a conversation. Raises ConversationNotFound."""

    action = "message.delete_all"
    audited = False
    app_id: str
    conversation_id: str

    def apply(self) -> Statements[None]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        yield from erase_messages(conversation.id)


def erase_message(message: Message) -> Statements[None]:
    """Delete a message. It no longer counts as unread."""
    yield from MESSAGES.delete("key = $1", message.key)
    yield from delete_shown_by(message.key, message.key)
    yield from execute(
        "UPDATE conversations SET messages = messages - 1 WHERE id = $1 RETURNING id", message.conversation_id
    )
    yield from execute(_NO_LONGER_UNREAD, message.conversation_id, received_at(message.id), message.author_id or "")


def erase_messages(conversation_id: str) -> Statements[None]:
    """Delete all messages of a conversation. Nobody has unread ones any more."""
    yield from delete_all(conversation_id)
    yield from execute("UPDATE conversations SET messages = 0 WHERE id = $1 RETURNING id", conversation_id)
    yield from execute(
        "UPDATE participants SET unread_count = 0 WHERE conversation_id = $1 AND unread_count > 0 RETURNING id",
        conversation_id,
    )


def erase_author(user: User) -> Statements[None]:
    """Remove the user's name and avatar from all messages that the user wrote."""
    author = Author(None).view(msgspec.structs.replace(user, profile={}))
    for message in (yield from messages_by(user.id)):
        body = msgspec.json.decode(message.body)
        body["author"] = author
        yield from MESSAGES.update(msgspec.structs.replace(message, body=_encode(body)), "body")


def user_name(user: User, *, uses_animal_names: bool) -> str:
    """Return the name of a user in messages: the profile's, an animal, or the id."""
    names = [user.profile[part] for part in ("givenName", "surname") if part in user.profile]
    if names:
        return " ".join(names)
    if uses_animal_names:
        number = int(user.id, 16)
        return f"{_ADJECTIVES[number % len(_ADJECTIVES)]} {_ANIMALS[number // 7 % len(_ANIMALS)]}"
    return f"User {user.id}"


_ADJECTIVES = ("Amber", "Blue", "Calm", "Golden", "Green", "Quiet", "Silver", "Swift")
_ANIMALS = (
    "Badger",
    "Crane",
    "Dolphin",
    "Falcon",
    "Heron",
    "Lynx",
    "Otter",
    "Panda",
    "Raven",
    "Robin",
    "Seal",
    "Tiger",
    "Wolf",
)
